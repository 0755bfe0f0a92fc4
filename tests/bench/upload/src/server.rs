//! One run: a server process of its own, so many uploads at once, and what it took.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::{Failure, client};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The upload server.
    Upload,
    /// Hashes and writes.
    Store,
    /// Hashes, and keeps nothing.
    Hash,
}

/// Seconds of the wall, CPU seconds of the server, and its peak memory in bytes.
pub struct Run {
    pub seconds: f64,
    pub cpu: f64,
    pub peak: u64,
}

/// A server that ends with this value, and its folder with it.
pub struct Server {
    child: Child,
    pub address: String,
    pub folder: TempDir,
}

impl Kind {
    pub fn about(self) -> &'static str {
        match self {
            Kind::Upload => "upload server",
            Kind::Store => "hashes and writes",
            Kind::Hash => "only hashes",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Kind::Hash => "/hash",
            Kind::Upload | Kind::Store => "/models",
        }
    }
}

pub fn run(program: &str, kind: Kind, model: &Path, folder: &Path, count: usize) -> Result<Run, Failure> {
    let server = start(program, kind, folder)?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let uploads: Vec<_> = (0..count)
            .map(|index| {
                let (address, path) = (&server.address, format!("{}/{index}.gguf", kind.path()));
                scope.spawn(move || client::put(address, &path, model).map_err(|error| error.to_string()))
            })
            .collect();
        for upload in uploads {
            let status = upload.join().map_err(|_| "a client panicked")??;
            if status != 201 {
                return Err(format!("an upload was answered with {status}"));
            }
        }
        Ok(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Run { seconds, cpu: server.cpu()?, peak: server.peak()? })
}

pub fn start(program: &str, kind: Kind, folder: &Path) -> Result<Server, Failure> {
    let folder = tempfile::tempdir_in(folder)?;
    let mut command = match kind {
        Kind::Upload => {
            let mut command = Command::new(program);
            command.args(["--listen", "127.0.0.1:0", "--folder"]);
            command
        }
        Kind::Store | Kind::Hash => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--baseline");
            command
        }
    };
    let mut child = command.arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening on ").ok_or("it does not listen")?.to_owned();
    Ok(Server { child, address, folder })
}

impl Server {
    fn proc(&self, name: &str) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id()))?)
    }

    fn cpu(&self) -> Result<f64, Failure> {
        let stat = self.proc("stat")?;
        let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no fields")?.1.split(' ').collect();
        // utime and stime, in ticks of 10 ms: the only size there is on Linux.
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }

    fn peak(&self) -> Result<u64, Failure> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// What lies in a folder of the store.
    pub fn files(&self, name: &str) -> Result<usize, Failure> {
        let entries = std::fs::read_dir(self.folder.path().join(name))?;
        Ok(entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "lock")).count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
