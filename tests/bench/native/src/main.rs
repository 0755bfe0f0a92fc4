//! Native admission beside reading and hashing the same file, and beside other readers of its header.
//!
//!     bench-native FILE OUT [PAIRS]    measures, prints a table, writes OUT as JSON
//!     bench-native --once WORK FILE    does WORK once and prints the process's peak memory in bytes
//!
//! Time is CPU time of this process, in alternated runs: base, work, base. A row's ratio is the median over all of
//! them, and beside it stands the ratio of the base to itself. Peak memory is that of a process that does the work
//! once.

mod measure;
mod work;

use std::error::Error;
use std::process::Command;

use measure::Measured;
use serde_json::json;
use work::{ROWS, WORKS, Work};

/// What is wanted of the rows that admit: this part of the speed of read + hash, and this much memory above it.
const WANTED_SPEED: f64 = 0.9;
const WANTED_MEMORY: u64 = 12 << 20;
const PAIRS: usize = 15;
const MIB: f64 = (1 << 20) as f64;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--once", name, file] => {
            (find(name)?.run)(file)?;
            println!("{}", measure::peak_memory()?);
            Ok(())
        }
        [file, out] => bench(file, out, PAIRS),
        [file, out, pairs] => bench(file, out, pairs.parse()?),
        _ => Err("usage: bench-native FILE OUT [PAIRS]".into()),
    }
}

fn find(name: &str) -> Result<&'static Work, String> {
    WORKS.iter().find(|work| work.name == name).ok_or_else(|| format!("no work named {name}"))
}

fn bench(file: &str, out: &str, pairs: usize) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::metadata(file)?.len();
    let name = std::path::Path::new(file).file_name().unwrap_or_default().to_string_lossy();
    println!(
        "{name}: {bytes} bytes; {pairs} alternated pairs of CPU time; peak memory of one run in a process of its own\n"
    );
    println!(
        "| work | base | CPU time | of the base (middle half) | base of base | speed | peak memory | above base |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    let mut rows = Vec::new();
    for (work, base) in ROWS {
        let (work, base) = (find(work)?, find(base)?);
        let Measured { seconds, ratio, low, high, same } = measure::beside(file, work, base, pairs)?;
        let (peak, base_peak) = (peak_of(file, work)?, peak_of(file, base)?);
        let above = peak as i64 - base_peak as i64;
        println!(
            "| {} | {} | {:.1} ms | {ratio:.3} ({low:.3} to {high:.3}) | {same:.3} | {:.2} | {:.1} MiB | {:+.1} MiB |",
            work.about,
            base.about,
            seconds * 1e3,
            1.0 / ratio,
            peak as f64 / MIB,
            above as f64 / MIB
        );
        let mut row = json!({
            "work": work.about, "base": base.about, "seconds": seconds, "ratio": ratio, "middleHalf": [low, high],
            "baseOfBase": same, "speed": 1.0 / ratio, "peakBytes": peak, "aboveBaseBytes": above,
        });
        if work.admits {
            row["wanted"] = json!({
                "speed": WANTED_SPEED, "speedMet": 1.0 / ratio >= WANTED_SPEED,
                "aboveBaseBytes": WANTED_MEMORY, "memoryMet": above <= WANTED_MEMORY as i64,
            });
        }
        rows.push(row);
    }
    println!(
        "\nWanted of each admission: a speed of at least {WANTED_SPEED}, and at most {} MiB above its base.",
        WANTED_MEMORY >> 20
    );
    for row in rows.iter().filter(|row| row.get("wanted").is_some()) {
        let met = |name: &str| if row["wanted"][name] == true { "met" } else { "MISSED" };
        println!("{}: speed {}, memory {}", row["work"].as_str().unwrap_or(""), met("speedMet"), met("memoryMet"));
    }
    let report = json!({ "file": name, "bytes": bytes, "pairs": pairs, "rows": rows });
    std::fs::write(out, format!("{report:#}\n"))?;
    Ok(())
}

/// Peak memory of a process that does nothing else.
fn peak_of(file: &str, work: &Work) -> Result<u64, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?).args(["--once", work.name, file]).output()?;
    if !output.status.success() {
        return Err(format!("{} failed: {}", work.name, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
