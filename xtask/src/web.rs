//! `cargo xtask build --web`: the example app in Rust, with the JavaScript that wasm-bindgen writes for it.

use std::path::Path;

use crate::failure::Failure;
use crate::module::{self, TARGET, TARGET_DIR};
use crate::project::Project;
use crate::shell;

const PACKAGE: &str = "gguf-rust-app";
/// Where the page looks for it.
const OUT: &str = "examples/rust-app/pkg";
/// What the engines of the combined module have: SHA-256 is three times as fast with it.
const RUSTFLAGS: &str = "-Ctarget-feature=+simd128,+bulk-memory";

/// Builds the app and writes `gguf_rust_app.js` and `gguf_rust_app_bg.wasm`, optimised, to `examples/rust-app/pkg/`.
pub(crate) fn build(project: &Project) -> Result<(), Failure> {
    module::ensure_target(project)?;
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["build", "--quiet", "--release", "--package", PACKAGE, "--target", TARGET]);
    cargo.args(["--target-dir", TARGET_DIR]).env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    shell::run(&mut cargo)?;

    let name = PACKAGE.replace('-', "_");
    let mut bindgen = shell::command(project, "cargo");
    bindgen.args(["run", "--quiet", "--package", "gguf-bindgen", "--"]);
    bindgen.arg(project.path(&format!("{TARGET_DIR}/{TARGET}/release/{name}.wasm"))).arg(project.path(OUT));
    shell::run(&mut bindgen)?;

    let module = project.path(&format!("{OUT}/{name}_bg.wasm"));
    module::optimise(project, &module, &["--enable-simd"], &module)?;
    for file in [module, project.path(&format!("{OUT}/{name}.js"))] {
        println!("{}: {} bytes", project.shown(&file), size(&file)?);
    }
    Ok(())
}

fn size(file: &Path) -> Result<u64, Failure> {
    Ok(file.metadata().map_err(|error| Failure::io("reading", file, &error))?.len())
}
