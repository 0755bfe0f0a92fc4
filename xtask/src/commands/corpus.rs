//! `cargo xtask corpus --out DIR`: the corpus for other readers: files, what is expected of each, a runner, the rules.

use std::path::absolute;

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::shell;

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let [out, folder] = arguments else { return Err(usage()) };
    if out != "--out" || folder.starts_with('-') {
        return Err(usage());
    }
    let folder = absolute(folder).map_err(|error| Failure::Failed(format!("locating {folder}: {error}")))?;
    let mut python = shell::command(project, "python3");
    python.args(["tests/corpus/generate.py", "--artefact", env!("CARGO_PKG_VERSION"), "--out"]).arg(&folder);
    shell::run(&mut python)?;
    println!("measure a reader with it: python3 {} PROGRAM", folder.join("run.py").display());
    Ok(())
}

fn usage() -> Failure {
    Failure::Usage("usage: cargo xtask corpus --out DIR".into())
}
