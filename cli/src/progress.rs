//! A bar on a terminal, for all files together.

use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text;

/// Bytes between two looks at the clock: a bar is for people, and a look costs more than a small piece of the file.
const STEP: u64 = 4 << 20;

/// On standard error, where that is a terminal.
pub(crate) struct Progress(ProgressBar);

/// What one thread has read and not told yet.
pub(crate) struct Read<'a> {
    progress: &'a Progress,
    bytes: u64,
}

impl Progress {
    /// `total` is `None` where a stream is among what is read.
    pub(crate) fn new(total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{spinner} {bytes} {bytes_per_sec}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a template that is right"));
        Progress(bar)
    }

    pub(crate) fn hidden() -> Self {
        Progress(ProgressBar::hidden())
    }

    pub(crate) fn reader(&self) -> Read<'_> {
        Read { progress: self, bytes: 0 }
    }

    /// Prints beside the bar.
    pub(crate) fn print(&self, line: &str) -> io::Result<()> {
        self.0.suspend(|| text::print(&format!("{line}\n")))
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }

    /// Draws also while nothing comes.
    pub(crate) fn tick(self) -> Self {
        if !self.0.is_hidden() {
            self.0.enable_steady_tick(Duration::from_millis(200));
        }
        self
    }
}

impl Read<'_> {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.bytes >= STEP {
            self.progress.0.inc(std::mem::take(&mut self.bytes));
        }
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        self.progress.0.inc(self.bytes);
    }
}
