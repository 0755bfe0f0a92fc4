//! The example `examples/upload-server`: a workspace of its own, and tests that drive the built server from outside.

use std::path::Path;

use super::counts::{Outcome, count_libtest, count_node};
use super::tools::{BROWSER_TESTS, cargo, counted, find_node_tests, node};
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{npm, pip, shell};

const FOLDER: &str = "examples/upload-server";
const TARGET: &str = "target/upload-server";

pub(super) fn run(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let manifest = format!("{FOLDER}/Cargo.toml");
    let place = ["--manifest-path", &manifest, "--target-dir", TARGET];
    let quietly = |command: &str, more: &[&str]| {
        let record =
            shell::record(cargo(project, &[command]).args(place).args(["--quiet", "--locked"]).args(more), log)?;
        if record.success { Ok(()) } else { Err(Failure::Failed(record.text)) }
    };
    shell::capture(cargo(project, &["fmt", "--check", "--manifest-path"]).arg(&manifest))?;
    quietly("clippy", &["--all-targets", "--", "-Dwarnings"])?;
    quietly("build", &[])?;
    let mut rust = cargo(project, &["test", "--locked"]);
    rust.args(place);
    let rust = counted(rust, log, count_libtest)?;

    // What is not there is skipped by its tests, with the reason.
    npm::package(project, FOLDER, "tus-js-client")?;
    let browser = npm::package(project, BROWSER_TESTS, "playwright-core");
    let moto = pip::installed(project, &format!("{FOLDER}/test/requirements.txt"), "target/moto");
    let mut tests = node(project, &find_node_tests(&project.path(FOLDER))?, &[])?;
    match &moto {
        Ok(folder) => _ = tests.env("GGUF_MOTO", folder),
        Err(failure) => println!("{failure}"),
    }
    if let Err(failure) = browser {
        println!("{failure}");
    }
    Ok(rust.and(counted(tests, log, count_node)?))
}
