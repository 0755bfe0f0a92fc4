//! The project's commands, run as `cargo xtask COMMAND`. One file a command; `COMMANDS` is the table.

mod bench;
mod bench_native;
mod browsers;
mod conformance;
mod demo;
mod failure;
mod fuzz;
mod miri;
mod model;
mod module;
mod npm;
mod pip;
mod project;
mod serve;
mod shell;
mod test;
mod wasm;
mod web;

use std::process::ExitCode;

use failure::Failure;
use project::Project;

/// One line of `cargo xtask help`, and what runs for it.
struct Command {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&Project, &[String]) -> Result<(), Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "build",
        arguments: "[--bless | --web]",
        summary: "build js/guest.wasm and target/wasm/abi-v1.wasm and check them; --web: the Rust example app",
        run: |project, arguments| match arguments {
            [only] if only == "--web" => web::build(project),
            _ => module::run(project, arguments),
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
        summary: "run every check and every test",
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
        arguments: "[--seconds N] [--target NAME]",
        summary: "fuzz the parser, the session, the naive twin and both ABIs (nightly), N s each",
        run: fuzz::run,
    },
    Command {
        name: "bench",
        arguments: "[--quick] [--sizes] | --browser [--quick] | --native",
        summary: "measure admission against copying and hashing alone, v1 against v2, and draw docs/memory.svg",
        run: |project, arguments| match arguments {
            [only] if only == "--native" => bench_native::run(project),
            _ => bench::run(project, arguments),
        },
    },
    Command {
        name: "conformance",
        arguments: "",
        summary: "read the corpus and the real files with other readers too, and write docs/conformance.md",
        run: conformance::run,
    },
    Command {
        name: "serve",
        arguments: "[PORT]",
        summary: "serve js/ and the Rust app at 127.0.0.1 (port 8080)",
        run: serve::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Failure::Usage(usage()));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", usage());
        return Ok(());
    }
    let command = COMMANDS
        .iter()
        .find(|command| command.name == name)
        .ok_or_else(|| Failure::Usage(format!("no command named {name}\n\n{}", usage())))?;
    (command.run)(&Project::find()?, rest)
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n");
    for Command { name, arguments, summary, .. } in COMMANDS {
        text.push_str(&format!("\n  {:<38} {summary}", format!("{name} {arguments}")));
    }
    text.push_str("\n\nexit code: 0 done, 1 failed, 2 wrong usage, 3 something is missing here (network or a tool)");
    text
}
