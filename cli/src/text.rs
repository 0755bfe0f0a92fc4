//! Text for people: one line a file, aligned, coloured where it is looked at.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::exit::Exit;
use crate::feed::Finding;
use crate::label::label;
use crate::verdict::{Outcome, Verdict};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Prints to standard output. Whoever reads it may go away before the end, as `head` does: the exit code still tells.
/// A disk that is full is another thing: a program that reads the list later would take it for whole.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Says that the output is not whole.
pub(crate) fn unwritten(error: &io::Error) -> Exit {
    anstream::eprintln!("gguf-admit: standard output: {error}");
    Exit::Unread
}

/// `verdict  name  what is known of it`; names take `width` columns.
pub(crate) fn line(verdict: &Verdict, width: usize) -> String {
    let (style, word) = match verdict.outcome {
        Outcome::Admitted => (GOOD, "ok"),
        Outcome::HeaderReady => (GOOD, "header"),
        Outcome::Rejected(_) => (BAD, "BAD"),
        Outcome::Unread(_) => (BAD, "UNREAD"),
    };
    let name = label(&verdict.file);
    let gap = " ".repeat(width.saturating_sub(self::width(&name)));
    let mut line = format!("{style}{word:<6}{style:#}  {name}{gap}  {}", says(verdict));
    for Finding { rule, level, path, offset, message } in verdict.findings.iter().flatten() {
        let path = path.as_ref().map(|path| format!(" in {path}")).unwrap_or_default();
        let offset = offset.map(|offset| format!(" at byte {}", grouped(offset))).unwrap_or_default();
        line += &format!("\n        {level} {rule}{path}{offset}: {message}");
    }
    line
}

fn says(verdict: &Verdict) -> String {
    match &verdict.outcome {
        Outcome::Unread(message) => message.clone(),
        Outcome::Rejected(fault) => {
            // `magic in magic` says nothing more.
            let path = fault.path.as_ref().filter(|path| path.as_str() != fault.code);
            let path = path.map(|path| format!(" in {path}")).unwrap_or_default();
            let offset = fault.offset.map(|offset| format!(" at byte {}", grouped(offset))).unwrap_or_default();
            format!("{}{path}{offset}: {}", fault.code, fault.message)
        }
        Outcome::Admitted | Outcome::HeaderReady => {
            let digests = [("sha256", verdict.digests.sha256), ("blake3", verdict.digests.blake3)];
            let mut parts: Vec<String> =
                digests.iter().filter_map(|(name, digest)| Some(format!("{name} {}", (*digest)?))).collect();
            parts.extend(verdict.length.map(|length| format!("{} bytes", grouped(length))));
            parts.extend(verdict.architecture.clone());
            parts.extend(verdict.tensors.map(|tensors| match tensors {
                1 => "1 tensor".into(),
                tensors => format!("{} tensors", grouped(tensors as u64)),
            }));
            parts.join("  ")
        }
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Columns that a text takes, a column a letter.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}
