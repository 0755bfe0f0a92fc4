//! The project's commands, run as `cargo xtask COMMAND`: `commands` over `tools` over the project's folder.

mod commands;
mod failure;
mod project;
mod tools;

use std::process::ExitCode;

use commands::{COMMANDS, Command};
use failure::Failure;
use project::Project;

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
