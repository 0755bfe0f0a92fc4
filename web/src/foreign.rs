//! Values that a page made. To look at one may run code of the page's (a getter, a proxy), and that may throw. Here a
//! throw is an answer: one that passed through a task would leave it waiting for good, and clean up nothing.

use std::cell::RefCell;

use js_sys::{Function, Object, Promise, Reflect, TypeError};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// The most of a page's text that is read, in UTF-16 units: nobody reads more, and memory may be short.
const TEXT: u32 = 1000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["Object", "prototype", "toString"], js_name = call)]
    fn tag(value: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = String)]
    fn string(value: &JsValue) -> Result<JsValue, JsValue>;

    type Text;
    #[wasm_bindgen(method, catch)]
    fn slice(this: &Text, start: u32, end: u32) -> Result<JsValue, JsValue>;
}

/// A field of a value.
///
/// # Errors
///
/// What was thrown instead of an answer; a TypeError where the value has no fields.
pub(crate) fn field(value: &JsValue, name: &'static str) -> Result<JsValue, JsValue> {
    Reflect::get(value, &text(name))
}

thread_local! {
    /// Texts that were made once: each read asks for a few fields, and to make a text costs more than to ask.
    static TEXTS: RefCell<Vec<(&'static str, JsValue)>> = const { RefCell::new(Vec::new()) };
}

/// A text of ours as the engine's. There are few, so the first ones are found soonest.
fn text(name: &'static str) -> JsValue {
    TEXTS.with_borrow_mut(|texts| {
        if let Some((_, text)) = texts.iter().find(|(known, _)| *known == name) {
            return text.clone();
        }
        let text = JsValue::from_str(name);
        texts.push((name, text.clone()));
        text
    })
}

/// What a method of a value answers.
///
/// # Errors
///
/// What it threw; a TypeError where there is no such method.
pub(crate) fn call(value: &JsValue, name: &'static str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    let method: Function =
        field(value, name)?.dyn_into().map_err(|_| TypeError::new(&format!("{name} is not a function")))?;
    match arguments {
        [] => method.call0(value),
        [first, ..] => method.call1(value, first),
    }
}

/// The start of a text; `None` where the value is none.
pub(crate) fn text_of(value: &JsValue) -> Option<String> {
    value.is_string().then(|| value.unchecked_ref::<Text>().slice(0, TEXT)).and_then(Result::ok)?.as_string()
}

/// What a value calls itself, whatever realm made it: `ArrayBuffer` for one.
///
/// # Errors
///
/// What was thrown instead of a name.
pub(crate) fn tag_of(value: &JsValue) -> Result<String, JsValue> {
    let tag = text_of(&tag(value)?).unwrap_or_default();
    Ok(tag.trim_start_matches("[object ").trim_end_matches(']').to_owned())
}

/// The value as a `T`, if it is one of this realm's, or is called one of `names` in another: a frame's `Blob` is no
/// instance of the page's. `tag` is what it calls itself.
pub(crate) fn as_a<'a, T: JsCast>(value: &'a JsValue, tag: &str, names: &[&str]) -> Option<&'a T> {
    value.dyn_ref().or_else(|| names.contains(&tag).then(|| value.unchecked_ref()))
}

/// The `name` of an error; empty if it has none.
pub(crate) fn name_of(error: &JsValue) -> String {
    field(error, "name").ok().as_ref().and_then(text_of).unwrap_or_default()
}

/// What people are told of a value that was thrown.
pub(crate) fn message_of(thrown: &JsValue) -> String {
    if !thrown.is_object() && !thrown.is_function() {
        let text = text_of(thrown).or_else(|| string(thrown).ok().as_ref().and_then(text_of));
        return text.unwrap_or_else(|| "something was thrown that cannot be read".into());
    }
    match field(thrown, "message") {
        Ok(message) => text_of(&message).unwrap_or_else(|| "an object was thrown that is no error".into()),
        Err(_) => "an error was thrown whose message cannot be read".into(),
    }
}

/// A promise of this realm's for what `value` is or promises: to wait for it cannot throw.
pub(crate) fn settled(value: &JsValue) -> Promise {
    Promise::new(&mut |resolve, _| {
        // A `then` that throws rejects the promise.
        let _ = resolve.call1(&JsValue::UNDEFINED, value);
    })
}

thread_local! {
    static IGNORES: Closure<dyn FnMut(JsValue)> = Closure::new(drop);
}

/// Does not wait for what `value` promises: that it fails, as a source may in its cancel, is nobody's unhandled
/// rejection.
///
/// One listener for all, as one of its own would be kept for as long as a promise does not settle.
pub(crate) fn ignore(value: &JsValue) {
    IGNORES.with(|listener| drop(settled(value).catch(listener)));
}

/// A fresh object with these fields, which no prototype has.
pub(crate) fn object<const N: usize>(fields: [(&'static str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // Nothing of a fresh object is in the way.
        let _ = Reflect::set(&object, &text(name), &value);
    }
    object
}

/// Gives a fresh object a field of its own. To set it would fail where a prototype that is frozen has one.
pub(crate) fn define(object: &Object, name: &str, value: &JsValue) {
    let descriptor = Object::new();
    for (part, is) in [
        ("value", value),
        ("writable", &JsValue::TRUE),
        ("configurable", &JsValue::TRUE),
        ("enumerable", &JsValue::TRUE),
    ] {
        // Nothing of a fresh object is in the way.
        let _ = Reflect::set(&descriptor, &part.into(), is);
    }
    let _ = Reflect::define_property(object, &name.into(), &descriptor);
}
