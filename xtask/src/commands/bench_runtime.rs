//! `cargo xtask bench --runtime`: the runtime on candle. What it takes to load the real model natively, in four ways;
//! and its module beside wllama, in turns in one page of Chromium.

use crate::commands::{build, build_runtime, model};
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{browsers, npm, shell};

const WAYS: [&str; 4] = ["vec", "file", "model", "weights"];
const SCRIPT: &str = "tests/bench/runtime.mjs";
const PACKAGES: &str = "tests/browser";

pub(crate) fn run(project: &Project) -> Result<(), Failure> {
    let file = model::ensure_model(project)?;
    for way in WAYS {
        let mut peak = shell::command(project, "cargo");
        peak.args(["run", "--quiet", "--release", "--manifest-path", build_runtime::WORKSPACE]);
        shell::run(peak.args(["--package", "gguf-admission-candle", "--example", "peak", "--", way]).arg(&file))?;
    }
    build::ensure(project)?;
    build_runtime::run(project, false)?;
    npm::package(project, PACKAGES, "@wllama/wllama")?;
    browsers::ensure(project);
    shell::run(shell::command(project, "node").arg(SCRIPT))
}
