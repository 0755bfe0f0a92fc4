//! From a blocking reader.

use std::io;

use super::error::AdmitError;
use super::intake::Intake;
use super::options::{Options, Refusal};
use crate::contract::OPEN_WINDOW;
use crate::format::Header;
use crate::memory;
use crate::session::Model;
use crate::sink::Sink;

/// Admits a file from a blocking reader. Bytes behind the file's end are an error, not ignored. A reader that says it
/// read more than it was asked for is [`InvalidData`](io::ErrorKind::InvalidData).
///
/// Memory beside the sink is the header and one buffer of 64 KiB.
pub fn admit_reader<S, F>(mut reader: impl io::Read, options: Options<S, F>) -> Result<Model<S>, AdmitError<io::Error>>
where
    S: Sink,
    F: FnOnce(&Header) -> Result<(), Refusal>,
{
    let mut intake = Intake::open(options)?;
    let mut buffer = Vec::new();
    memory::reserve(&mut buffer, OPEN_WINDOW)?;
    memory::zero_reserved(&mut buffer, OPEN_WINDOW);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(intake.finish()?),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(AdmitError::Source(error)),
        };
        let lies =
            || io::Error::new(io::ErrorKind::InvalidData, "the reader says that it read more than its buffer holds");
        intake.push_all(buffer.get(..read).ok_or_else(|| AdmitError::Source(lies()))?)?;
    }
}
