//! `cargo xtask fuzz`: the targets of tests/fuzz under libFuzzer, one after the other, from the corpus as seeds.
//!
//! What a run learns stays in target/fuzz/corpus, minimised, so that the next one goes on from there. What it finds
//! stays in target/fuzz/findings, and each file is named at the end, with the command that runs it again. So a clock
//! can start it: it ends by itself, and exits with 1 if there are findings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{rust, shell};

const USAGE: &str = "usage: cargo xtask fuzz [--minutes N | --seconds N] [--target \
                     parser|session|twin|abi|evidence|profile|sets]";
const TARGETS: [&str; 7] = ["parser", "session", "twin", "abi", "evidence", "profile", "sets"];
/// For each target, unless something else is asked for.
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
    let (mut findings, mut broken) = (Vec::new(), Vec::new());
    for target in targets {
        println!("=== {target}, {seconds} s");
        if let Err(failure) = fuzz(project, &tool, target, &seeds, seconds, &mut findings) {
            println!("{failure}");
            broken.push(target);
        }
    }
    told(&findings, &broken)
}

/// Runs one target, and adds what it found.
fn fuzz(
    project: &Project,
    tool: &Path,
    target: &str,
    seeds: &Path,
    seconds: u64,
    findings: &mut Vec<String>,
) -> Result<(), Failure> {
    let learned = project.folder(&format!("target/fuzz/corpus/{target}"))?;
    let found = project.folder(&format!("target/fuzz/findings/{target}"))?;
    let before = files(&found)?;
    let mut fuzz = libfuzzer(project, tool, target, &[&learned, seeds]);
    fuzz.args([format!("-max_total_time={seconds}"), format!("-max_len={LARGEST}")]);
    fuzz.args(["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-dict=tests/fuzz/gguf.dict"]);
    fuzz.arg(format!("-artifact_prefix={}/", found.display()));
    let ended = shell::run(&mut fuzz);
    let new: Vec<_> = files(&found)?.difference(&before).cloned().collect();
    for file in &new {
        let (tool, file) = (project.shown(tool), project.shown(file));
        let again = format!("rustup run nightly {tool} run --fuzz-dir tests/fuzz {target} {file}");
        findings.push(format!("{file}\n    again: {again}"));
    }
    match ended {
        Ok(()) => minimise(project, tool, target, &learned),
        // It ended early, and left no input: it was not built, or was killed.
        Err(failure) if new.is_empty() => Err(failure),
        Err(failure) => {
            println!("{failure}");
            Ok(())
        }
    }
}

/// The end of a run. A target that could not run hides nothing of what the others found.
fn told(findings: &[String], broken: &[&str]) -> Result<(), Failure> {
    let mut lines = Vec::new();
    if !findings.is_empty() {
        lines.push(format!("findings:\n  {}", findings.join("\n  ")));
    }
    if !broken.is_empty() {
        lines.push(format!("did not run to its end: {}", broken.join(", ")));
    }
    if lines.is_empty() { Ok(()) } else { Err(Failure::Failed(lines.join("\n"))) }
}

/// A target's program on these folders; its own options follow.
fn libfuzzer(project: &Project, tool: &Path, target: &str, folders: &[&Path]) -> std::process::Command {
    let mut fuzz = shell::command(project, "rustup");
    // The cargo that runs this program is of another toolchain, and cargo-fuzz would take it.
    fuzz.env_remove("CARGO");
    fuzz.args(["run", "nightly"]).arg(tool).args(["run", "--fuzz-dir", "tests/fuzz"]);
    // `abi` is the one with pointers; without the sanitizer the others do several times as much.
    let sanitizer = if target == "abi" { "address" } else { "none" };
    fuzz.args(["--target-dir", "target/fuzz/build", "--sanitizer", sanitizer]);
    fuzz.arg(target).args(folders).arg("--");
    fuzz
}

/// Keeps of what was learned the smallest inputs that reach the same code.
fn minimise(project: &Project, tool: &Path, target: &str, learned: &Path) -> Result<(), Failure> {
    let fewer = project.path(&format!("target/fuzz/fewer/{target}"));
    if fewer.exists() {
        std::fs::remove_dir_all(&fewer).map_err(|error| Failure::io("removing", &fewer, &error))?;
    }
    let fewer = project.folder(&format!("target/fuzz/fewer/{target}"))?;
    let before = files(learned)?.len();
    shell::run(libfuzzer(project, tool, target, &[&fewer, learned]).arg("-merge=1"))?;
    println!("{target}: {before} inputs learned, {} kept", files(&fewer)?.len());
    std::fs::remove_dir_all(learned).map_err(|error| Failure::io("removing", learned, &error))?;
    std::fs::rename(&fewer, learned).map_err(|error| Failure::io("renaming", &fewer, &error))
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::io("reading", folder, &error))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// Seconds for each target, and which: `--seconds` is for each, `--minutes` for all together.
fn parse(arguments: &[String]) -> Option<(u64, Vec<&'static str>)> {
    let (mut seconds, mut minutes, mut targets) = (None, None, TARGETS.to_vec());
    let number = |value: &String| value.parse::<u64>().ok().filter(|number| (1..=100_000).contains(number));
    let mut rest = arguments;
    while let [option, value, after @ ..] = rest {
        match option.as_str() {
            "--seconds" => seconds = Some(number(value)?),
            "--minutes" => minutes = Some(number(value)?),
            "--target" => targets.retain(|target| target == value),
            _ => return None,
        }
        rest = after;
    }
    let each = match (seconds, minutes) {
        (Some(_), Some(_)) => return None,
        (seconds, None) => seconds.unwrap_or(SECONDS),
        // The whole run's, shared out.
        (None, Some(minutes)) => (minutes * 60).div_ceil(targets.len().max(1) as u64),
    };
    (rest.is_empty() && !targets.is_empty()).then_some((each, targets))
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
    fn a_target_that_could_not_run_hides_no_finding_of_another() {
        assert!(told(&[], &[]).is_ok());
        let said = |findings: &[String], broken: &[&str]| told(findings, broken).expect_err("no success").to_string();
        let both = said(&["findings/twin/crash-1".into()], &["abi"]);
        assert!(both.contains("findings/twin/crash-1") && both.contains("did not run to its end: abi"), "{both}");
        assert!(said(&[], &["abi", "sets"]).contains("abi, sets"));
    }

    #[test]
    fn the_options_are_seconds_and_a_target() {
        let parse = |line: &str| parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>());
        assert_eq!(parse(""), Some((SECONDS, TARGETS.to_vec())));
        assert_eq!(parse("--seconds 600 --target twin"), Some((600, vec!["twin"])));
        assert_eq!(parse("--minutes 7"), Some((60, TARGETS.to_vec())));
        assert_eq!(parse("--target sets --minutes 2"), Some((120, vec!["sets"])));
        for wrong in [
            "--minutes 0",
            "--minutes 1 --seconds 2",
            "--seconds",
            "--seconds x",
            "--seconds 0",
            "--target none",
            "600",
            "--fast 1",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
