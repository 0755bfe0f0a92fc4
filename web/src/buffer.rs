//! JavaScript's buffers and views of them, of any realm.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::foreign::{field, tag_of};

// As in js-sys, but for the throws, and for lengths of 4 GiB and more.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = ArrayBuffer)]
    type Room;
    #[wasm_bindgen(constructor, catch, js_class = "ArrayBuffer")]
    fn new(length: u32) -> Result<Room, JsValue>;

    #[wasm_bindgen(js_name = Uint8Array)]
    #[derive(Clone)]
    type View;
    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    fn new(buffer: &JsValue, offset: &JsValue, length: &JsValue) -> Result<View, JsValue>;
}

/// The bytes of a chunk: a view that nobody else has, so that reading it runs no code of the page's.
pub(crate) struct Bytes(View);

impl Bytes {
    /// The bytes of a buffer, or of a view of one; not a copy. None when it is neither.
    ///
    /// # Errors
    ///
    /// What the engine or the value throws: the buffer was transferred away, a field cannot be read.
    pub(crate) fn of(value: &JsValue) -> Result<Option<Self>, JsValue> {
        // A `Uint8Array` too: one whose buffer is gone says that it is empty, a view that is made of it throws.
        if ArrayBuffer::is_view(value) {
            let field = |name: &'static str| field(value, name);
            View::new(&field("buffer")?, &field("byteOffset")?, &field("byteLength")?).map(|view| Some(Bytes(view)))
        } else if matches!(tag_of(value)?.as_str(), "ArrayBuffer" | "SharedArrayBuffer") {
            View::new(value, &JsValue::UNDEFINED, &JsValue::UNDEFINED).map(|view| Some(Bytes(view)))
        } else {
            Ok(None)
        }
    }

    /// How many there are now: a buffer that was transferred away, or has shrunk, has none. A whole number below 2^53.
    pub(crate) fn len(&self) -> f64 {
        self.number("byteLength")
    }

    /// The bytes from `start` to `end`; not a copy.
    ///
    /// # Errors
    ///
    /// What the engine throws: the buffer does not have them.
    pub(crate) fn part(&self, start: f64, end: f64) -> Result<Uint8Array, JsValue> {
        if start == 0.0 && end == self.len() {
            return Ok(self.0.clone().unchecked_into());
        }
        let offset = self.number("byteOffset") + start;
        let part = View::new(&field(&self.0, "buffer")?, &offset.into(), &(end - start).into())?;
        Ok(part.unchecked_into())
    }

    fn number(&self, name: &'static str) -> f64 {
        field(&self.0, name).ok().and_then(|number| number.as_f64()).unwrap_or(0.0)
    }
}

/// A buffer of `length` zeros.
///
/// # Errors
///
/// What the engine throws: there is no memory for it.
pub(crate) fn zeros(length: u32) -> Result<ArrayBuffer, JsValue> {
    Room::new(length).map(JsCast::unchecked_into)
}

/// The first `length` bytes of a buffer.
///
/// # Errors
///
/// What the engine throws: it is shorter, or was transferred away.
pub(crate) fn start_of(buffer: &ArrayBuffer, length: u32) -> Result<Uint8Array, JsValue> {
    View::new(buffer, &0.into(), &length.into()).map(JsCast::unchecked_into)
}
