//! A stretch of the header's bytes, which may lie across pages.

use core::cmp::Ordering;
use core::fmt::{self, Write};
use core::str::Utf8Error;
use std::borrow::Cow;

use super::pages::Pages;
use crate::contract::Code;
use crate::error::{Error, Path};
use crate::memory;

/// Bytes of the file's header: a key, a name, a string value. Not necessarily UTF-8; displayed with U+FFFD.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    pages: &'a Pages,
    at: u64,
    len: u64,
}

impl Pages {
    /// The bytes `at .. at + len`.
    pub(crate) fn bytes(&self, at: u64, len: u64) -> Bytes<'_> {
        Bytes { pages: self, at, len }
    }

    /// The bytes of the string whose length field stands at `at`.
    pub(crate) fn string(&self, at: u64) -> Bytes<'_> {
        self.bytes(at.saturating_add(8), self.u64(at))
    }
}

/// The string whose length these bytes begin with, and what follows it, where all of it is here.
pub(crate) fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)
}

impl<'a> Bytes<'a> {
    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file offset of the first byte.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The first `len` bytes, or all.
    pub fn first(&self, len: u64) -> Bytes<'a> {
        Bytes { len: self.len.min(len), ..*self }
    }

    /// The bytes in runs that lie together in memory, in order.
    pub fn runs(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, mut at) = (*self, 0u64);
        core::iter::from_fn(move || {
            let run = bytes.run(at);
            at = at.saturating_add(run.len() as u64);
            (!run.is_empty()).then_some(run)
        })
    }

    /// The bytes from `index` on that lie together in memory.
    pub(crate) fn run(&self, index: u64) -> &'a [u8] {
        let run = self.pages.run(self.at.saturating_add(index));
        let left = usize::try_from(self.len.saturating_sub(index)).unwrap_or(usize::MAX);
        run.get(..left).unwrap_or(run)
    }

    /// A copy; [`memory`](crate::Code::Memory) where there is no room for one.
    pub fn to_vec(&self) -> Result<Vec<u8>, Error> {
        let mut copy = Vec::new();
        memory::reserve(&mut copy, usize::try_from(self.len).unwrap_or(usize::MAX))?;
        for run in self.runs() {
            memory::append_reserved(&mut copy, run);
        }
        Ok(copy)
    }

    /// The bytes as text: borrowed where they lie together in memory, else a copy. An error with code
    /// [`Limit`](Code::Limit) where they are not UTF-8, and with [`Memory`](Code::Memory) where there is no room for
    /// the copy.
    pub fn to_str(&self) -> Result<Cow<'a, str>, Error> {
        let no_text = |error: Utf8Error| {
            let at = self.at.saturating_add(error.valid_up_to() as u64);
            Error::at(Code::Limit, at, Path::None, format_args!("this is not UTF-8"))
        };
        let run = self.runs().next().unwrap_or_default();
        if run.len() as u64 == self.len {
            return core::str::from_utf8(run).map(Cow::Borrowed).map_err(no_text);
        }
        String::from_utf8(self.to_vec()?).map(Cow::Owned).map_err(|error| no_text(error.utf8_error()))
    }

    /// The order of the bytes as numbers.
    pub fn compare(&self, other: &[u8]) -> Ordering {
        let mut other = other;
        for run in self.runs() {
            let (now, later) = other.split_at(run.len().min(other.len()));
            match run.cmp(now) {
                Ordering::Equal => other = later,
                unequal => return unequal,
            }
        }
        if other.is_empty() { Ordering::Equal } else { Ordering::Less }
    }

    /// What follows `prefix`, where it begins with it.
    pub(crate) fn after(&self, prefix: Bytes<'_>) -> Option<Bytes<'a>> {
        let mut rest = *self;
        for run in prefix.runs() {
            rest = rest.after_bytes(run)?;
        }
        Some(rest)
    }

    /// What follows `prefix`, where it begins with it.
    pub(crate) fn after_text(&self, prefix: &str) -> Option<Bytes<'a>> {
        self.after_bytes(prefix.as_bytes())
    }

    #[inline(never)]
    fn after_bytes(&self, prefix: &[u8]) -> Option<Bytes<'a>> {
        let len = prefix.len() as u64;
        let rest = Bytes { at: self.at.saturating_add(len), len: self.len.checked_sub(len)?, ..*self };
        (self.first(len) == *prefix).then_some(rest)
    }

    /// What comes before `suffix`, where it ends with it.
    pub(crate) fn before_text(&self, suffix: &str) -> Option<Bytes<'a>> {
        let len = self.len.checked_sub(suffix.len() as u64)?;
        let end = Bytes { at: self.at.saturating_add(len), len: suffix.len() as u64, ..*self };
        (end == *suffix).then(|| self.first(len))
    }

    /// Whether these three bytes occur in it.
    pub(crate) fn contains(&self, three: &[u8; 3]) -> bool {
        (0..self.len.saturating_sub(2)).any(|at| {
            let place = Bytes { at: self.at.saturating_add(at), len: 3, ..*self };
            place == *three.as_slice()
        })
    }

    pub(crate) fn byte(&self, index: u64) -> Option<u8> {
        (index < self.len).then(|| self.pages.byte(self.at.saturating_add(index)))
    }

    /// Whether all of it is UTF-8 without control characters (Unicode category Cc).
    pub(crate) fn is_plain_text(&self) -> bool {
        // Most names are printable ASCII. Only what comes behind it is decoded.
        let printable = self.run(0).iter().take_while(|byte| (b' '..=b'~').contains(byte)).count() as u64;
        let (at, len) = (self.at.saturating_add(printable), self.len.saturating_sub(printable));
        let rest = Bytes { at, len, ..*self };
        rest.pieces(&mut |piece| match piece {
            Piece::Text(text) if !text.chars().any(char::is_control) => Ok(()),
            _ => Err(fmt::Error),
        })
        .is_ok()
    }

    /// Gives the bytes as text, each maximal subpart that is not UTF-8 as U+FFFD.
    pub(crate) fn decode(&self, text: &mut dyn FnMut(&str) -> fmt::Result) -> fmt::Result {
        self.pieces(&mut |piece| match piece {
            Piece::Text(piece) => text(piece),
            Piece::Invalid => text("\u{fffd}"),
        })
    }

    fn pieces(&self, give: &mut dyn FnMut(Piece<'_>) -> fmt::Result) -> fmt::Result {
        // A character cut by the end of a run: at most 3 bytes, always the start of a well-formed sequence.
        let mut cut = [0u8; 4];
        let mut cut_len = 0usize;
        for mut run in self.runs() {
            while cut_len > 0 {
                let Some((&byte, rest)) = run.split_first() else {
                    break;
                };
                let mut joined = cut;
                if let Some(next) = joined.get_mut(cut_len) {
                    *next = byte;
                }
                let joined_len = cut_len.saturating_add(1);
                match core::str::from_utf8(joined.get(..joined_len).unwrap_or_default()) {
                    Ok(text) => {
                        give(Piece::Text(text))?;
                        (cut_len, run) = (0, rest);
                    }
                    Err(error) if error.error_len().is_none() => {
                        (cut, cut_len, run) = (joined, joined_len, rest);
                    }
                    // The byte does not go on the sequence: the cut is one fault, the byte is looked at anew.
                    Err(_) => {
                        give(Piece::Invalid)?;
                        cut_len = 0;
                    }
                }
            }
            while !run.is_empty() {
                match core::str::from_utf8(run) {
                    Ok(text) => {
                        give(Piece::Text(text))?;
                        break;
                    }
                    Err(error) => {
                        let (valid, rest) = run.split_at(error.valid_up_to());
                        if !valid.is_empty() {
                            give(Piece::Text(core::str::from_utf8(valid).unwrap_or_default()))?;
                        }
                        match error.error_len() {
                            Some(invalid) => {
                                give(Piece::Invalid)?;
                                run = rest.get(invalid..).unwrap_or_default();
                            }
                            None => {
                                cut_len = rest.len().min(3);
                                for (to, from) in cut.iter_mut().zip(rest) {
                                    *to = *from;
                                }
                                break;
                            }
                        }
                    }
                }
            }
        }
        if cut_len > 0 { give(Piece::Invalid) } else { Ok(()) }
    }
}

enum Piece<'a> {
    Text(&'a str),
    Invalid,
}

impl PartialEq<[u8]> for Bytes<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.len == other.len() as u64 && self.compare(other).is_eq()
    }
}

impl PartialEq<str> for Bytes<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

/// So that `tensor.name() == "output.weight"` compiles.
impl PartialEq<&str> for Bytes<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decode(&mut |text| f.write_str(text))
    }
}

/// For messages: control characters and quotes are escaped.
impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.decode(&mut |text| text.escape_debug().try_for_each(|c| f.write_char(c)))?;
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::pages::PAGE;

    /// Puts `text` so that it lies across the first page's end at every possible place.
    fn decoded_across_a_page(text: &[u8]) {
        for before in 0..=text.len() {
            let mut pages = Pages::default();
            let pad = vec![b'x'; PAGE - before];
            pages.reserve(PAGE + text.len()).unwrap();
            pages.append(&pad);
            pages.append(text);
            let bytes = pages.bytes(pad.len() as u64, text.len() as u64);
            assert_eq!(format!("{bytes}"), String::from_utf8_lossy(text), "{text:?} cut after {before}");
            assert_eq!(bytes.compare(text), Ordering::Equal);
            match (bytes.to_str(), core::str::from_utf8(text)) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(found, expected);
                    assert_eq!(matches!(found, Cow::Borrowed(_)), before == 0 || before == text.len());
                }
                (Err(error), Err(expected)) => {
                    let at = pad.len() + expected.valid_up_to();
                    assert_eq!((error.code(), error.offset()), (Code::Limit, Some(at as u64)));
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn text_across_pages_decodes_as_text_in_one_piece() {
        for text in [
            "aé€😀z".as_bytes(),
            b"\xf0\x9f\x98",
            b"\xf0\x9f\x98\xf0\x9f\x98\x80",
            b"\xe2\x82\xe2\x82\xac",
            b"\xed\xa0\x80ok\xff\xfe",
            b"\xf4\x90\x80\x80\xc0\xaf",
        ] {
            decoded_across_a_page(text);
        }
    }
}
