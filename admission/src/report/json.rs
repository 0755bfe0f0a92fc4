//! A JSON writer over any `fmt::Write`, so that a text can be measured first and then written where it was reserved.

use core::fmt::{self, Display, Write};

use crate::contract::EXACT;
use crate::store::Bytes;

/// Writes JSON values one after another; commas are its business, the order is the caller's.
pub struct Json<'w> {
    out: &'w mut dyn Write,
    comma: bool,
}

impl<'w> Json<'w> {
    /// A writer for one value.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Json { out, comma: false }
    }

    fn separate(&mut self) -> fmt::Result {
        if self.comma {
            self.out.write_char(',')?;
        }
        self.comma = true;
        Ok(())
    }

    /// Opens an object (`{`) or an array (`[`).
    pub fn open(&mut self, bracket: char) -> fmt::Result {
        self.separate()?;
        self.comma = false;
        self.out.write_char(bracket)
    }

    /// Closes what was opened.
    pub fn close(&mut self, bracket: char) -> fmt::Result {
        self.comma = true;
        self.out.write_char(bracket)
    }

    /// A key of ours: it needs no escaping.
    pub fn key(&mut self, key: &str) -> fmt::Result {
        self.separate()?;
        self.comma = false;
        self.out.write_char('"')?;
        self.out.write_str(key)?;
        self.out.write_str("\":")
    }

    /// A number, or anything else whose display is JSON.
    pub fn display(&mut self, value: &dyn Display) -> fmt::Result {
        self.separate()?;
        write!(self.out, "{value}")
    }

    /// An integer: a string above 2^53 - 1.
    pub fn u64(&mut self, value: u64) -> fmt::Result {
        if value <= EXACT { self.display(&value) } else { self.quoted(&value) }
    }

    /// A value whose display stands in quotes and needs no escaping.
    pub fn quoted(&mut self, value: &dyn Display) -> fmt::Result {
        self.separate()?;
        write!(self.out, "\"{value}\"")
    }

    /// A finite float with the fewest digits that give it back; else its name as a string.
    pub(crate) fn float(&mut self, class: Float<'_>) -> fmt::Result {
        match class {
            Float::Finite(value) => {
                self.separate()?;
                write!(self.out, "{value:?}")
            }
            Float::Named(name) => self.str(name),
        }
    }

    /// A value that writes itself.
    pub(crate) fn nested(&mut self, write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> fmt::Result {
        self.separate()?;
        write(self.out)
    }

    /// `null`.
    pub fn null(&mut self) -> fmt::Result {
        self.display(&"null")
    }

    /// A string.
    pub fn str(&mut self, text: &str) -> fmt::Result {
        self.separate()?;
        self.out.write_char('"')?;
        self.escape(text)?;
        self.out.write_char('"')
    }

    /// A string, or `null`.
    pub fn optional_str(&mut self, text: Option<&str>) -> fmt::Result {
        match text {
            Some(text) => self.str(text),
            None => self.null(),
        }
    }

    /// Bytes of the file as a string: what is not UTF-8 is shown as U+FFFD.
    pub(crate) fn bytes(&mut self, bytes: Bytes<'_>) -> fmt::Result {
        self.separate()?;
        self.out.write_char('"')?;
        bytes.decode(&mut |text| self.escape(text))?;
        self.out.write_char('"')
    }

    fn escape(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            let short = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..=0x1f | 0x7f => "",
                _ => continue,
            };
            self.out.write_str(text.get(plain..at).unwrap_or_default())?;
            plain = at.saturating_add(1);
            if short.is_empty() {
                write!(self.out, "\\u{byte:04x}")?;
            } else {
                self.out.write_str(short)?;
            }
        }
        self.out.write_str(text.get(plain..).unwrap_or_default())
    }
}

/// A float as JSON can show it.
pub(crate) enum Float<'a> {
    Finite(&'a dyn fmt::Debug),
    Named(&'static str),
}
