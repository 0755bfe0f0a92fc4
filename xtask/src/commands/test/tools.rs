//! The tools that steps run, and what they counted.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::counts::{Outcome, skip_reasons};
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::shell;

/// The tests in browsers.
pub(super) const BROWSER_TESTS: &str = "tests/browser";

const SHOWN_OF_A_FAILURE: usize = 150;

pub(super) fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut command = shell::command(project, "cargo");
    command.args(arguments).env("CARGO_TERM_COLOR", "never");
    command
}

pub(super) fn node(project: &Project, files: &[PathBuf], options: &[&str]) -> Result<Command, Failure> {
    if files.is_empty() {
        return Err(Failure::Failed("there are no tests: no *.test.js, no *.test.mjs".into()));
    }
    let mut command = shell::command(project, "node");
    command
        .args(["--test", "--test-reporter=spec", "--test-timeout=600000"])
        .args(options)
        .args(files)
        .env("NO_COLOR", "1");
    Ok(command)
}

/// The test files in `folder` and below, in order, without those of installed packages.
pub(super) fn find_node_tests(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let reading = |error| Failure::io("reading", folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "node_modules" {
            found.append(&mut find_node_tests(&path)?);
        } else if name.ends_with(".test.js") || name.ends_with(".test.mjs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a tool that counts nothing: one passed or one failed.
pub(super) fn single(command: Command, log: &Path) -> Result<Outcome, Failure> {
    counted(command, log, |_| Outcome::default()).map(|outcome| match outcome {
        Outcome { failed: 0, .. } => Outcome::passed(1),
        failed => failed,
    })
}

/// Runs a tool that counts, and reads its count.
pub(super) fn counted(mut command: Command, log: &Path, count: fn(&str) -> Outcome) -> Result<Outcome, Failure> {
    let record = shell::record(&mut command, log)?;
    let mut outcome = count(&record.text);
    if outcome.skipped > 0 && outcome.remark.is_empty() {
        outcome.remark = skip_reasons(&record.text);
    }
    if !record.success {
        // A tool can fail without counting a failure: it crashed, or did not compile.
        outcome.failed = outcome.failed.max(1);
        outcome.remark = shell::tail(&record.text, SHOWN_OF_A_FAILURE);
    }
    Ok(outcome)
}
