//! Whole programs beside others that do a part of their work: `gguf-admit` beside hashing commands, and the upload
//! server beside a server that hashes and writes. What measures them lies in `tests/bench`, workspaces of their own.

use std::path::PathBuf;

use crate::commands::model;
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::shell;

/// `b3sum` is fetched and built for this alone, below `target/`.
const B3SUM: &str = "1.8.7";
const TOOLS: &str = "target/tools";

/// `gguf-admit check` of the real model; writes `target/bench-command.json`.
pub(crate) fn command(project: &Project) -> Result<(), Failure> {
    let file = model::ensure_model(project)?;
    let admit = release(project, "Cargo.toml", "target", &["--package", "gguf-admit"], "gguf-admit")?;
    let bench = release(project, "tests/bench/command/Cargo.toml", "target/bench-command", &[], "bench-command")?;
    let b3sum = project.path(&format!("{TOOLS}/bin/b3sum"));
    if !b3sum.is_file() {
        let mut install = shell::command(project, "cargo");
        install.args(["install", "--quiet", "--root", TOOLS, "--locked", "--version", B3SUM, "b3sum"]);
        shell::run(&mut install)?;
    }
    let mut run = shell::command(project, &bench.to_string_lossy());
    shell::run(run.args([&admit, &b3sum, &file]).arg("target/bench-command.json"))
}

/// 100 uploads of the real model at once, and fewer; writes `target/bench-upload.json`. It takes 26 GB of disk.
pub(crate) fn upload(project: &Project) -> Result<(), Failure> {
    let file = model::ensure_model(project)?;
    let server = release(project, "examples/upload-server/Cargo.toml", "target/upload-server", &[], "upload-server")?;
    let bench = release(project, "tests/bench/upload/Cargo.toml", "target/bench-upload", &[], "bench-upload")?;
    let data = project.folder("target/bench-upload/data")?;
    let mut run = shell::command(project, &bench.to_string_lossy());
    shell::run(run.args([&server, &file, &data]).arg("target/bench-upload.json"))
}

/// Builds a program as it is released, and answers where it lies.
fn release(
    project: &Project,
    manifest: &str,
    target: &str,
    options: &[&str],
    program: &str,
) -> Result<PathBuf, Failure> {
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["build", "--quiet", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target]);
    shell::run(cargo.args(options))?;
    Ok(project.path(&format!("{target}/release/{program}")))
}
