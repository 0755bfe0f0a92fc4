//! A stream's reader, of the better of the two sorts that the stream has.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStream;

use crate::buffer;

// As in web-sys, but for `min`, and for calls that throw.
#[wasm_bindgen]
extern "C" {
    type Readable;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader(this: &Readable) -> Result<AnyReader, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader_of(this: &Readable, options: &Object) -> Result<AnyReader, JsValue>;

    type AnyReader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &AnyReader) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = read)]
    fn read_into(this: &AnyReader, view: &Uint8Array, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn cancel(this: &AnyReader, reason: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = releaseLock)]
    fn release_lock(this: &AnyReader) -> Result<(), JsValue>;

    type ReadResult;
    #[wasm_bindgen(method, getter)]
    fn done(this: &ReadResult) -> bool;
    #[wasm_bindgen(method, getter)]
    fn value(this: &ReadResult) -> JsValue;
}

/// For each read an engine makes objects of its own that weigh nothing with its collector, which sees no cause to run
/// (docs/design.md has numbers). So each time that so many bytes were read it is given something that weighs enough:
/// zeros that nobody touches take no memory, and are gone with the rest.
const REMINDED_EACH: u32 = 256 << 20;
const WEIGHT: u32 = 64 << 20;

/// What one read brought.
pub(crate) struct Read {
    /// As the stream gave it: any value of a default reader's, undefined where there is none.
    pub(crate) value: JsValue,
    /// Nothing comes behind it.
    pub(crate) done: bool,
}

/// A reader that holds its stream's lock until it is dropped or cancelled.
pub(crate) struct Reader {
    reader: AnyReader,
    /// For a byte stream: the buffer that goes to and fro; empty before the first read.
    buffer: Option<ArrayBuffer>,
    under_way: Option<JsFuture>,
    /// Bytes read into the buffer since the collector was reminded.
    since_reminded: u32,
    /// The stream has ended or failed: there is nothing to cancel.
    is_over: bool,
}

impl Reader {
    /// Locks `stream`: for reads into a buffer of ours where it is a byte stream and the engine knows `min`, else for
    /// the chunks that it has.
    ///
    /// # Errors
    ///
    /// What the engine throws: the stream is locked, or there is no memory.
    pub(crate) fn new(stream: &ReadableStream) -> Result<Self, JsValue> {
        let stream: &Readable = stream.unchecked_ref();
        // Before the lock, which nobody would undo.
        let buffer = buffer::zeros(0)?;
        let byob = if knows_min() { stream.get_reader_of(&object([("mode", "byob".into())])).ok() } else { None };
        let buffer = byob.is_some().then_some(buffer);
        let reader = byob.map_or_else(|| stream.get_reader(), Ok)?;
        Ok(Reader { reader, buffer, under_way: None, since_reminded: 0, is_over: false })
    }

    /// Whether it reads into a buffer of ours.
    pub(crate) fn is_byob(&self) -> bool {
        self.buffer.is_some()
    }

    /// Whether the stream has ended or failed.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next bytes, where the stream lets us choose: at most `most`, and at least `least` but at the end.
    ///
    /// A byte stream that has been closed with fewer than `least` bytes in its queue fails, by the standard, and those
    /// bytes are lost: `least` is 1, or no more than what is left.
    ///
    /// # Errors
    ///
    /// What the stream failed with; or what the engine throws, where there is no memory for a buffer: then the stream
    /// goes on.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        least: u32,
        most: u32,
    ) -> Poll<Result<Read, JsValue>> {
        let polled = match &mut self.under_way {
            Some(read) => Future::poll(Pin::new(read), context),
            None => match self.start(least, most) {
                Ok(promise) => Future::poll(Pin::new(self.under_way.insert(promise.into())), context),
                // Nothing was asked of the stream: there is still something to cancel.
                Err(thrown) => return Poll::Ready(Err(thrown)),
            },
        };
        polled.map(|read| {
            self.under_way = None;
            let read = read.map(|result| self.brought(result.unchecked_ref()));
            self.is_over = read.as_ref().map_or(true, |read| read.done);
            read
        })
    }

    fn start(&mut self, least: u32, most: u32) -> Result<Promise, JsValue> {
        let Some(buffer) = &mut self.buffer else {
            return self.reader.read();
        };
        if buffer.byte_length() < most {
            *buffer = buffer::zeros(most)?;
        }
        let view = Uint8Array::new_with_byte_offset_and_length(buffer, 0, most);
        self.reader.read_into(&view, &object([("min", least.into())]))
    }

    fn brought(&mut self, result: &ReadResult) -> Read {
        let value = result.value();
        if let (Some(buffer), Some(view)) = (&mut self.buffer, value.dyn_ref::<Uint8Array>()) {
            *buffer = view.buffer();
            self.since_reminded = self.since_reminded.saturating_add(view.length());
            if self.since_reminded >= REMINDED_EACH {
                self.since_reminded = 0;
                // An engine that has no room for it has been reminded.
                let _ = buffer::zeros(WEIGHT);
            }
        }
        Read { value, done: result.done() }
    }

    /// Gives the stream up, telling it why, and releases it. Nobody waits for what its source makes of that.
    pub(crate) fn cancel(mut self, reason: &JsValue) {
        self.give_up(reason);
    }

    fn give_up(&mut self, reason: &JsValue) {
        if !self.is_over
            && let Ok(cancelled) = self.reader.cancel(reason)
        {
            ignore(&cancelled);
        }
        self.is_over = true;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.give_up(&JsValue::UNDEFINED);
        // A read that is under way was ended by the cancel.
        let _ = self.reader.release_lock();
    }
}

thread_local! {
    static KNOWS_MIN: Cell<Option<bool>> = const { Cell::new(None) };
    static IGNORES: Closure<dyn FnMut(JsValue)> = Closure::new(drop);
}

/// Does not wait for `promise`: that it fails, as a source may in its cancel, is nobody's unhandled rejection.
///
/// One listener for all, as one of its own would be kept for as long as a promise does not settle.
pub(crate) fn ignore(promise: &Promise) {
    IGNORES.with(|listener| drop(promise.catch(listener)));
}

/// Whether this engine has byte streams whose reads take `min`: one that has asks for it. Found out once.
fn knows_min() -> bool {
    KNOWS_MIN.get().unwrap_or_else(|| {
        let knows = asks_for_min().unwrap_or(false);
        KNOWS_MIN.set(Some(knows));
        knows
    })
}

fn asks_for_min() -> Result<bool, JsValue> {
    let stream = ReadableStream::new_with_underlying_source(&object([("type", "bytes".into())]))?;
    let reader = stream.unchecked_ref::<Readable>().get_reader_of(&object([("mode", "byob".into())]))?;
    let asked = std::rc::Rc::new(Cell::new(false));
    let hears = std::rc::Rc::clone(&asked);
    let min = Closure::<dyn FnMut() -> u32>::new(move || {
        hears.set(true);
        1
    });
    let options = Object::new();
    Reflect::define_property(&options, &"min".into(), &object([("get", min.as_ref().clone())]))?;
    ignore(&reader.read_into(&Uint8Array::new_with_length(1), &options)?);
    ignore(&reader.cancel(&JsValue::UNDEFINED)?);
    reader.release_lock()?;
    Ok(asked.get())
}

fn object<const N: usize>(fields: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh object cannot fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}
