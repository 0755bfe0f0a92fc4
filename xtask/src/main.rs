//! The project's commands, run as `cargo xtask COMMAND`: `commands` over `tools` over the project's folder.

mod commands;
mod failure;
mod project;
mod tools;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use commands::{COMMANDS, Command};
use failure::Failure;
use project::Project;

/// Columns that the calls have in the help.
const COLUMN: usize = 36;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Usage says itself whose it is.
            let who = if matches!(failure, Failure::Usage(_)) { "" } else { "xtask: " };
            eprintln!("{who}{failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Failure::Usage(usage()));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        return match writeln!(std::io::stdout(), "{}", usage()) {
            // Whoever read it had enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::Failed(format!("the help could not be printed: {error}"))),
            Ok(()) => Ok(()),
        };
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
        let call = format!("{name} {arguments}");
        // A call that is wider than its column has a line of its own.
        let gap = if call.len() > COLUMN { format!("\n{:width$}", "", width = COLUMN + 4) } else { String::new() };
        text.push_str(&format!("\n  {call:<COLUMN$}{}{summary}", if gap.is_empty() { "  " } else { &gap }));
    }
    text.push_str("\n\nexit code: 0 done, 1 failed, 2 wrong usage, 3 something is missing here (network or a tool)");
    text
}
