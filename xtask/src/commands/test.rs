//! `cargo xtask test`: every check and every test, step after step. A failed step does not stop the rest.
//!
//! The last line counts: single tests where a step's tool reports them, one for each other step.

mod counts;
mod runtime;
mod tools;
mod upload_server;

use std::path::Path;
use std::time::Instant;

use crate::commands::{build, build_web, miri, model, package, release};
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::module::TARGET_DIR;
use crate::tools::rust::{self, TARGET};
use crate::tools::{browsers, npm, pip, shell};
use counts::{Outcome, count_libtest, count_node, count_unittest, not_run};
use tools::{BROWSER_TESTS, cargo, counted, find_node_tests, node, single};

const LOGS: &str = "target/test-logs";
const REAL_MODEL_TEST: &str = "tests/demo/real-model.test.mjs";

/// One named part of the whole. `Unavailable` from `run` means that it could not run here.
struct Step {
    name: &'static str,
    run: fn(&Project, log: &Path) -> Result<Outcome, Failure>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: |project, log| single(cargo(project, &["fmt", "--all", "--check"]), log) },
    Step { name: "modules: sizes, no imports, golden exports", run: modules },
    Step { name: "modules: the same bytes from another folder", run: reproduced },
    Step { name: "Rust app", run: rust_app },
    Step { name: "files: corpus", run: corpus_files },
    Step { name: "files: real model and vocabularies", run: model_files },
    Step { name: "clippy: native", run: clippy },
    Step { name: "clippy: wasm32", run: clippy_wasm },
    Step { name: "rustdoc", run: rustdoc },
    Step { name: "rust tests", run: rust_tests },
    Step { name: "pointers under Miri", run: |project, _| miri::run(project, &[]).map(|()| Outcome::passed(1)) },
    Step { name: "python tests: corpus and oracle", run: python_tests },
    Step { name: "python tests: another engine", run: another_engine },
    Step { name: "types: tsc", run: types },
    Step { name: "packages: as they would be published", run: packages },
    Step { name: "release: module, types, bill of materials", run: released },
    Step { name: "node tests: js", run: |project, log| node_tests(project, log, "js") },
    Step { name: "node tests: tests", run: |project, log| node_tests(project, log, "tests") },
    Step { name: "the real model through v1 and v2", run: real_model },
    Step { name: "upload server", run: upload_server::run },
    Step { name: "runtime on candle", run: runtime::run },
];

/// What runs in browsers: all with `--browser`, else what is most telling in five minutes.
const BROWSERS: &[Step] = &[Step { name: "browser tests", run: |project, log| browser(project, log, None) }];
const BROWSERS_SHORT: &[Step] = &[
    Step {
        name: "browser tests: the short form",
        run: |project, log| browser(project, log, Some((&SHORT, "chromium,firefox"))),
    },
    Step {
        name: "browser tests: the short form in WebKitGTK",
        run: |project, log| browser(project, log, Some((&["harness", "page"], "webkit"))),
    },
];

/// The short form: the tests' own instruments; every corpus file in a page and a worker; the demo page; the worker; the
/// store; downloads that are killed; downloads; the Rust app; tensors on the GPU.
const SHORT: [&str; 9] = ["harness", "corpus", "page", "worker", "opfs-tee", "kills", "servers", "rust-app", "webgpu"];

/// Downloads that are killed in each browser, where all tests run. In the short form it is the test's own small number.
const KILLS: &str = "50";

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let usage = || Failure::Usage("usage: cargo xtask test [--browser] [--only PART_OF_A_STEPS_NAME]".into());
    let (mut browser, mut only) = (BROWSERS_SHORT, "");
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--browser" => browser = BROWSERS,
            "--only" => only = arguments.next().ok_or_else(usage)?,
            _ => return Err(usage()),
        }
    }
    let steps: Vec<&Step> = STEPS.iter().chain(browser).filter(|step| step.name.contains(only)).collect();
    if steps.is_empty() {
        return Err(Failure::Usage(format!("no step's name has \"{only}\" in it")));
    }
    let logs = project.folder(LOGS)?;
    let mut summary = Vec::new();
    let mut total = Outcome::default();
    for (number, step) in steps.iter().enumerate() {
        println!("=== {}", step.name);
        let start = Instant::now();
        let outcome = (step.run)(project, &logs.join(format!("{:02}.log", number + 1))).unwrap_or_else(not_run);
        if !outcome.remark.is_empty() {
            println!("{}", outcome.remark);
        }
        total.passed += outcome.passed;
        total.failed += outcome.failed;
        total.skipped += outcome.skipped;
        let line = outcome.line(step.name, start.elapsed().as_secs_f64());
        println!("{line}");
        summary.push(line);
    }
    println!("\n=== summary\n{}\n", summary.join("\n"));
    // The last line, alone: CI reads it.
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    if total.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn modules(project: &Project, _: &Path) -> Result<Outcome, Failure> {
    build::ensure(project).map(|()| Outcome::passed(1))
}

fn reproduced(project: &Project, _: &Path) -> Result<Outcome, Failure> {
    release::reproduce(project).map(|()| Outcome::passed(1))
}

fn packages(project: &Project, _: &Path) -> Result<Outcome, Failure> {
    package::run(project, &[]).map(|()| Outcome::passed(1))
}

/// The folder of a release, with types that a strict compiler takes.
fn released(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let folder = project.path("target/release-folder");
    release::write(project, &folder)?;
    let mut tsc = shell::command(project, "node");
    tsc.arg(npm::package(project, "js", "typescript")?.join("bin/tsc"));
    tsc.args(["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom", "--types", ""]);
    tsc.arg(folder.join("guest.d.ts"));
    single(tsc, log)
}

fn rust_app(project: &Project, _: &Path) -> Result<Outcome, Failure> {
    build_web::build(project).map(|()| Outcome::passed(1))
}

fn corpus_files(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let mut python = shell::command(project, "python3");
    python.arg("tests/corpus/generate.py");
    single(python, log)
}

fn model_files(project: &Project, _: &Path) -> Result<Outcome, Failure> {
    model::run(project, &[]).map(|()| Outcome::passed(1))
}

fn clippy(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    single(cargo(project, &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"]), log)
}

/// The crates that run in WebAssembly, as they are compiled for it.
fn clippy_wasm(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    rust::ensure_target(project)?;
    let target_dir = format!("{TARGET_DIR}/clippy");
    let mut clippy = cargo(project, &["clippy", "--quiet", "--target", TARGET, "--target-dir", &target_dir]);
    for package in ["gguf-admission", "gguf-abi-v1", "gguf-abi-v2", "gguf-admission-web", "gguf-rust-app"] {
        clippy.args(["--package", package]);
    }
    clippy.args(["--", "-Dwarnings"]);
    single(clippy, log)
}

fn rustdoc(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let mut doc = cargo(project, &["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    single(doc, log)
}

fn rust_tests(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    counted(cargo(project, &["test", "--workspace", "--no-fail-fast"]), log, count_libtest)
}

fn python_tests(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let mut python = shell::command(project, "python3");
    python.args(["-m", "unittest", "discover", "tests/corpus"]);
    counted(python, log, count_unittest)
}

/// The combined module in wasmtime, driven from Python.
fn another_engine(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let packages = pip::installed(project, "tests/host/requirements.txt", "target/python-packages")?;
    let mut python = shell::command(project, "python3");
    python.args(["-m", "unittest", "discover", "tests/host"]).env("PYTHONPATH", packages);
    counted(python, log, count_unittest)
}

fn types(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    let compiler = npm::package(project, "js", "typescript")?;
    let mut tsc = shell::command(project, "node");
    tsc.arg(compiler.join("bin/tsc")).args(["--project", "js/tsconfig.json"]);
    single(tsc, log)
}

/// All `*.test.js` and `*.test.mjs` under `folder`, except those that have a step of their own.
fn node_tests(project: &Project, log: &Path, folder: &str) -> Result<Outcome, Failure> {
    let mut files = find_node_tests(&project.path(folder))?;
    files.retain(|file| *file != project.path(REAL_MODEL_TEST) && !file.starts_with(project.path(BROWSER_TESTS)));
    counted(node(project, &files, &[])?, log, count_node)
}

fn real_model(project: &Project, log: &Path) -> Result<Outcome, Failure> {
    model::ensure_model(project)?;
    counted(node(project, &[project.path(REAL_MODEL_TEST)], &[])?, log, count_node)
}

/// One after the other: each starts a browser. The tests of a browser that is not there are skipped, with the reason.
fn browser(project: &Project, log: &Path, only: Option<(&[&str], &str)>) -> Result<Outcome, Failure> {
    npm::package(project, BROWSER_TESTS, "playwright-core")?;
    browsers::ensure(project);
    let folder = project.path(BROWSER_TESTS);
    let files = match only {
        None => find_node_tests(&folder)?,
        Some((names, _)) => names.iter().map(|name| folder.join(format!("{name}.test.mjs"))).collect(),
    };
    let mut tests = node(project, &files, &["--test-concurrency=1"])?;
    match only {
        Some((_, engines)) => tests.env("GGUF_BROWSERS", engines),
        None => tests.env("GGUF_KILLS", KILLS),
    };
    counted(tests, log, count_node)
}
