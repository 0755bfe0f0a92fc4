//! The commands, one file each, and the table that names them.

mod bench;
mod bench_beside;
mod bench_native;
mod bench_runtime;
mod build;
mod build_runtime;
mod build_web;
mod conformance;
mod corpus;
mod demo;
mod fuzz;
mod miri;
mod model;
mod package;
mod release;
mod serve;
mod test;

use crate::failure::Failure;
use crate::project::Project;

/// One line of `cargo xtask help`, and what runs for it.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) run: fn(&Project, &[String]) -> Result<(), Failure>,
}

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "build",
        arguments: "[--bless | --web | --runtime]",
        summary: "build the modules (js/guest.wasm and others) and check them; --web: the Rust app",
        run: |project, arguments| match arguments {
            [only] if only == "--web" => build_web::build(project),
            [only] if only == "--runtime" => build_runtime::run(project, false),
            [first, second] if first == "--runtime" && second == "--bless" => build_runtime::run(project, true),
            _ => build::run(project, arguments),
        },
    },
    Command {
        name: "model",
        arguments: "[--model-only | --vocab-only]",
        summary: "fetch the real model and the 19 vocabularies into target/models/",
        run: model::run,
    },
    Command {
        name: "demo",
        arguments: "[FILE]",
        summary: "admit a file through ABI v1, v2 verify and v2 resident, and compare",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "[--browser] [--only STEP]",
        summary: "run every check and every test; --browser: all browser tests, not the short form",
        run: test::run,
    },
    Command {
        name: "miri",
        arguments: "",
        summary: "run the tests with pointers under Miri (nightly)",
        run: miri::run,
    },
    Command {
        name: "fuzz",
        arguments: "[--minutes N | --seconds N] [--target NAME]",
        summary: "fuzz every target of tests/fuzz (nightly), N minutes in all or N s each",
        run: fuzz::run,
    },
    Command {
        name: "bench",
        arguments: "[--quick] [--sizes] | --browser [--quick] [--store] [--gpu] | --native | --command | --upload | \
                    --runtime",
        summary: "measure admission against copying and hashing; draw docs/memory.svg",
        run: |project, arguments| match arguments {
            [only] if only == "--native" => bench_native::run(project),
            [only] if only == "--command" => bench_beside::command(project),
            [only] if only == "--upload" => bench_beside::upload(project),
            [only] if only == "--runtime" => bench_runtime::run(project),
            _ => bench::run(project, arguments),
        },
    },
    Command {
        name: "conformance",
        arguments: "",
        summary: "read corpus and real files with other readers too; write docs/conformance.md",
        run: conformance::run,
    },
    Command {
        name: "corpus",
        arguments: "--out DIR",
        summary: "write the corpus for other readers: files, expected verdicts, a runner",
        run: corpus::run,
    },
    Command {
        name: "package",
        arguments: "",
        summary: "pack crates and package as they would be published; say what is missing",
        run: package::run,
    },
    Command {
        name: "release",
        arguments: "--out DIR",
        summary: "write the module for a release: its types, checksums, bill of materials",
        run: release::run,
    },
    Command {
        name: "serve",
        arguments: "[PORT]",
        summary: "serve js/ and the Rust app at 127.0.0.1 (port 8080)",
        run: serve::run,
    },
];
