//! What a value of JavaScript is, whatever realm made it: a frame's `Blob` is no instance of the page's.

use js_sys::Reflect;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["Object", "prototype", "toString"], js_name = call)]
    fn text_of(value: &JsValue) -> String;
}

/// `ArrayBuffer` for one.
pub(crate) fn tag_of(value: &JsValue) -> String {
    text_of(value).trim_start_matches("[object ").trim_end_matches(']').to_owned()
}

/// The value as a `T`, if it is one of this realm's, or is called one of `names` in another.
pub(crate) fn as_a<'a, T: JsCast>(value: &'a JsValue, names: &[&str]) -> Option<&'a T> {
    value.dyn_ref().or_else(|| names.contains(&tag_of(value).as_str()).then(|| value.unchecked_ref()))
}

/// The `name` of an error; empty if it has none.
pub(crate) fn name_of(error: &JsValue) -> String {
    Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default()
}
