//! What the Rust toolchain must have besides the compiler: the WebAssembly target, a nightly.

use std::path::{Path, PathBuf};

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

/// Where Cargo keeps what is not the project's.
pub(crate) fn cargo_home() -> Result<PathBuf, Failure> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .ok_or_else(|| Failure::Unavailable("there is no home folder, and CARGO_HOME is not set".into()))
}

/// Flags that keep the folders of this machine out of what is compiled, so that the same sources give the same bytes
/// everywhere: the project's own, and those that Cargo unpacks crates into.
pub(crate) fn remapped_paths(project: &Project, home: &Path) -> Result<Vec<String>, Failure> {
    // Which folders there will be is known only once the crates are there.
    let mut fetch = shell::command(project, "cargo");
    fetch.args(["fetch", "--quiet", "--target", TARGET]).env("CARGO_HOME", home);
    shell::capture(&mut fetch).map_err(|failure| Failure::Unavailable(failure.to_string()))?;
    let flag = |from: &Path, to| format!("--remap-path-prefix={}={to}", from.display());
    let unpacked = home.join("registry/src").read_dir().into_iter().flatten().flatten();
    let mut crates: Vec<String> = unpacked.map(|entry| flag(&entry.path(), "/crates")).collect();
    crates.sort();
    // Of two that fit, the last is taken: the home may lie in the project.
    let mut flags = vec![flag(project.root(), "/project")];
    flags.extend(crates);
    Ok(flags)
}
