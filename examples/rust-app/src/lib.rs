//! An app in Rust that admits a GGUF file in the browser and reads its tensors where they lie.
//!
//! `admit` is the whole of it; `peek` looks at a header and gives the rest of the download up. `index.html` shows both.

mod options;
mod peek;
mod values;

use gguf_admission::{Builtin, Json, Model};
use gguf_admission_web::ByteStream;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::options::Settings;

/// Admits a `File`, `Blob`, `Response` or `ReadableStream`.
///
/// `options`: `sink` (`"resident"`, which is the default, or `"verify"`), `length`, `sha256`, `blake3` (hex), `digests`
/// (names), `limits` (`memory`, `trailingBytes`, ...), `signal`.
///
/// Rejects with an `Error` that has `code`, `kind`, `offset` and `path`, or with the signal's reason.
#[wasm_bindgen]
pub async fn admit(source: JsValue, options: JsValue) -> Result<Admitted, JsValue> {
    let stream = ByteStream::from_value(&source)?;
    let Settings { options, signal } = Settings::read(&options)?;
    let stream = match &signal {
        Some(signal) => stream.until(signal),
        None => stream,
    };
    let model = gguf_admission_web::admit(stream, options).await?;
    Ok(Admitted { model })
}

/// Reads a header, and of the data no more than the read that ended the header brought; answers JSON: `architecture`, `tensors`, `headerBytes`,
/// `dataBytes`, `needed`. The source is cancelled.
#[wasm_bindgen]
pub async fn peek(source: JsValue, options: JsValue) -> Result<String, JsValue> {
    let stream = ByteStream::from_value(&source)?;
    let Settings { options, signal } = Settings::read(&options)?;
    let stream = match &signal {
        Some(signal) => stream.until(signal),
        None => stream,
    };
    Ok(peek::peek(stream, options).await?)
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
    /// JSON with the report's sections `gguf`, `metadata`, `tensors`, `digests`, and `length`.
    pub fn report(&self) -> Result<String, JsValue> {
        let mut text = String::new();
        let mut json = Json::new(&mut text);
        let written = json
            .open('{')
            .and_then(|()| json.key("length"))
            .and_then(|()| json.u64(self.model.length()))
            .and_then(|()| self.model.write_sections(&mut json))
            .and_then(|()| json.close('}'));
        written.map_err(|_| JsValue::from_str("out of memory")).map(|()| text)
    }

    /// The first `count` values of a tensor, read where they lie. Undefined when there is no such tensor, when it is not
    /// in memory, or when its type packs values in blocks.
    pub fn values(&self, name: &str, count: usize) -> Option<Vec<f64>> {
        let (tensor, bytes) = self.model.tensor_named(name)?;
        values::first(tensor.ty.name(), bytes, count)
    }

    /// A copy of `length` bytes of a tensor from byte `start` on. Undefined when it does not have them, or is not in memory.
    pub fn bytes(&self, name: &str, start: usize, length: usize) -> Option<Uint8Array> {
        let (_, bytes) = self.model.tensor_named(name)?;
        Some(Uint8Array::from(bytes.get(start..start.checked_add(length)?)?))
    }
}
