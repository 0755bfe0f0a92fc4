//! The values of a header, in the types that a reader expects.

use core::fmt;
use std::borrow::Cow;

use super::header::Header;
use super::value::{Array, Value};
use crate::contract::Code;
use crate::error::{Error, Path};

/// Values by key, each in one type. Where the key is missing, or its value is another, the [`Error`] says key, type
/// wanted and what was found. Its code is [`Limit`](Code::Limit): the file keeps every rule, and it is not what the
/// caller needs. So a [`Sink`](crate::Sink) can refuse a file by `?` in its `check`.
///
/// ```
/// use gguf_admission::{Options, admit_reader};
///
/// let model = admit_reader(&std::fs::read("examples/vocabulary.gguf")?[..], Options::verify())?;
/// let header = model.header();
/// assert_eq!(header.str("general.architecture")?, "llama");
/// // Whatever type of integer the file has.
/// assert_eq!(header.u64("llama.block_count")?, 1);
/// assert_eq!(header.f32("llama.attention.layer_norm_rms_epsilon")?, 1e-5);
/// assert_eq!(header.bool("tokenizer.ggml.add_bos_token")?, true);
///
/// let error = header.u64("general.architecture").unwrap_err();
/// assert_eq!(error.message(), "general.architecture is of type string, an integer from 0 to 2^64 - 1 is wanted");
/// let error = header.array("tokenizer.ggml.merges").err().unwrap();
/// assert_eq!(error.message(), "tokenizer.ggml.merges is missing, an array is wanted");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Header {
    /// The string under this key; an error where it is not UTF-8, too. Borrowed where it lies together in memory.
    pub fn str(&self, key: &str) -> Result<Cow<'_, str>, Error> {
        let text = self.typed(key, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })?;
        text.to_str().map_err(|error| match (error.code(), self.entry_index(key)) {
            (Code::Limit, Some(index)) => error.on(value_of(index)).message_is(format_args!("{key} is not UTF-8")),
            _ => error,
        })
    }

    /// The integer under this key, of any type, if it is not negative.
    pub fn u64(&self, key: &str) -> Result<u64, Error> {
        self.typed(key, "an integer from 0 to 2^64 - 1", |value| value.natural())
    }

    /// The `f32` under this key.
    pub fn f32(&self, key: &str) -> Result<f32, Error> {
        self.typed(key, "an f32", |value| match value {
            Value::F32(value) => Some(value),
            _ => None,
        })
    }

    /// The `f64` or `f32` under this key.
    pub fn f64(&self, key: &str) -> Result<f64, Error> {
        self.typed(key, "an f64 or f32", |value| match value {
            Value::F64(value) => Some(value),
            Value::F32(value) => Some(f64::from(value)),
            _ => None,
        })
    }

    /// The `bool` under this key.
    pub fn bool(&self, key: &str) -> Result<bool, Error> {
        self.typed(key, "a bool", |value| match value {
            Value::Bool(value) => Some(value),
            _ => None,
        })
    }

    /// The array under this key.
    pub fn array(&self, key: &str) -> Result<Array<'_>, Error> {
        self.typed(key, "an array", |value| match value {
            Value::Array(array) => Some(array),
            _ => None,
        })
    }

    fn typed<'a, T>(&'a self, key: &str, wanted: &str, read: fn(Value<'a>) -> Option<T>) -> Result<T, Error> {
        let found = self.entry_index(key).and_then(|index| Some((index, self.entry(index)?)));
        let Some((index, entry)) = found else {
            let message = format_args!("{key} is missing, {wanted} is wanted");
            return Err(Error::new(Code::Limit, message).with(format_args!("{wanted}"), format_args!("nothing")));
        };
        let value = entry.value();
        read(value).ok_or_else(|| {
            let (ty, at) = (entry.value_type().name(), entry.value_offset());
            let refused = |found: fmt::Arguments<'_>| {
                let message = format_args!("{key} is of type {found}, {wanted} is wanted");
                Error::at(Code::Limit, at, value_of(index), message).with(format_args!("{wanted}"), found)
            };
            match value {
                Value::String(_) | Value::Array(_) => refused(format_args!("{ty}")),
                // An integer may be of a good type, and negative.
                number => refused(format_args!("{ty}, {number:?}")),
            }
        })
    }
}

fn value_of(index: usize) -> Path {
    Path::Value(u32::try_from(index).unwrap_or(u32::MAX))
}
