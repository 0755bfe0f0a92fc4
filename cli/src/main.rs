//! `gguf-admit`: checks GGUF model files, shows what is in them, and writes their evidence.
//!
//! Exit: 0 all is well, 1 a file was refused, 2 the command line is wrong, 3 a file could not be read, or
//! the output not written; the highest that applies.

mod arguments;
mod check;
mod evidence;
mod exit;
mod feed;
mod groups;
mod input;
mod label;
mod progress;
mod shards;
mod show;
mod stream;
mod sums;
mod text;
mod verdict;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    // clap ends the process with 2 where the command line is wrong.
    let exit = match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Evidence(arguments) => evidence::run(&arguments),
    };
    ExitCode::from(exit as u8)
}
