//! `cargo xtask conformance`: the corpus and the real files beside other GGUF readers, and docs/conformance.md from it.
//!
//! The readers are installed below target/. One that cannot be is left out and named; the page is then not written.

use std::path::PathBuf;

use crate::commands::{build, model};
use crate::failure::Failure;
use crate::project::{Project, is_newer};
use crate::tools::{npm, pip, shell};

const FOLDER: &str = "tests/conformance";
const TOOLS: &str = "target/tools/conformance";
const PAGE: &str = "docs/conformance.md";

/// A reader: the option of the script that says where it is, and what installs it and answers where.
struct Reader {
    option: &'static str,
    install: fn(&Project) -> Result<PathBuf, Failure>,
}

const READERS: [Reader; 3] = [
    Reader { option: "--gguf", install: from_pypi },
    Reader { option: "--hf", install: from_npm },
    Reader { option: "--candle", install: from_crates },
];

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return Err(Failure::Usage("usage: cargo xtask conformance".into()));
    }
    build::ensure(project)?;
    shell::run(shell::command(project, "python3").arg("tests/corpus/generate.py"))?;

    let mut missing = Vec::new();
    let mut note = |what: &str, failure: Failure| match failure {
        Failure::Unavailable(reason) => {
            missing.push(format!("{what}: {reason}"));
            Ok(())
        }
        failure => Err(failure),
    };
    if let Err(failure) = model::run(project, &[]) {
        note("the real files", failure)?;
    }
    let mut compare = shell::command(project, "python3");
    compare.arg(format!("{FOLDER}/conformance.py"));
    for reader in READERS {
        match (reader.install)(project) {
            Ok(place) => drop(compare.arg(reader.option).arg(place)),
            Err(failure) => note(reader.option, failure)?,
        }
    }
    if missing.is_empty() {
        compare.args(["--write", PAGE]);
    }
    shell::run(&mut compare)?;
    if missing.is_empty() {
        println!("written: {PAGE}");
        return Ok(());
    }
    Err(Failure::Unavailable(format!("{PAGE} is not written, since these are left out:\n{}", missing.join("\n"))))
}

fn from_pypi(project: &Project) -> Result<PathBuf, Failure> {
    pip::installed(project, &format!("{FOLDER}/requirements.txt"), &format!("{TOOLS}/python"))
}

/// The two files that say what to install are copied: the packages lie beside the copy.
fn from_npm(project: &Project) -> Result<PathBuf, Failure> {
    let folder = project.folder(&format!("{TOOLS}/npm"))?;
    for name in ["package.json", "package-lock.json"] {
        let (source, copy) = (project.path(&format!("{FOLDER}/{name}")), folder.join(name));
        if is_newer(&copy, &source) {
            continue;
        }
        std::fs::copy(&source, &copy).map_err(|error| Failure::io("writing", &copy, &error))?;
    }
    npm::package(project, &format!("{TOOLS}/npm"), "@huggingface/gguf")?;
    Ok(folder)
}

/// A crate in a workspace of its own: candle is compiled for this command alone.
fn from_crates(project: &Project) -> Result<PathBuf, Failure> {
    let manifest = format!("{FOLDER}/reader_candle/Cargo.toml");
    let mut fetch = shell::command(project, "cargo");
    fetch.args(["fetch", "--quiet", "--locked", "--manifest-path", &manifest]);
    shell::run(&mut fetch).map_err(|failure| Failure::Unavailable(failure.to_string()))?;
    let target_dir = format!("{TOOLS}/candle");
    let mut build = shell::command(project, "cargo");
    build.args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        &manifest,
        "--target-dir",
        &target_dir,
    ]);
    shell::run(&mut build)?;
    Ok(project.path(&format!("{target_dir}/release/conformance-reader-candle")))
}
