//! `cargo xtask build --runtime`: the example runtime on candle, one module without imports.

use crate::commands::build;
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::module::{BASELINE, COMBINED, Module, TARGET_DIR};
use crate::tools::rust::{self, TARGET};
use crate::tools::{npm, shell};

/// The workspace of the candle crates: apart, so that the main lock keeps its few crates.
pub(crate) const WORKSPACE: &str = "candle/Cargo.toml";

/// Where the demo page looks for it.
const DEMO: &str = "js/demo/candle-runtime.wasm";

/// The runtime: both interfaces, and the calls that generate text.
pub(crate) const MODULE: Module = Module {
    name: "candle-runtime",
    package: "gguf-candle-runtime",
    rustflags: &["-Ctarget-feature=+simd128,+bulk-memory"],
    out: "target/wasm/candle-runtime.wasm",
    golden: "tests/golden/exports-candle-runtime.txt",
    limit: 2560 * 1024,
    ..COMBINED
};

/// Builds and checks it. What candle imports for random numbers, which nothing of it asks for, becomes traps.
pub(crate) fn run(project: &Project, bless: bool) -> Result<(), Failure> {
    rust::ensure_target(project)?;
    let target_dir = format!("{TARGET_DIR}/{}", MODULE.name);
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["build", "--quiet", "--lib", "--release", "--package", MODULE.package, "--manifest-path", WORKSPACE]);
    cargo.args(["--target", TARGET, "--target-dir", &target_dir]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", MODULE.rustflags.join("\x1f"));
    shell::run(&mut cargo)?;

    let linked = project.path(&format!("{target_dir}/{TARGET}/release/gguf_candle_runtime.wasm"));
    let trapped = project.path(&format!("{target_dir}/trapped.wasm"));
    let mut traps = shell::command(project, "cargo");
    traps.args(["run", "--quiet", "--package", "gguf-traps", "--"]).arg(&linked).arg(&trapped);
    shell::run(&mut traps)?;

    project.folder("target/wasm")?;
    let mut optimise = shell::command(project, "node");
    optimise.arg(npm::package(project, "js", "binaryen")?.join("bin/wasm-opt")).arg("-O3").args(BASELINE);
    optimise.args(MODULE.optimise).args(["--strip-debug", "--strip-producers", "--strip-target-features"]);
    optimise.arg(&trapped).arg("-o").arg(project.path(MODULE.out));
    shell::run(&mut optimise)?;
    let (built, shown) = (project.path(MODULE.out), project.path(DEMO));
    std::fs::copy(&built, &shown).map_err(|error| Failure::io("copying to", &shown, &error))?;
    if bless {
        build::write_golden(project, &MODULE)?;
    }
    build::check(project, &MODULE)
}
