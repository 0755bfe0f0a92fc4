//! A JSON writer over any `fmt::Write`, so that a text can be measured first and then written where it was reserved.

use core::fmt::{self, Display, Write};

use crate::contract::EXACT;
use crate::digests::Digest;
use crate::error::Path;
use crate::store::Bytes;
use crate::text::Text;

/// Writes JSON values one after another. Commas and brackets are its business, the order is the caller's.
#[allow(missing_debug_implementations, reason = "it has a writer, and nothing of its own to show")]
pub struct Json<'w> {
    out: &'w mut dyn Write,
    comma: bool,
    /// Whether text that cannot be seen stands as it is.
    is_raw: bool,
}

/// What can stand as a value in JSON.
pub trait ToJson {
    /// Writes exactly one value.
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result;
}

/// An object; `members` writes what is in it.
pub fn object<F: Fn(&mut Json<'_>) -> fmt::Result>(members: F) -> impl ToJson {
    Inside { brackets: ['{', '}'], write: members }
}

/// An array; `items` writes what is in it.
pub fn array<F: Fn(&mut Json<'_>) -> fmt::Result>(items: F) -> impl ToJson {
    Inside { brackets: ['[', ']'], write: items }
}

struct Inside<F> {
    brackets: [char; 2],
    write: F,
}

impl<'w> Json<'w> {
    /// A writer for one value. In its strings a character that cannot be seen, or that turns the direction of the text
    /// around it (Unicode category Cf, U+2028 and U+2029), is escaped. The value stays the same.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Json { out, comma: false, is_raw: false }
    }

    /// A writer that escapes only what JSON asks for, and U+007F.
    pub fn raw(out: &'w mut dyn Write) -> Self {
        Json { out, comma: false, is_raw: true }
    }

    /// A value: all there is, or an item of an array.
    pub fn value<T: ToJson + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.to_json(self)
    }

    /// A member of an object. The key is ours: it needs no escaping.
    pub fn field<T: ToJson + ?Sized>(&mut self, key: &str, value: &T) -> fmt::Result {
        self.key(key)?;
        value.to_json(self)
    }

    // Not inlined, here and below: every field of every text goes through these few functions.
    #[inline(never)]
    fn key(&mut self, key: &str) -> fmt::Result {
        self.separate()?;
        self.comma = false;
        self.out.write_char('"')?;
        self.out.write_str(key)?;
        self.out.write_str("\":")
    }

    #[inline(never)]
    fn separate(&mut self) -> fmt::Result {
        if self.comma {
            self.out.write_char(',')?;
        }
        self.comma = true;
        Ok(())
    }

    #[inline(never)]
    fn inside(&mut self, [open, close]: [char; 2], write: &dyn Fn(&mut Json<'_>) -> fmt::Result) -> fmt::Result {
        self.separate()?;
        self.comma = false;
        self.out.write_char(open)?;
        write(self)?;
        self.comma = true;
        self.out.write_char(close)
    }

    /// A value whose display is JSON.
    #[inline(never)]
    pub(super) fn plain(&mut self, value: fmt::Arguments<'_>) -> fmt::Result {
        self.separate()?;
        self.out.write_fmt(value)
    }

    /// A value whose display stands in quotes and needs no escaping.
    #[inline(never)]
    pub(super) fn quoted(&mut self, value: &dyn Display) -> fmt::Result {
        self.plain(format_args!("\"{value}\""))
    }

    // By hand: a text of nothing else is three times as long as the file's, and `write!` is slow.
    fn escaped(&mut self, unit: u16) -> fmt::Result {
        let text = [b'\\', b'u', digit(unit >> 12), digit(unit >> 8), digit(unit >> 4), digit(unit)];
        self.out.write_str(core::str::from_utf8(&text).unwrap_or_default())
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
                // The first bytes of those that `is_unseen` names.
                0xc2 | 0xd8..=0xdc | 0xe0..=0xe2 | 0xef | 0xf0 | 0xf3 if !self.is_raw => {
                    let rest = text.get(at..).unwrap_or_default();
                    let Some(unseen) = rest.chars().next().filter(|&character| is_unseen(character)) else {
                        continue;
                    };
                    self.out.write_str(text.get(plain..at).unwrap_or_default())?;
                    plain = at.saturating_add(unseen.len_utf8());
                    for &mut unit in unseen.encode_utf16(&mut [0; 2]) {
                        self.escaped(unit)?;
                    }
                    continue;
                }
                _ => continue,
            };
            self.out.write_str(text.get(plain..at).unwrap_or_default())?;
            plain = at.saturating_add(1);
            if short.is_empty() {
                self.escaped(u16::from(byte))?;
            } else {
                self.out.write_str(short)?;
            }
        }
        self.out.write_str(text.get(plain..).unwrap_or_default())
    }
}

/// Whether it is of Unicode category Cf, Zl or Zp (Unicode 17): nothing is shown for it, or the text around it is shown
/// in another order.
pub fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

/// The lower four bits as a hexadecimal digit.
const fn digit(bits: u16) -> u8 {
    let bits = (bits & 0xf) as u8;
    if bits < 10 { b'0'.saturating_add(bits) } else { b'a'.saturating_add(bits.saturating_sub(10)) }
}

impl<F: Fn(&mut Json<'_>) -> fmt::Result> ToJson for Inside<F> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.inside(self.brackets, &self.write)
    }
}

impl ToJson for i32 {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.plain(format_args!("{self}"))
    }
}

/// A number; above 2^53 - 1 a string, so that it is exact in JavaScript.
impl ToJson for u64 {
    #[inline(never)]
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        if *self <= EXACT { json.plain(format_args!("{self}")) } else { json.quoted(self) }
    }
}

impl ToJson for str {
    #[inline(never)]
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.separate()?;
        json.out.write_char('"')?;
        json.escape(self)?;
        json.out.write_char('"')
    }
}

/// A string: what is not UTF-8 is shown as U+FFFD.
impl ToJson for Bytes<'_> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.separate()?;
        json.out.write_char('"')?;
        self.decode(&mut |text| json.escape(text))?;
        json.out.write_char('"')
    }
}

impl ToJson for Digest {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.quoted(self)
    }
}

/// A string, or `null` for none.
impl ToJson for Path {
    #[inline(never)]
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        let mut text = Text::<48>::new();
        text.put(format_args!("{self}"));
        (*self != Path::None).then_some(&*text).to_json(json)
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        (**self).to_json(json)
    }
}

/// The value, or `null`.
impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        match self {
            Some(value) => value.to_json(json),
            None => json.plain(format_args!("null")),
        }
    }
}
