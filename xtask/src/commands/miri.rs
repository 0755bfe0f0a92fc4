//! `cargo xtask miri`: everything that touches memory by pointers, and the core's unit tests, under Miri on nightly.
//!
//! Two rounds: this machine's pointers under strict provenance, and 32-bit pointers, where the slices of ABI v2 are
//! real addresses that a host in the test writes through.

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{rust, shell};

/// Pointers of 32 bits, and no dependency that wants a C compiler for it (as BLAKE3 does for i686).
const TARGET_32: &str = "armv7-unknown-linux-gnueabihf";

/// What runs, with the flags for Miri.
const ROUNDS: &[(&str, &[&str])] = &[
    ("-Zmiri-strict-provenance", &["--package", "gguf-admission", "--lib"]),
    ("-Zmiri-strict-provenance", &["--package", "gguf-abi-v1", "--tests"]),
    (
        "-Zmiri-strict-provenance",
        &["--manifest-path", "candle/Cargo.toml", "--package", "gguf-admission-candle", "--lib"],
    ),
    ("-Zmiri-permissive-provenance", &["--package", "gguf-abi-v2", "--tests", "--target", TARGET_32]),
];

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return Err(Failure::Usage("usage: cargo xtask miri".into()));
    }
    rust::ensure_nightly(project)?;
    if shell::capture(shell::command(project, "cargo").args(["+nightly", "miri", "--version"])).is_err() {
        println!("Miri is missing: adding it with rustup");
        let mut rustup = shell::command(project, "rustup");
        rustup.args(["component", "add", "miri", "rust-src", "--toolchain", "nightly"]);
        shell::run(&mut rustup).map_err(|failure| {
            Failure::Unavailable(format!("{failure}\nthis nightly has no Miri: `rustup update nightly` may get one"))
        })?;
    }
    for (flags, arguments) in ROUNDS {
        let mut cargo = shell::command(project, "cargo");
        cargo.args(["+nightly", "miri", "test", "--target-dir", "target/miri"]).args(*arguments);
        shell::run(cargo.env("MIRIFLAGS", flags))?;
    }
    println!("Miri found nothing");
    Ok(())
}
