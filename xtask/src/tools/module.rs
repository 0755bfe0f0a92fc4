//! The WebAssembly modules of the project: what each is made of, and its build.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::project::{Project, is_newer};
use crate::tools::rust::TARGET;
use crate::tools::{npm, rust, shell};

/// Apart from the native one, so that the two never wait for each other's lock. Each module has a folder of its own in
/// it: Cargo builds a cdylib anew whenever its flags differ from the last build's in the same folder.
pub(crate) const TARGET_DIR: &str = "target/wasm-build";

/// A module to build: one crate with some features, linked, optimised and put at `out`.
pub(crate) struct Module {
    /// What people call it, and its folder in [`TARGET_DIR`].
    pub(crate) name: &'static str,
    /// The crate, a cdylib.
    pub(crate) package: &'static str,
    pub(crate) features: &'static [&'static str],
    pub(crate) rustflags: &'static [&'static str],
    /// What wasm-opt may use besides [`BASELINE`]: the same instructions as `rustflags` allow.
    pub(crate) optimise: &'static [&'static str],
    pub(crate) out: &'static str,
    /// The list of exports it must have, one a line.
    pub(crate) golden: &'static str,
    /// The most bytes it may have.
    pub(crate) limit: u64,
}

/// The stack of a module, half of what rustc would give it: calls of the ABI have used 12 KiB of it at most, and behind
/// its end is no memory, so that a call which needs more traps.
const STACK: &str = "-Clink-arg=-zstack-size=524288";

/// Memory at the start, in 14 pages. Stack and data leave the allocator about 320 KiB of it before it has to grow: 64
/// sessions, with what is small of each, have room there.
const MEMORY: &str = "-Clink-arg=--initial-memory=917504";

/// v1 and v2 in one module, for hosts of today: simd128 and bulk memory.
pub(crate) const COMBINED: Module = Module {
    name: "combined",
    package: "gguf-abi-v2",
    features: &[],
    rustflags: &["-Ctarget-feature=+simd128,+bulk-memory", STACK, MEMORY],
    optimise: &["--enable-simd"],
    out: "js/guest.wasm",
    golden: "tests/golden/exports-combined.txt",
    limit: 232 * 1024,
};

/// v1 alone, with the instructions that rustc uses by itself.
pub(crate) const V1_ONLY: Module = Module {
    name: "v1-only",
    package: "gguf-abi-v1",
    features: &[],
    rustflags: &[STACK, MEMORY],
    optimise: &[],
    out: "target/wasm/abi-v1.wasm",
    golden: "tests/golden/exports-v1.txt",
    limit: 192 * 1024,
};

/// The combined module with the export `fault`, which makes a later call trap. For tests of what comes after a trap.
pub(crate) const FAULT: Module = Module {
    name: "fault",
    features: &["fault"],
    out: "target/wasm/fault.wasm",
    golden: "tests/golden/exports-fault.txt",
    ..COMBINED
};

/// Both ABIs linked by a runtime in miniature that exports calls of its own; it is also what the benchmarks run.
pub(crate) const RUNTIME: Module = Module {
    name: "runtime",
    package: "gguf-test-runtime",
    out: "target/wasm/runtime.wasm",
    golden: "tests/golden/exports-runtime.txt",
    limit: 288 * 1024,
    ..COMBINED
};

/// Every module of the project.
pub(crate) const ALL: [&Module; 4] = [&COMBINED, &V1_ONLY, &FAULT, &RUNTIME];

/// What every module may use besides the first release of WebAssembly, as wasm-opt calls it. rustc takes reference
/// types and multi-value for granted too, but uses neither: without them the engines that the docs name are enough.
pub(crate) const BASELINE: &[&str] = &[
    "--mvp-features",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
];

/// Builds one module. Nothing is done that was done before.
pub(crate) fn build(project: &Project, module: &Module) -> Result<(), Failure> {
    let linked = link(project, module, &rust::cargo_home()?)?;
    let out = project.path(module.out);
    if is_newer(&out, &linked) && std::env::current_exe().is_ok_and(|this| is_newer(&out, &this)) {
        return Ok(());
    }
    optimise(project, module, &linked, &out)
}

/// Compiles and links one module, and answers where it lies. The bytes depend on the sources and the toolchain, not on
/// the folders that they lie in: the project's, and the `home` in which Cargo keeps other crates.
pub(crate) fn link(project: &Project, module: &Module, home: &Path) -> Result<PathBuf, Failure> {
    rust::ensure_target(project)?;
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["build", "--quiet", "--lib", "--release", "--package", module.package, "--target", TARGET]);
    let target_dir = format!("{TARGET_DIR}/{}", module.name);
    cargo.args(["--target-dir", &target_dir]);
    if !module.features.is_empty() {
        cargo.args(["--features", &module.features.join(",")]);
    }
    let mut flags: Vec<String> = module.rustflags.iter().map(|flag| (*flag).to_owned()).collect();
    flags.extend(rust::remapped_paths(project, home)?);
    cargo.env("CARGO_HOME", home).env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    shell::run(&mut cargo)?;
    Ok(project.path(&format!("{target_dir}/{TARGET}/release/{}.wasm", module.package.replace('-', "_"))))
}

/// Writes the module `linked` to `out` as it is shipped.
pub(crate) fn optimise(project: &Project, module: &Module, linked: &Path, out: &Path) -> Result<(), Failure> {
    let optimiser = npm::package(project, "js", "binaryen")?.join("bin/wasm-opt");
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::io("creating", folder, &error))?;
    }
    let unfinished = out.with_extension(format!("{}.part", std::process::id()));
    let mut optimise = shell::command(project, "node");
    optimise.arg(optimiser).arg("-O3").args(BASELINE).args(module.optimise);
    optimise.args(["--strip-debug", "--strip-producers", "--strip-target-features"]);
    optimise.arg(linked).arg("-o").arg(&unfinished);
    let optimised = shell::run(&mut optimise);
    if optimised.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    optimised?;
    std::fs::rename(&unfinished, out).map_err(|error| Failure::io("moving into place", out, &error))
}
