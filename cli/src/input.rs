//! What is read: a file that can be read at any place, or a stream.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(crate) enum Input {
    /// A file of this length, as it was when it was opened.
    File(File, u64),
    /// Standard input, a pipe, a device: read once, in order.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if is_standard_input(path) {
            return Ok(Input::Stream(Box::new(io::stdin())));
        }
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if about.is_file() { Ok(Input::File(file, about.len())) } else { Ok(Input::Stream(Box::new(file))) }
    }

    /// Its length, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Input::File(_, length) => Some(*length),
            Input::Stream(_) => None,
        }
    }
}

pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads at `offset` until `buffer` is full or the file ends, and tells how much.
pub(crate) fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while !buffer.is_empty() {
        match at(file, buffer, offset) {
            Ok(0) => break,
            Ok(count) => {
                read += count;
                offset += count as u64;
                buffer = &mut buffer[count..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(unix)]
fn at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
