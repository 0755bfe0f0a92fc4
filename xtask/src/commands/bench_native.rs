//! Native admission beside read + hash and other readers: builds and runs `tests/bench/native`, a workspace of its own.

use crate::commands::model;
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::shell;

const FOLDER: &str = "tests/bench/native";
const TARGET_DIR: &str = "target/bench-native";
const REPORT: &str = "target/bench-native.json";

/// Measures the real model, prints a table and writes `target/bench-native.json`.
pub(crate) fn run(project: &Project) -> Result<(), Failure> {
    let file = model::ensure_model(project)?;
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["build", "--quiet", "--release", "--locked", "--target-dir", TARGET_DIR]);
    cargo.arg("--manifest-path").arg(format!("{FOLDER}/Cargo.toml"));
    shell::run(&mut cargo)?;
    let program = project.path(&format!("{TARGET_DIR}/release/bench-native"));
    shell::run(shell::command(project, &program.to_string_lossy()).arg(file).arg(REPORT))
}
