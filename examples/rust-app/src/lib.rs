//! An app in Rust that admits a GGUF file in the browser and reads its tensors where they lie.
//!
//! `admit` is the whole of it; `peek` looks at a header and gives the rest up. `index.html` does both: it tells what
//! the model needs before it reads it.

#![allow(clippy::result_large_err, reason = "an error carries its whole detail in place, as in the core")]

mod json;
mod options;
mod peek;
mod values;

use gguf_admission::abi::object;
use gguf_admission::{Builtin, Model, Options};
use gguf_admission_web::{ByteStream, Error};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::options::Settings;

/// Admits a `File`, `Blob`, `Response` or `ReadableStream`.
///
/// `options`: `sink` (`"resident"`, which is the default, or `"verify"`), `length`, `sha256`, `blake3` (hex), `digests`
/// (names), `limits` (`memory`, `trailingBytes`, ...), `signal`. One that is null is not given.
///
/// Rejects with an `Error` that has `code`, `kind`, `offset` and `path`, or with the signal's reason, or with that of
/// whoever else aborted the source.
#[wasm_bindgen]
pub async fn admit(source: JsValue, options: JsValue) -> Result<Admitted, JsValue> {
    let (stream, options) = open(&source, &options)?;
    let model = gguf_admission_web::admit(stream, options).await?;
    Ok(Admitted { model })
}

/// Reads a header, and of the data no more than the read that ended the header brought; answers JSON: `architecture`,
/// `tensors`, `headerBytes`, `dataBytes`, `needed`. The source is cancelled. Options are those of `admit`.
#[wasm_bindgen]
pub async fn peek(source: JsValue, options: JsValue) -> Result<String, JsValue> {
    let (stream, options) = open(&source, &options)?;
    Ok(peek::peek(stream, options).await?)
}

/// Takes the source, then reads the options: where they are wrong it is let go.
fn open(source: &JsValue, options: &JsValue) -> Result<(ByteStream, Options<Builtin>), Error> {
    let stream = ByteStream::from_value(source)?;
    let Settings { options, signal } = Settings::read(options)?;
    Ok(match &signal {
        Some(signal) => (stream.until(signal), options),
        None => (stream, options),
    })
}

/// Bytes of WebAssembly memory in use by this app, the model's included.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
    let memory = js_sys::WebAssembly::Memory::from(wasm_bindgen::memory());
    f64::from(js_sys::ArrayBuffer::from(memory.buffer()).byte_length())
}

/// An admitted model. `free()` gives its memory back.
#[wasm_bindgen]
pub struct Admitted {
    model: Model<Builtin>,
}

#[wasm_bindgen]
impl Admitted {
    /// JSON with the report's sections `gguf`, `metadata`, `tensors`, `digests`, and `length`. Throws an `Error` with
    /// code `memory` where there is none for it.
    pub fn report(&self) -> Result<String, JsValue> {
        Ok(json::text(|json| {
            json.value(&object(|json| {
                json.field("length", &self.model.length())?;
                self.model.write_sections(json)
            }))
        })?)
    }

    /// The first `count` values of a tensor, read where they lie, or as many as it has. Undefined when there is no such
    /// tensor, when it is not in memory, when its type packs values in blocks, or when `count` is no whole number from
    /// 0 to 2^32 - 1. Throws an `Error` with code `memory` where there is none for them.
    pub fn values(&self, name: &str, count: f64) -> Result<Option<Vec<f64>>, JsValue> {
        let (Some((tensor, bytes)), Some(count)) = (self.model.tensor_named(name), whole(count)) else {
            return Ok(None);
        };
        Ok(values::first(tensor.ty.name(), bytes, count).map_err(Error::from)?)
    }

    /// A copy of `length` bytes of a tensor from byte `start` on. Undefined when it does not have them, or is not in
    /// memory.
    pub fn bytes(&self, name: &str, start: f64, length: f64) -> Option<Uint8Array> {
        let (_, bytes) = self.model.tensor_named(name)?;
        let (start, length) = (whole(start)?, whole(length)?);
        Some(Uint8Array::from(bytes.get(start..start.checked_add(length)?)?))
    }
}

/// A number of JavaScript's as an index. As a `usize` parameter it would be wrapped, not refused.
fn whole(number: f64) -> Option<usize> {
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as usize)
}
