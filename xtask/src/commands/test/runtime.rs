//! The step of the runtime on candle: its workspace has a lock and a build folder of its own.

use std::path::Path;

use super::counts::{Outcome, count_libtest, count_node};
use super::tools::{cargo, counted, node, single};
use crate::commands::build_runtime::{self, WORKSPACE};
use crate::commands::model;
use crate::failure::Failure;
use crate::project::Project;

const TESTS: &str = "examples/candle-runtime/tests";

/// Clippy, the tests on the real model, and the module.
pub(super) fn run(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    model::ensure_model(project)?;
    let part = |name: &str| log.with_extension(format!("{name}.log"));
    let format = ["fmt", "--all", "--check", "--manifest-path", WORKSPACE];
    let clippy =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--manifest-path", WORKSPACE, "--", "-Dwarnings"];
    let tests = ["test", "--workspace", "--no-fail-fast", "--manifest-path", WORKSPACE];
    let checked =
        single(cargo(project, &format), &part("format"))?.and(single(cargo(project, &clippy), &part("clippy"))?);
    let tested = counted(cargo(project, &tests), &part("tests"), count_libtest)?;
    build_runtime::run(project, false)?;
    let module = ["module", "hostile"].map(|name| project.path(&format!("{TESTS}/{name}.test.mjs")));
    Ok(checked.and(tested).and(counted(node(project, &module, &[])?, log, count_node)?))
}
