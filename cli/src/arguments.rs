//! The command line.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, value_parser};
use gguf_admission::{Digest, Profile};

/// Of threads. Each takes at most 1 MiB.
const JOBS: RangeInclusive<i64> = 1..=1024;

/// Stands below the help of each command.
const EXIT: &str = "Exit code: 0 all is well, 1 a file was refused, 2 the command line is wrong, 3 a file could not be \
                    read, or the output not written; the highest that applies.";

/// Checks GGUF model files, shows what is in them, and writes their evidence.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = EXIT)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check and hash files: a bad one is refused at its first bad byte
    Check(Check),
    /// Show the metadata and the tensors of a file, from its header alone
    Show(Show),
    /// Check a file, and write its evidence: 32 bytes for each MiB, which prove that MiB without the rest
    Evidence(Evidence),
}

#[derive(Args)]
#[command(after_help = EXIT)]
pub(crate) struct Check {
    /// Files to check; - is standard input. None with --sums: every file that is listed there
    #[arg(required_unless_present = "sums", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// The SHA-256 that the file must have; with one FILE only
    #[arg(long, value_name = "HEX", conflicts_with_all = ["sums", "header_only"])]
    pub(crate) sha256: Option<Digest>,
    /// A list as sha256sum writes it, - is standard input: each file must have the SHA-256 that stands there
    #[arg(long, value_name = "SHA256SUMS", conflicts_with = "header_only")]
    pub(crate) sums: Option<PathBuf>,
    /// Compute BLAKE3, on all cores; and no SHA-256, unless one is expected
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "header_only")]
    pub(crate) blake3: bool,
    /// The evidence that the file must agree with, MiB by MiB; with one FILE only
    #[arg(long, value_name = "EVIDENCE", conflicts_with = "header_only")]
    pub(crate) evidence: Option<PathBuf>,
    /// Also hold the header to what readers of this kind ask of a model; an error refuses the file
    #[arg(long, value_name = "NAME", value_parser = profile)]
    pub(crate) profile: Option<Profile>,
    /// Each FILE is a shard, PREFIX-00001-of-00003.gguf: check all of its set, and that they belong together
    #[arg(long, conflicts_with_all = ["sha256", "sums", "evidence"])]
    pub(crate) set: bool,
    /// Read no further than the header: no digest, and nothing is said of the data
    #[arg(long)]
    pub(crate) header_only: bool,
    /// Threads in all, at most 1024; as many as there are cores unless told
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(JOBS))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Args)]
#[command(after_help = EXIT)]
pub(crate) struct Show {
    /// File to show; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = EXIT)]
pub(crate) struct Evidence {
    /// File to check; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where the evidence goes; - is standard output. FILE.evidence unless told
    #[arg(long, short, value_name = "OUT", required_if_eq("file", "-"))]
    pub(crate) output: Option<PathBuf>,
    /// Threads, at most 1024; as many as there are cores unless told
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(JOBS))]
    pub(crate) jobs: Option<u16>,
}

fn profile(name: &str) -> Result<Profile, String> {
    match name {
        "llama" => Ok(Profile::Llama),
        _ => Err("the profile is llama".into()),
    }
}

/// The threads that were asked for, or one a core.
pub(crate) fn threads(jobs: Option<u16>) -> usize {
    jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get), usize::from)
}
