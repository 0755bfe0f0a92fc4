//! `cargo xtask build --web`: the example app in Rust, with the JavaScript that wasm-bindgen writes for it.

use std::path::Path;

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::module::TARGET_DIR;
use crate::tools::rust::{self, TARGET};
use crate::tools::{npm, shell};

const PACKAGE: &str = "gguf-rust-app";
/// What its files are called: the package's name as an identifier.
const NAME: &str = "gguf_rust_app";
/// Where the page looks for them.
const OUT: &str = "examples/rust-app/pkg";
/// What the engines of the combined module have: the digests are several times as fast with simd.
const RUSTFLAGS: &str = "-Ctarget-feature=+simd128,+bulk-memory";

/// Builds the app and writes `gguf_rust_app.js`, its types and `gguf_rust_app_bg.wasm`, optimised, to
/// `examples/rust-app/pkg/`.
pub(crate) fn build(project: &Project) -> Result<(), Failure> {
    rust::ensure_target(project)?;
    let target_dir = format!("{TARGET_DIR}/web");
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["build", "--quiet", "--release", "--package", PACKAGE, "--target", TARGET]);
    cargo.args(["--target-dir", &target_dir]).env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    shell::run(&mut cargo)?;

    let linked = project.path(&format!("{target_dir}/{TARGET}/release/{NAME}.wasm"));
    write(project, &linked)?;
    for file in [format!("{OUT}/{NAME}_bg.wasm"), format!("{OUT}/{NAME}.js")] {
        println!("{file}: {} bytes", size(&project.path(&file))?);
    }
    Ok(())
}

/// Writes what the page loads. The module comes last: if it is there, all is.
fn write(project: &Project, linked: &Path) -> Result<(), Failure> {
    let between = project.folder(&format!("{TARGET_DIR}/web/bindgen"))?;
    let out = project.folder(OUT)?;
    let mut bindgen = shell::command(project, "cargo");
    bindgen.args(["run", "--quiet", "--package", "gguf-bindgen", "--"]).arg(linked).arg(&between);
    shell::run(&mut bindgen)?;

    // Which instructions it may use the module says itself.
    let module = between.join(format!("{NAME}_bg.wasm"));
    let mut optimise = shell::command(project, "node");
    optimise.arg(npm::package(project, "js", "binaryen")?.join("bin/wasm-opt")).args(["-O3", "--strip-producers"]);
    optimise.arg(&module).arg("-o").arg(&module);
    shell::run(&mut optimise)?;

    for ending in [".js", ".d.ts", "_bg.wasm.d.ts", "_bg.wasm"] {
        let file = format!("{NAME}{ending}");
        let to = out.join(&file);
        std::fs::copy(between.join(&file), &to).map_err(|error| Failure::io("writing", &to, &error))?;
    }
    Ok(())
}

fn size(file: &Path) -> Result<u64, Failure> {
    Ok(file.metadata().map_err(|error| Failure::io("reading", file, &error))?.len())
}
