//! JavaScript's buffers and views of them, of any realm. What throws here is answered: a throw that passed through a
//! task would leave it waiting for good.

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::realm::tag_of;

// As in js-sys, but for the throws, and for lengths of 4 GiB and more.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = ArrayBuffer)]
    type Room;
    #[wasm_bindgen(constructor, catch, js_class = "ArrayBuffer")]
    fn new(length: u32) -> Result<Room, JsValue>;

    /// The bytes of a chunk, as a `Uint8Array`.
    #[wasm_bindgen(js_name = Uint8Array)]
    pub(crate) type View;
    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    fn new(buffer: &JsValue, offset: &JsValue, length: &JsValue) -> Result<View, JsValue>;
    /// A whole number below 2^53.
    #[wasm_bindgen(method, getter, js_name = byteLength)]
    pub(crate) fn byte_length(this: &View) -> f64;
    /// The bytes from `start` to `end`; not a copy.
    #[wasm_bindgen(method)]
    pub(crate) fn subarray(this: &View, start: f64, end: f64) -> Uint8Array;
}

/// A buffer of `length` zeros.
///
/// # Errors
///
/// What the engine throws: there is no memory for it.
pub(crate) fn zeros(length: u32) -> Result<ArrayBuffer, JsValue> {
    Room::new(length).map(JsCast::unchecked_into)
}

/// The bytes of a buffer, or of a view of one; not a copy. None when it is neither.
///
/// # Errors
///
/// What the engine throws: the buffer was transferred away.
pub(crate) fn bytes_of(value: &JsValue) -> Result<Option<View>, JsValue> {
    // A `Uint8Array` too: one whose buffer is gone says that it is empty, a view that is made of it throws.
    if ArrayBuffer::is_view(value) {
        let field = |name: &str| Reflect::get(value, &name.into());
        View::new(&field("buffer")?, &field("byteOffset")?, &field("byteLength")?).map(Some)
    } else if matches!(tag_of(value).as_str(), "ArrayBuffer" | "SharedArrayBuffer") {
        View::new(value, &JsValue::UNDEFINED, &JsValue::UNDEFINED).map(Some)
    } else {
        Ok(None)
    }
}
