//! The upload server beside a server that hashes and writes the same bodies, and one that only hashes them.
//!
//!     bench-upload SERVER MODEL FOLDER OUT [MANY]    measures, prints tables, writes OUT as JSON
//!     bench-upload --baseline FOLDER                 the server that is measured beside; listens, and says where
//!
//! Each run is a new server process on a new folder below FOLDER, and sends the model so many times at once over
//! loopback, straight from the page cache. Time is that of the wall, from the first connection to the last answer; CPU
//! and memory are the server's, from /proc.

mod baseline;
mod client;
mod refusals;
mod server;

use std::error::Error;
use std::path::Path;

use gguf_admission::{Limits, Session, State, Storage, Verify};
use serde_json::json;

use server::{Kind, Run};

/// What is wanted: this part of the throughput of hashing and writing, and this much memory for each upload and in all.
const WANTED_SPEED: f64 = 0.85;
const EACH: u64 = 3 << 19;
const IN_ALL: u64 = 64 << 20;
const MANY: usize = 100;
/// Uploads at once, and rounds, of the rows whose ratios are medians.
const FEW: usize = 8;
const ROUNDS: usize = 5;
const MIB: f64 = (1 << 20) as f64;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--baseline", folder] => baseline::serve(folder.into()),
        [server, model, folder, out] => bench(server, model.as_ref(), folder.as_ref(), out, MANY),
        [server, model, folder, out, many] => bench(server, model.as_ref(), folder.as_ref(), out, many.parse()?),
        _ => Err("usage: bench-upload SERVER MODEL FOLDER OUT [MANY]".into()),
    }
}

fn bench(server: &str, model: &Path, folder: &Path, out: &str, many: usize) -> Result<(), Failure> {
    let bytes = std::fs::metadata(model)?.len();
    let (header, held) = header_of(model)?;
    println!("{}: {bytes} bytes, a header of {header} bytes that takes {held} in memory\n", name_of(model));
    let run = |kind, count| server::run(server, kind, model, folder, count);

    println!("| at once | server | seconds | MB/s | CPU s | peak memory |\n|---:|---|---:|---:|---:|---:|");
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for kind in [Kind::Store, Kind::Upload, Kind::Store] {
        let found = run(kind, many)?;
        print_row(kind, many, bytes, &found);
        rows.push(row(kind, many, &found));
        all.push(found);
    }
    // The disk is as fast as it is at the moment: before and after.
    let speed = (all[0].seconds + all[2].seconds) / 2.0 / all[1].seconds;
    let most = many as u64 * (held + EACH) + IN_ALL;
    let (mut speeds, mut of_store, mut of_hash) = (Vec::new(), Vec::new(), Vec::new());
    run(Kind::Upload, FEW)?;
    for _ in 0..ROUNDS {
        let [store, upload, hash] = [run(Kind::Store, FEW)?, run(Kind::Upload, FEW)?, run(Kind::Hash, FEW)?];
        speeds.push(store.seconds / upload.seconds);
        of_store.push(upload.cpu / store.cpu);
        of_hash.push(upload.cpu / hash.cpu);
    }
    let [speeds, of_store, of_hash] = [speeds, of_store, of_hash].map(median);
    println!(
        "\n{many} at once: {speed:.2} of the throughput of hashing and writing; wanted {WANTED_SPEED}: {}",
        met(speed >= WANTED_SPEED)
    );
    println!(
        "{many} at once: peak memory {:.1} MiB; wanted at most {many} x (header + 1.5 MiB) + 64 MiB = {:.1} MiB: {}",
        all[1].peak as f64 / MIB,
        most as f64 / MIB,
        met(all[1].peak <= most)
    );
    println!(
        "{FEW} at once, medians of {ROUNDS} alternated rounds: {speeds:.2} of the throughput of hashing and writing, \
         {of_store:.2} of its CPU; {of_hash:.2} of the CPU of a body that is only hashed"
    );

    let refused = refusals::measure(server, model, folder, header)?;
    let report = json!({
        "model": name_of(model), "bytes": bytes, "headerBytes": header, "headerHeld": held, "rows": rows,
        "speed": speed, "speedWanted": WANTED_SPEED, "peakWanted": most,
        "few": { "atOnce": FEW, "rounds": ROUNDS, "speed": speeds, "cpuOfStore": of_store, "cpuOfHash": of_hash },
        "refusals": refused,
    });
    std::fs::write(out, format!("{report:#}\n"))?;
    Ok(())
}

fn print_row(kind: Kind, count: usize, bytes: u64, found: &Run) {
    let speed = count as f64 * bytes as f64 / found.seconds / 1e6;
    let Run { seconds, cpu, peak } = found;
    println!("| {count} | {} | {seconds:.1} | {speed:.0} | {cpu:.1} | {:.1} MiB |", kind.about(), *peak as f64 / MIB);
}

fn row(kind: Kind, count: usize, found: &Run) -> serde_json::Value {
    json!({ "server": kind.about(), "atOnce": count, "seconds": found.seconds, "cpu": found.cpu, "peak": found.peak })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn met(is: bool) -> &'static str {
    if is { "met" } else { "MISSED" }
}

fn name_of(model: &Path) -> String {
    model.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How long the header is, and what a session that has read it holds.
fn header_of(model: &Path) -> Result<(u64, u64), Failure> {
    let length = std::fs::metadata(model)?.len();
    let mut session = Session::new(Verify::default(), Some(length), Limits::new(Storage::Verify))?;
    let bytes = std::fs::read(model)?;
    let mut at = 0;
    while session.state() == State::Open {
        at += session.push(&bytes[at..])?;
    }
    Ok((at as u64, session.held()))
}
