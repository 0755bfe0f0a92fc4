//! `cargo xtask fuzz`: the targets of tests/fuzz under libFuzzer, one after the other, from the corpus as seeds.
//!
//! What a run learns stays in target/fuzz/corpus, so that the next one goes on from there; what it finds stays in
//! target/fuzz/findings, and the command to run it again is printed.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{rust, shell};

const USAGE: &str = "usage: cargo xtask fuzz [--seconds N] [--target parser|session|twin|abi|evidence]";
const TARGETS: [&str; 5] = ["parser", "session", "twin", "abi", "evidence"];
const SECONDS: u64 = 60;
const CARGO_FUZZ: &str = "0.13.2";
/// The bytes behind a file that say what to do with it: all zeros declare its length and leave it whole, the second
/// asks for an unknown length. They are `CONTROL` in tests/fuzz/targets.
const CONTROL: usize = 32;
const SECOND_BYTES: [u8; 2] = [0, 3];
/// Files beyond it make the fuzzer slow and find nothing more.
const LARGEST: usize = 8192;

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let (seconds, targets) = parse(arguments).ok_or_else(|| Failure::Usage(USAGE.into()))?;
    rust::ensure_nightly(project)?;
    let tool = ensure_cargo_fuzz(project)?;
    let seeds = write_seeds(project)?;
    let mut findings = Vec::new();
    for target in targets {
        println!("=== {target}, {seconds} s");
        let learned = project.folder(&format!("target/fuzz/corpus/{target}"))?;
        let found = project.folder(&format!("target/fuzz/findings/{target}"))?;
        let mut fuzz = shell::command(project, "rustup");
        // The cargo that runs this program is of another toolchain, and cargo-fuzz would take it.
        fuzz.env_remove("CARGO");
        fuzz.args(["run", "nightly"]).arg(&tool).args(["run", "--fuzz-dir", "tests/fuzz"]);
        // `abi` is the one with pointers; without the sanitizer the others do several times as much.
        fuzz.args([
            "--target-dir",
            "target/fuzz/build",
            "--sanitizer",
            if target == "abi" { "address" } else { "none" },
        ]);
        fuzz.arg(target).arg(&learned).arg(&seeds).arg("--");
        fuzz.args([format!("-max_total_time={seconds}"), format!("-max_len={LARGEST}")]);
        fuzz.args(["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-dict=tests/fuzz/gguf.dict"]);
        fuzz.arg(format!("-artifact_prefix={}/", found.display()));
        if let Err(failure) = shell::run(&mut fuzz) {
            println!("{failure}");
            findings.push(format!("{target}: the input is in {}", project.shown(&found)));
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("findings:\n  {}", findings.join("\n  "))))
}

/// Seconds for each target, and which.
fn parse(arguments: &[String]) -> Option<(u64, Vec<&'static str>)> {
    let (mut seconds, mut targets) = (SECONDS, TARGETS.to_vec());
    let mut rest = arguments;
    while let [option, value, after @ ..] = rest {
        match option.as_str() {
            "--seconds" => seconds = value.parse().ok().filter(|seconds| *seconds > 0)?,
            "--target" => targets.retain(|target| target == value),
            _ => return None,
        }
        rest = after;
    }
    (rest.is_empty() && !targets.is_empty()).then_some((seconds, targets))
}

fn ensure_cargo_fuzz(project: &Project) -> Result<PathBuf, Failure> {
    let tool = project.path("target/tools/bin/cargo-fuzz");
    if !tool.is_file() {
        println!("cargo-fuzz is missing: building it into target/tools");
        let mut install = shell::command(project, "cargo");
        install.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root", "target/tools"]);
        install.args(["--target-dir", "target/tools/build"]);
        shell::run(&mut install).map_err(|failure| {
            Failure::Unavailable(format!("{failure}\ncargo-fuzz {CARGO_FUZZ} could not be installed"))
        })?;
    }
    Ok(tool)
}

/// Every file of the corpus twice, as inputs: with its length declared and unknown.
fn write_seeds(project: &Project) -> Result<PathBuf, Failure> {
    shell::run(shell::command(project, "python3").arg("tests/corpus/generate.py"))?;
    let seeds = project.folder("target/fuzz/seeds")?;
    for folder in ["target/corpus", "tests/corpus/found"] {
        let folder = project.path(folder);
        // There are found files only once something was found.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|name| name == "gguf")) {
            let file = std::fs::read(entry.path()).map_err(|error| Failure::io("reading", &entry.path(), &error))?;
            if file.len() + CONTROL > LARGEST {
                continue;
            }
            for second in SECOND_BYTES {
                let mut input = file.clone();
                input.extend([0, second]);
                input.resize(file.len() + CONTROL, 0);
                let seed = seeds.join(format!("{}-{second}", entry.file_name().display()));
                write(&seed, &input)?;
            }
        }
    }
    Ok(seeds)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::io("writing", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_seconds_and_a_target() {
        let parse = |line: &str| parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>());
        assert_eq!(parse(""), Some((SECONDS, TARGETS.to_vec())));
        assert_eq!(parse("--seconds 600 --target twin"), Some((600, vec!["twin"])));
        for wrong in ["--seconds", "--seconds x", "--seconds 0", "--target none", "600", "--fast 1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
