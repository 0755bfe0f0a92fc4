//! A file from its first byte to its last, on one thread.

use std::io::{self, Read};

use gguf_admission::{Session, State, Verify};

use crate::feed::{judge, push_all};
use crate::progress;
use crate::verdict::Stop;

/// A piece is hashed while it is in the cache. 128 KiB cost 4 % more here: the session works in pieces of 64 KiB.
const PIECE: usize = 64 * 1024;

/// Reads until the end, and ends the session.
pub(crate) fn admit(
    session: &mut Session<Verify>,
    reader: &mut dyn Read,
    progress: &mut progress::Read<'_>,
) -> Result<(), Stop> {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = read(reader, &mut buffer)?;
        if read == 0 {
            return Ok(session.finish()?);
        }
        push_all(session, &buffer[..read])?;
        progress.add(read);
    }
}

/// Reads no further than the header.
pub(crate) fn header(session: &mut Session<Verify>, reader: &mut dyn Read) -> Result<(), Stop> {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = read(reader, &mut buffer)?;
        if read == 0 {
            return Ok(session.finish()?);
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let taken = session.push(rest)?;
            if session.state() == State::HeaderReady {
                return judge(session);
            }
            rest = &rest[taken..];
        }
    }
}

fn read(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
