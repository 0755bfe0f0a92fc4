//! `cargo xtask demo [FILE]`: the same file through ABI v1, v2 verify and v2 resident, as a table.
//!
//! Every row is an admission of its own, in a fresh Node process with a fresh instance, so that its memory is its own.

use std::path::{Path, PathBuf};

use crate::commands::model;
use crate::failure::Failure;
use crate::project::{Project, is_newer};
use crate::tools::{module, shell};

const GENERATOR: &str = "tests/corpus/generate.py";
/// What the generated file depends on.
const GENERATOR_FILES: [&str; 3] = [GENERATOR, "tests/corpus/model.py", "tests/corpus/builder.py"];
const SCRIPT: &str = "tests/demo/demo.mjs";
/// Fits one transfer of ABI v1.
const SMALL_MIB: u64 = 96;
/// Does not.
const LARGE_MIB: u64 = 160;

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let file = match arguments {
        [] => None,
        [file] if !file.starts_with('-') => Some(PathBuf::from(file)),
        _ => return Err(Failure::Usage("usage: cargo xtask demo [FILE]".into())),
    };
    if let Some(file) = &file {
        std::fs::File::open(file).map_err(|error| Failure::io("opening", file, &error))?;
    }
    module::build(project, &module::COMBINED)?;
    if let Some(file) = file {
        let file = std::path::absolute(&file).map_err(|error| Failure::io("locating", &file, &error))?;
        return show(project, &file, "");
    }

    show(project, &generate(project, SMALL_MIB)?, "generated, with a header like a real model's")?;
    match model::ensure_model(project) {
        Ok(model) => show(project, &model, "a real model, larger than one transfer of ABI v1"),
        Err(failure @ Failure::Unavailable(_)) => {
            println!("{failure}\nthe real model is not here: a generated file of {LARGE_MIB} MiB stands in for it");
            show(project, &generate(project, LARGE_MIB)?, "generated, larger than one transfer of ABI v1")
        }
        Err(failure) => Err(failure),
    }
}

/// A generated GGUF of about `mebibytes` with a header like a real model's. The generator always writes the same bytes,
/// so it runs again only when it has changed.
fn generate(project: &Project, mebibytes: u64) -> Result<PathBuf, Failure> {
    project.folder("target/demo")?;
    let relative = format!("target/demo/generated-{mebibytes}-mib.gguf");
    let file = project.path(&relative);
    if GENERATOR_FILES.iter().all(|source| is_newer(&file, &project.path(source))) {
        return Ok(file);
    }
    let unfinished = format!("{relative}.part");
    let bytes = (mebibytes * 1024 * 1024).to_string();
    shell::run(shell::command(project, "python3").args([GENERATOR, "--model", &bytes, "--out", &unfinished]))?;
    std::fs::rename(project.path(&unfinished), &file)
        .map_err(|error| Failure::io("moving into place", &file, &error))?;
    Ok(file)
}

fn show(project: &Project, file: &Path, remark: &str) -> Result<(), Failure> {
    println!();
    let mut node = shell::command(project, "node");
    node.arg(SCRIPT).arg(file).arg(remark);
    let status = node.status().map_err(|error| Failure::Unavailable(format!("node cannot be started: {error}")))?;
    outcome(status.code(), &project.shown(file).to_string())
}

/// What the command says of the file, by the exit code of the script.
fn outcome(code: Option<i32>, file: &str) -> Result<(), Failure> {
    match code {
        Some(0) => Ok(()),
        Some(1) => Err(Failure::Failed(format!("{file} is rejected"))),
        _ => Err(Failure::Failed("the demo did not come out as it should".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That the script ends with 1 for such a file, tests/demo/demo.test.mjs holds.
    #[test]
    fn a_rejected_file_ends_the_command_with_1_and_its_name() {
        let ends = |code| outcome(code, "x.gguf").map_err(|failure| (failure.to_string(), failure.exit_code()));
        let failed = |message: &str| Err((message.to_owned(), std::process::ExitCode::from(1)));
        assert_eq!(ends(Some(0)), Ok(()));
        assert_eq!(ends(Some(1)), failed("x.gguf is rejected"));
        for code in [Some(2), Some(134), None] {
            assert_eq!(ends(code), failed("the demo did not come out as it should"));
        }
    }
}
