//! `gguf-admit check` beside programs that only hash.
//!
//!     bench-command GGUF_ADMIT B3SUM FILE OUT [PAIRS]   measures, prints a table, writes OUT as JSON
//!     bench-command --hash FILE                         reads 64 KiB at a time and hashes it with `sha2`
//!     bench-command --peak PROGRAM ARGUMENT...          runs a program, and prints its peak memory in bytes
//!
//! Each run is a process of its own, in alternated runs: base, work, base. A row's ratio is the median over all of
//! them, and beside it stands the ratio of the base to itself.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What is wanted: this part of the base's speed, and this much memory above the header.
const WANTED_SHA256: f64 = 0.95;
const WANTED_BLAKE3: f64 = 0.85;
const WANTED_MEMORY: u64 = 8 << 20;
const PAIRS: usize = 21;
const MIB: f64 = (1 << 20) as f64;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--hash", file] => hash(file),
        ["--peak", program, ref rest @ ..] => {
            run(&[&[program], rest].concat())?;
            println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() * 1024);
            Ok(())
        }
        [admit, b3sum, file, out] => bench([admit, b3sum], file, out, PAIRS),
        [admit, b3sum, file, out, pairs] => bench([admit, b3sum], file, out, pairs.parse()?),
        _ => Err("usage: bench-command GGUF_ADMIT B3SUM FILE OUT [PAIRS]".into()),
    }
}

fn bench([admit, b3sum]: [&str; 2], file: &str, out: &str, pairs: usize) -> Result<(), Failure> {
    let shown = Command::new(admit).args(["show", "--json", file]).output()?;
    let header = serde_json::from_slice::<Value>(&shown.stdout)?["headerBytes"].as_u64().ok_or("no header")?;
    let own = std::env::current_exe()?.to_string_lossy().into_owned();
    let base = ("read 64 KiB at a time + `sha2`", vec![&own[..], "--hash", file]);
    let check = ("`gguf-admit check`", vec![admit, "check", file]);
    let blake3 = ("`gguf-admit check --blake3`", vec![admit, "check", "--blake3", file]);
    let sum = ("`b3sum`", vec![b3sum, file]);
    let rows = [
        (check, &base, Some((Clock::Cpu, WANTED_SHA256))),
        (("`sha256sum`", vec!["sha256sum", file]), &base, None),
        (("`openssl dgst -sha256`", vec!["openssl", "dgst", "-sha256", file]), &base, None),
        (blake3, &sum, Some((Clock::Wall, WANTED_BLAKE3))),
    ];
    println!("{pairs} alternated pairs of processes; speed is the base's time by the work's\n");
    let columns = ["work", "base", "CPU", "speed, CPU (middle half)", "base of base", "wall"];
    let more = ["speed, wall (middle half)", "base of base", "peak memory"];
    println!("| {} | {} |", columns.join(" | "), more.join(" | "));
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    let (mut report, mut verdicts) = (Vec::new(), Vec::new());
    for ((about, work), (base_about, base), wanted) in rows {
        let (cpu, wall) = beside(&work, base, pairs)?;
        let peak = peak(&own, &work)?;
        println!("| {about} | {base_about} | {cpu} | {wall} | {:.1} MiB |", peak as f64 / MIB);
        let mut row =
            json!({ "work": about, "base": base_about, "cpu": cpu.json(), "wall": wall.json(), "peak": peak });
        if let Some((clock, wanted)) = wanted {
            let found = if clock == Clock::Cpu { cpu.speed } else { wall.speed };
            let most = header + WANTED_MEMORY;
            row["wanted"] = json!({ "speed": wanted, "met": found >= wanted, "peak": most, "memoryMet": peak <= most });
            verdicts.push(format!(
                "{about}: {found:.2} of the speed of {base_about} by {}, wanted {wanted}: {}; peak {:.1} MiB, wanted \
                 at most header + 8 MiB = {:.1} MiB: {}",
                if clock == Clock::Cpu { "CPU" } else { "the wall's clock" },
                met(found >= wanted),
                peak as f64 / MIB,
                most as f64 / MIB,
                met(peak <= most)
            ));
        }
        report.push(row);
    }
    println!("\n{}", verdicts.join("\n"));
    std::fs::write(out, format!("{:#}\n", json!({ "pairs": pairs, "headerBytes": header, "rows": report })))?;
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Cpu,
    Wall,
}

/// One clock's view of a row.
struct Seen {
    milliseconds: f64,
    speed: f64,
    low: f64,
    high: f64,
    same: f64,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { milliseconds, speed, low, high, same } = self;
        write!(f, "{milliseconds:.0} ms | {speed:.2} ({low:.2} to {high:.2}) | {same:.2}")
    }
}

impl Seen {
    fn of(mut times: Vec<f64>, mut speeds: Vec<f64>, mut same: Vec<f64>) -> Self {
        [&mut times, &mut speeds, &mut same].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
        let half = speeds.len() / 2;
        let (low, high) = (speeds[speeds.len() / 4], speeds[speeds.len() * 3 / 4]);
        Seen { milliseconds: times[half] * 1e3, speed: speeds[half], low, high, same: same[half] }
    }

    fn json(&self) -> Value {
        let Seen { milliseconds, speed, low, high, same } = self;
        json!({ "ms": milliseconds, "speed": speed, "middleHalf": [low, high], "baseOfBase": same })
    }
}

/// Base, work, base, so many times, after one run of each that does not count.
fn beside(work: &[&str], base: &[&str], pairs: usize) -> Result<(Seen, Seen), Failure> {
    run(base)?;
    run(work)?;
    let mut seen = [const { (Vec::new(), Vec::new(), Vec::new()) }; 2];
    for _ in 0..pairs {
        let (before, time, after) = (run(base)?, run(work)?, run(base)?);
        for (index, (times, speeds, same)) in seen.iter_mut().enumerate() {
            times.push(time[index]);
            speeds.push((before[index] + after[index]) / 2.0 / time[index]);
            same.push(before[index] / after[index]);
        }
    }
    let [cpu, wall] = seen.map(|(times, speeds, same)| Seen::of(times, speeds, same));
    Ok((cpu, wall))
}

/// Runs a program; its CPU seconds and those of the wall.
fn run(command: &[&str]) -> Result<[f64; 2], Failure> {
    let before = children()?;
    let start = Instant::now();
    let (program, arguments) = command.split_first().ok_or("no program")?;
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    let wall = start.elapsed();
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok([(children()? - before).as_secs_f64(), wall.as_secs_f64()])
}

/// CPU time of all children that ended.
fn children() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let duration = |time: TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

/// Peak memory of a program, by a process that is small itself: a child begins with its parent's.
fn peak(own: &str, command: &[&str]) -> Result<u64, Failure> {
    let output = Command::new(own).arg("--peak").args(command).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn met(is: bool) -> &'static str {
    if is { "met" } else { "MISSED" }
}

fn hash(path: &str) -> Result<(), Failure> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let text: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{text}  {path}");
    Ok(())
}
