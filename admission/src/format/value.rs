//! A metadata value, decoded where it stands in the header.

use core::fmt::{self, Write};

use super::element::Element;
use super::types::ValueType;
use crate::contract::Code;
use crate::error::{Error, Path};
use crate::memory;
use crate::store::{Bytes, Pages, split_string};

/// A metadata value.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names are those of the format")]
#[non_exhaustive]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(Bytes<'a>),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// An array value: elements of one type, never arrays.
///
/// ```
/// use gguf_admission::{Options, admit_reader};
///
/// let model = admit_reader(&std::fs::read("examples/vocabulary.gguf")?[..], Options::verify())?;
/// let tokens = model.header().array("tokenizer.ggml.tokens")?;
/// for token in tokens.strings()? {
///     println!("{}", token.to_str()?);
/// }
///
/// // Numbers come in one piece: to a vector, or to a slice of the caller's.
/// let scores: Vec<f32> = model.header().array("tokenizer.ggml.scores")?.to_vec()?;
/// let mut types = [0i32; 3];
/// model.header().array("tokenizer.ggml.token_type")?.copy_to(&mut types)?;
/// assert_eq!((tokens.len(), scores, types), (3, vec![0.0, -1.0, -2.0], [2, 3, 1]));
///
/// let error = tokens.to_vec::<f32>().unwrap_err();
/// assert_eq!((error.expected(), error.found()), (Some("array of f32"), Some("array of string")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Array<'a> {
    pages: &'a Pages,
    of: ValueType,
    items: u64,
    at: u64,
}

impl<'a> Value<'a> {
    /// The value of type `ty` that stands at `at`.
    pub(super) fn read(pages: &'a Pages, ty: ValueType, at: u64) -> Self {
        match ty {
            ValueType::Array => Value::Array(Array::read(pages, at)),
            ty => value(pages, ty, at).0,
        }
    }

    /// The number, if it is an integer of any type that is not negative.
    pub(crate) fn natural(&self) -> Option<u64> {
        match *self {
            Value::U8(value) => Some(u64::from(value)),
            Value::U16(value) => Some(u64::from(value)),
            Value::U32(value) => Some(u64::from(value)),
            Value::U64(value) => Some(value),
            Value::I8(value) => u64::try_from(value).ok(),
            Value::I16(value) => u64::try_from(value).ok(),
            Value::I32(value) => u64::try_from(value).ok(),
            Value::I64(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }
}

impl<'a> Array<'a> {
    /// The array whose element type stands at `at`.
    fn read(pages: &'a Pages, at: u64) -> Self {
        Array {
            pages,
            of: ValueType::from_number(pages.u32(at)).unwrap_or(ValueType::U8),
            items: pages.u64(at.saturating_add(4)),
            at: at.saturating_add(12),
        }
    }

    /// The type of the elements.
    pub fn of(&self) -> ValueType {
        self.of
    }

    /// How many elements.
    pub fn len(&self) -> u64 {
        self.items
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// The file offset of the first element.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let Array { pages, of, items, mut at } = *self;
        (0..items).map(move |_| {
            let (value, next) = value(pages, of, at);
            at = next;
            value
        })
    }

    /// The elements of an array of strings, in order; an error where it is one of something else.
    pub fn strings(&self) -> Result<impl ExactSizeIterator<Item = Bytes<'a>> + use<'a>, Error> {
        self.expect(ValueType::String)?;
        Ok(self.texts())
    }

    /// The elements, in order, of an array that is one of strings.
    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = Bytes<'a>> + use<'a> {
        let (pages, mut at, mut run) = (self.pages, self.at, self.pages.run(self.at));
        (0..self.count()).map(move |_| {
            let text = match split_string(run) {
                Some((text, behind)) => {
                    run = behind;
                    pages.bytes(at.saturating_add(8), text.len() as u64)
                }
                // It lies across pages.
                None => {
                    let text = pages.string(at);
                    run = pages.run(text.offset().saturating_add(text.len()));
                    text
                }
            };
            at = text.offset().saturating_add(text.len());
            text
        })
    }

    /// The bits of the elements, in order, of an array whose elements have 4 bytes.
    pub(crate) fn words(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (pages, mut at, mut run) = (self.pages, self.at, self.pages.run(self.at));
        (0..self.items).map(move |_| {
            let word = match run.split_first_chunk() {
                Some((word, behind)) => {
                    run = behind;
                    u32::from_le_bytes(*word)
                }
                // It lies across pages.
                None => {
                    run = pages.run(at.saturating_add(4));
                    pages.u32(at)
                }
            };
            at = at.saturating_add(4);
            word
        })
    }

    /// Copies the elements, which are of type `T`, to a slice that is as long as the array.
    ///
    /// An array of another type, or of another length, is an error, and `to` is as it was.
    pub fn copy_to<T: Element>(&self, to: &mut [T]) -> Result<(), Error> {
        self.expect(T::TYPE)?;
        if to.len() != self.count() {
            let message = format_args!("{} elements do not fit a slice of {}", self.items, to.len());
            return Err(
                Error::new(Code::Argument, message).with(format_args!("{}", self.items), format_args!("{}", to.len()))
            );
        }
        let size = T::TYPE.size() as usize;
        let (mut at, mut to) = (self.at, to);
        while !to.is_empty() {
            let (run, cut) = (self.pages.run(at), self.pages.array::<8>(at));
            // An element that lies across two pages is copied alone.
            let (bytes, count) = match run.len().checked_div(size) {
                Some(whole @ 1..) => (run, whole.min(to.len())),
                _ => (cut.get(..size).unwrap_or_default(), 1),
            };
            let (now, later) = to.split_at_mut(count);
            T::copy(bytes, now);
            at = at.saturating_add(count.saturating_mul(size) as u64);
            to = later;
        }
        Ok(())
    }

    /// A copy of the elements, which are of type `T`: an error where they are not, or where there is no room for it.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        self.expect(T::TYPE)?;
        let mut copy = Vec::new();
        memory::reserve(&mut copy, self.count())?;
        memory::zero_reserved(&mut copy, self.count());
        self.copy_to(&mut copy)?;
        Ok(copy)
    }

    /// As many elements as there are: each has at least a byte in memory.
    fn count(&self) -> usize {
        usize::try_from(self.items).unwrap_or(usize::MAX)
    }

    fn expect(&self, wanted: ValueType) -> Result<(), Error> {
        if self.of == wanted {
            return Ok(());
        }
        let (wanted, found) = (wanted.name(), self.of.name());
        let message = format_args!("this is an array of {found}, one of {wanted} is wanted");
        Err(Error::at(Code::Limit, self.at.saturating_sub(12), Path::None, message)
            .with(format_args!("array of {wanted}"), format_args!("array of {found}")))
    }
}

/// The value at `at` that is not an array, and where the next one stands.
fn value(pages: &Pages, ty: ValueType, at: u64) -> (Value<'_>, u64) {
    let value = match ty {
        ValueType::U8 => Value::U8(pages.byte(at)),
        ValueType::I8 => Value::I8(pages.byte(at).cast_signed()),
        ValueType::U16 => Value::U16(u16::from_le_bytes(pages.array(at))),
        ValueType::I16 => Value::I16(i16::from_le_bytes(pages.array(at))),
        ValueType::U32 => Value::U32(pages.u32(at)),
        ValueType::I32 => Value::I32(pages.u32(at).cast_signed()),
        ValueType::F32 => Value::F32(f32::from_le_bytes(pages.array(at))),
        ValueType::Bool => Value::Bool(pages.byte(at) == 1),
        ValueType::U64 => Value::U64(pages.u64(at)),
        ValueType::I64 => Value::I64(pages.u64(at).cast_signed()),
        ValueType::F64 => Value::F64(f64::from_le_bytes(pages.array(at))),
        ValueType::String | ValueType::Array => {
            let text = pages.string(at);
            return (Value::String(text), text.offset().saturating_add(text.len()));
        }
    };
    (value, at.saturating_add(ty.size()))
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array").field("of", &self.of).field("len", &self.items).finish_non_exhaustive()
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U8(value) => fmt::Debug::fmt(value, f),
            Value::I8(value) => fmt::Debug::fmt(value, f),
            Value::U16(value) => fmt::Debug::fmt(value, f),
            Value::I16(value) => fmt::Debug::fmt(value, f),
            Value::U32(value) => fmt::Debug::fmt(value, f),
            Value::I32(value) => fmt::Debug::fmt(value, f),
            Value::F32(value) => fmt::Debug::fmt(value, f),
            Value::Bool(value) => fmt::Debug::fmt(value, f),
            Value::U64(value) => fmt::Debug::fmt(value, f),
            Value::I64(value) => fmt::Debug::fmt(value, f),
            Value::F64(value) => fmt::Debug::fmt(value, f),
            Value::String(value) => fmt::Debug::fmt(value, f),
            Value::Array(array) => {
                f.write_str("[")?;
                for (index, value) in array.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    fmt::Debug::fmt(&value, f)?;
                }
                f.write_char(']')
            }
        }
    }
}
