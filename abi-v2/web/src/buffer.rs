//! JavaScript's buffers and views of them, of any realm. What throws here is answered: a throw that passed through a
//! task would leave it waiting for good.

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

// As in js-sys, but for the throws.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = ArrayBuffer)]
    type Room;
    #[wasm_bindgen(constructor, catch, js_class = "ArrayBuffer")]
    fn new(length: u32) -> Result<Room, JsValue>;

    #[wasm_bindgen(js_name = Uint8Array)]
    type View;
    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    fn new(buffer: &JsValue, offset: &JsValue, length: &JsValue) -> Result<View, JsValue>;

    /// `[object ArrayBuffer]`, in whatever realm it was made.
    #[wasm_bindgen(js_namespace = ["Object", "prototype", "toString"], js_name = call)]
    fn tag_of(value: &JsValue) -> String;
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
pub(crate) fn bytes_of(value: &JsValue) -> Result<Option<Uint8Array>, JsValue> {
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        return Ok(Some(bytes.clone()));
    }
    let view = if ArrayBuffer::is_view(value) {
        let field = |name: &str| Reflect::get(value, &name.into());
        View::new(&field("buffer")?, &field("byteOffset")?, &field("byteLength")?)?
    } else if matches!(tag_of(value).as_str(), "[object ArrayBuffer]" | "[object SharedArrayBuffer]") {
        View::new(value, &JsValue::UNDEFINED, &JsValue::UNDEFINED)?
    } else {
        return Ok(None);
    };
    Ok(Some(view.unchecked_into()))
}
