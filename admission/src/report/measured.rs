//! A text that is measured first and then written into exactly the room that was reserved for it.

use core::fmt::{self, Write};

use crate::error::Error;
use crate::memory;

/// Runs `write` twice: once to count the bytes, once into a buffer of exactly that size. A text of more than `most`
/// bytes is refused with the error that `over` makes of its length.
pub fn text(
    most: u64,
    over: impl FnOnce(u64) -> Error,
    write: impl Fn(&mut dyn Write) -> fmt::Result,
) -> Result<Vec<u8>, Error> {
    let mut length = Length::default();
    let failed = |_| Error::memory(0);
    write(&mut length).map_err(failed)?;
    let Length(length) = length;
    if length as u64 > most {
        return Err(over(length as u64));
    }
    let mut text = Reserved(Vec::new());
    memory::reserve(&mut text.0, length)?;
    write(&mut text).map_err(failed)?;
    Ok(text.0)
}

/// Writes into room that was reserved; fails, and never grows, when there is none.
struct Reserved(Vec<u8>);

impl Write for Reserved {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.capacity().saturating_sub(self.0.len()) < text.len() {
            return Err(fmt::Error);
        }
        memory::append_reserved(&mut self.0, text.as_bytes());
        Ok(())
    }
}

/// Counts the bytes that a text will take.
#[derive(Default)]
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}
