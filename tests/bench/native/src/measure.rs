//! CPU time in alternated runs, and peak memory.

use std::error::Error;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::work::Work;

/// One work beside another.
pub struct Measured {
    /// Median CPU time of the work.
    pub seconds: f64,
    /// Median of the work's time over its base's.
    pub ratio: f64,
    /// The range of the middle half of the ratios.
    pub low: f64,
    pub high: f64,
    /// Median of the base's time over the base's time: what this machine makes of no difference.
    pub same: f64,
}

/// Runs base, work, base so many times, after one run of each that does not count.
pub fn beside(file: &str, work: &Work, base: &Work, pairs: usize) -> Result<Measured, Box<dyn Error>> {
    (base.run)(file)?;
    (work.run)(file)?;
    let (mut times, mut ratios, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        let before = cpu_time_of(base, file)?;
        let time = cpu_time_of(work, file)?;
        let after = cpu_time_of(base, file)?;
        times.push(time);
        ratios.push(2.0 * time / (before + after));
        same.push(before / after);
    }
    for values in [&mut times, &mut ratios, &mut same] {
        values.sort_by(f64::total_cmp);
    }
    Ok(Measured {
        seconds: times[pairs / 2],
        ratio: ratios[pairs / 2],
        low: ratios[pairs / 4],
        high: ratios[pairs * 3 / 4],
        same: same[pairs / 2],
    })
}

/// The most memory that this process ever had in use, in bytes.
pub fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// CPU seconds of enough runs of `work` that the clock's grain does not matter, divided by their number.
fn cpu_time_of(work: &Work, file: &str) -> Result<f64, Box<dyn Error>> {
    let start = cpu_time()?;
    for _ in 0..work.runs {
        (work.run)(file)?;
    }
    Ok((cpu_time()? - start).as_secs_f64() / f64::from(work.runs))
}

fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let duration = |time: TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}
