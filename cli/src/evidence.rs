//! `gguf-admit evidence`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gguf_admission::{Algorithm, Digest, Evidence, Limits, Session, Storage, Verify};
use tempfile::NamedTempFile;

use crate::arguments::{self, threads};
use crate::exit::Exit;
use crate::input::{Input, is_standard_input};
use crate::label::label;
use crate::progress::Progress;
use crate::text;
use crate::verdict::{Stop, Verdict};
use crate::{groups, stream};

/// BLAKE3 and evidence, as a mask of digests.
const MASK: u8 = Algorithm::Blake3 as u8 | 4;

pub(crate) fn run(arguments: &arguments::Evidence) -> Exit {
    let file = &arguments.file;
    let output = arguments.output.clone().unwrap_or_else(|| beside(file));
    if is_same(file, &output) {
        anstream::eprintln!("gguf-admit: {}: the evidence would replace the file itself", label(output.as_os_str()));
        return Exit::Usage;
    }
    let (evidence, blake3) = match find(file, threads(arguments.jobs)) {
        Ok(found) => found,
        Err(stop) => {
            let verdict = Verdict::stopped(file.clone().into_os_string(), None, stop);
            anstream::eprintln!("{}", text::line(&verdict, 0));
            return verdict.exit();
        }
    };
    match write(&output, evidence.as_bytes()) {
        Ok(()) => {
            let values = text::grouped(evidence.len() as u64);
            anstream::eprintln!("{}  {values} values  blake3 {blake3}", label(output.as_os_str()));
            Exit::Good
        }
        Err(error) => {
            anstream::eprintln!("gguf-admit: {}: {error}", label(output.as_os_str()));
            Exit::Unread
        }
    }
}

fn find(file: &Path, threads: usize) -> Result<(Evidence, Digest), Stop> {
    let input = Input::open(file)?;
    let mut session = Session::new(Verify::default(), input.length(), Limits::new(Storage::Verify))?;
    let progress = Progress::new(input.length()).tick();
    let evidence = match input {
        Input::File(file, length) if length > 0 => {
            session.set_digests(0)?;
            groups::admit(&mut session, (&file, length), None, threads, &progress)?
        }
        Input::File(file, _) => through(&mut session, &mut &file, &progress)?,
        Input::Stream(mut stream) => through(&mut session, &mut stream, &progress)?,
    };
    progress.end();
    let blake3 = evidence.root(session.position()).ok_or_else(|| io::Error::other("a value is missing"))?;
    Ok((evidence, blake3))
}

fn through(session: &mut Session<Verify>, reader: &mut dyn io::Read, progress: &Progress) -> Result<Evidence, Stop> {
    session.set_digests(MASK)?;
    stream::admit(session, reader, &mut progress.reader())?;
    Ok(Evidence::from_bytes(session.evidence()?)?)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".evidence");
    name.into()
}

/// Whether both names lead to one file, by links too.
fn is_same(file: &Path, output: &Path) -> bool {
    if is_standard_input(output) {
        return false;
    }
    let file = if is_standard_input(file) { Path::new("/dev/stdin") } else { file };
    matches!((file.canonicalize(), output.canonicalize()), (Ok(file), Ok(output)) if file == output)
}

/// Whole or not at all: a part of it would be taken for the evidence of the file's beginning.
fn write(output: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_standard_input(output) {
        let mut out = io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush());
    }
    // A device or a pipe is written to, and not replaced; of a link, what it leads to is replaced.
    if fs::metadata(output).is_ok_and(|about| !about.is_file()) {
        return File::options().write(true).open(output)?.write_all(bytes);
    }
    let real = output.canonicalize();
    let output = real.as_deref().unwrap_or(output);
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut part: NamedTempFile = builder.tempfile_in(folder)?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    part.persist(output).map(drop).map_err(|error| error.error)
}
