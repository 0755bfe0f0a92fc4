//! What the Rust toolchain must have besides the compiler: the WebAssembly target, a nightly.

use std::path::Path;

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::shell;

/// Cargo's name for the guest's instruction set.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Adds the WebAssembly target to the Rust toolchain, if it is missing.
pub(crate) fn ensure_target(project: &Project) -> Result<(), Failure> {
    let library =
        shell::capture(shell::command(project, "rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    if Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    println!("the Rust target {TARGET} is missing: adding it with rustup");
    shell::run(shell::command(project, "rustup").args(["target", "add", TARGET])).map_err(|failure| {
        Failure::Failed(format!(
            "{failure}\nthe Rust target {TARGET} is needed and could not be added. Install it with \
             `rustup target add {TARGET}`, or, where Rust does not come from rustup, with the system's package for it \
             (Debian: libstd-rust-dev-wasm32)"
        ))
    })
}

/// That a nightly toolchain is there; it is not installed behind anybody's back.
pub(crate) fn ensure_nightly(project: &Project) -> Result<(), Failure> {
    shell::capture(shell::command(project, "rustc").args(["+nightly", "--version"])).map(|_| ()).map_err(|_| {
        Failure::Unavailable("a nightly Rust is missing: `rustup toolchain install nightly --profile minimal`".into())
    })
}
