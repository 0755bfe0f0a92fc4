//! A short string that lives where it stands and is cut, never grown.

use core::fmt::{self, Write};
use core::ops::Deref;

/// At most `N` bytes of UTF-8; what does not fit is cut at a character.
///
/// Invariant: `0 <= len <= N <= 65,535`, and `bytes[..len]` is UTF-8.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    len: u16,
    full: bool,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const fn new() -> Self {
        Text { len: 0, full: false, bytes: [0; N] }
    }

    /// Appends; what does not fit is cut.
    pub fn put(&mut self, text: fmt::Arguments<'_>) {
        // A display that fails leaves what it wrote until then, which is what is wanted of a text that may be cut.
        let _ = self.write_fmt(text);
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Text::new()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.full {
            return Ok(());
        }
        let start = usize::from(self.len);
        let room = N.min(usize::from(u16::MAX)).saturating_sub(start);
        let take = if text.len() <= room {
            text.len()
        } else {
            self.full = true;
            text.floor_char_boundary(room)
        };
        let end = start.saturating_add(take);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(start..end), text.as_bytes().get(..take)) {
            to.copy_from_slice(from);
            self.len = u16::try_from(end).unwrap_or(u16::MAX);
        }
        Ok(())
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character_and_stays_cut() {
        let mut text = Text::<4>::new();
        text.put(format_args!("ab\u{20ac}"));
        assert_eq!(&*text, "ab");
        text.put(format_args!("c"));
        assert_eq!(&*text, "ab", "nothing follows a cut");
    }
}
