//! Running other programs: loudly, for their output, or into a log.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::project::Project;

/// What to install for a program that is not there.
const INSTALL: &[(&str, &str)] = &[
    ("cargo", "install Rust from rustup.rs"),
    ("rustc", "install Rust from rustup.rs"),
    ("rustup", "install Rust from rustup.rs"),
    ("node", "install Node.js 20 or later"),
    ("npm", "install npm, which comes with Node.js"),
    ("python3", "install Python 3.9 or later"),
];

/// What a recorded program said: its exit and, in the order written, both of its streams.
pub(crate) struct Record {
    pub(crate) success: bool,
    pub(crate) text: String,
}

/// A command that runs in the project's root, without the settings that `cargo run` hands down to this program.
pub(crate) fn command(project: &Project, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project.root()).stdin(Stdio::null());
    for inherited in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(inherited);
    }
    command
}

/// Runs `command` with this program's own output streams, after printing it.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", line(command));
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("`{}` failed ({status})", line(command)))) }
}

/// Runs `command` for what it prints on its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| not_started(command, &error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Failed(format!("`{}` failed ({})\n{}", line(command), output.status, complaint.trim_end())))
}

/// Runs `command` with both streams going into the file `log`.
pub(crate) fn record(command: &mut Command, log: &Path) -> Result<Record, Failure> {
    let file = File::create(log).map_err(|error| Failure::io("creating", log, &error))?;
    let twin = file.try_clone().map_err(|error| Failure::io("opening", log, &error))?;
    let status = command.stdout(file).stderr(twin).status().map_err(|error| not_started(command, &error))?;
    let bytes = std::fs::read(log).map_err(|error| Failure::io("reading", log, &error))?;
    Ok(Record { success: status.success(), text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// The last `count` lines of `text`.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The command as a person would type it in the project's root.
fn line(command: &Command) -> String {
    let root = command.get_current_dir().map(|folder| format!("{}/", folder.display())).unwrap_or_default();
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text.replace(&root, "")
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    let advice = INSTALL.iter().find(|(name, _)| *name == program).map(|(_, advice)| *advice);
    match (error.kind(), advice) {
        (ErrorKind::NotFound, Some(advice)) => Failure::Unavailable(format!("{program} is not installed: {advice}")),
        _ => Failure::Unavailable(format!("{program} cannot be started: {error}")),
    }
}
