//! Takes in GGUF models over HTTP: `PUT /models/NAME`, or resumable by the tus 1.0 core protocol at `/uploads`.
//!
//! Every byte is checked and hashed as it comes, and written to a quarantine on the local disk. Only a whole, good
//! file is promoted to the store, under its name. A bad one is refused at its first bad byte, and nothing of it stays.
//!
//! The executor's threads only move bytes. Checking, hashing and writing is done in pieces of at most
//! [`PIECE`](body::PIECE) bytes on Tokio's blocking threads: see `intake.rs`.

mod body;
mod desk;
mod intake;
mod linger;
mod listener;
mod metrics;
mod name;
mod page;
mod problem;
mod put;
mod quarantine;
mod repr_digest;
mod router;
mod rules;
mod settings;
mod store;
mod tus;
mod unfinished;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::desk::Desk;
use crate::settings::Settings;

/// Threads that check, hash and write. They are busy while a piece is in work, and no longer: this many bound the
/// memory for stacks, and more would only wait for the same cores and the same disk.
const BLOCKING_THREADS: usize = 16;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_target(false).with_ansi(false).with_writer(std::io::stderr).init();
    match run(Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    let shutdown = settings.shutdown();
    let result = runtime.block_on(async {
        let desk = Desk::open(settings).await?;
        listener::serve(desk).await
    });
    // What still runs is cut; the next start would clean up after it too.
    runtime.shutdown_timeout(shutdown);
    result
}
