//! A stream's reader, of the better of the two sorts that the stream has.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStream;

use crate::buffer;
use crate::foreign::{field, ignore, object, settled};

// As in web-sys, but for `min`, and for calls that throw. What they answer is whatever the page's objects answer.
#[wasm_bindgen]
extern "C" {
    type Readable;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader(this: &Readable) -> Result<AnyReader, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader_of(this: &Readable, options: &Object) -> Result<AnyReader, JsValue>;

    type AnyReader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &AnyReader) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = read)]
    fn read_into(this: &AnyReader, view: &Uint8Array, options: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn cancel(this: &AnyReader, reason: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = releaseLock)]
    fn release_lock(this: &AnyReader) -> Result<JsValue, JsValue>;
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

/// Why a read brought nothing, with what was thrown.
pub(crate) enum Fault {
    /// By the stream, which has failed; or by the engine, which has no memory.
    Failed(JsValue),
    /// By what the read answered: the stream goes on.
    Unreadable(JsValue),
}

/// A reader that holds its stream's lock until it is dropped or cancelled.
pub(crate) struct Reader {
    reader: AnyReader,
    /// Whether it reads into a buffer of ours: that of a byte stream does.
    is_byob: bool,
    /// The buffer that goes to and fro, where it is here.
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
    /// What the engine throws: the stream is locked.
    pub(crate) fn new(stream: &ReadableStream) -> Result<Self, JsValue> {
        let stream: &Readable = stream.unchecked_ref();
        let byob = if knows_min() { stream.get_reader_of(&object([("mode", "byob".into())])).ok() } else { None };
        let is_byob = byob.is_some();
        let reader = byob.map_or_else(|| stream.get_reader(), Ok)?;
        Ok(Reader { reader, is_byob, buffer: None, under_way: None, since_reminded: 0, is_over: false })
    }

    /// Whether it reads into a buffer of ours.
    pub(crate) fn is_byob(&self) -> bool {
        self.is_byob
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
    /// What the stream failed with; or what was thrown where there is no memory for a buffer, or the answer cannot be
    /// read: then the stream goes on.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, least: u32, most: u32) -> Poll<Result<Read, Fault>> {
        let polled = match &mut self.under_way {
            Some(read) => Future::poll(Pin::new(read), context),
            None => match self.start(least, most) {
                Ok(answer) => Future::poll(Pin::new(self.under_way.insert(settled(&answer).into())), context),
                // Nothing was asked of the stream: there is still something to cancel.
                Err(thrown) => return Poll::Ready(Err(Fault::Failed(thrown))),
            },
        };
        polled.map(|read| {
            self.under_way = None;
            match read {
                Ok(result) => self.brought(&result).map_err(Fault::Unreadable),
                Err(thrown) => {
                    self.is_over = true;
                    Err(Fault::Failed(thrown))
                }
            }
        })
    }

    fn start(&mut self, least: u32, most: u32) -> Result<JsValue, JsValue> {
        if !self.is_byob {
            return self.reader.read();
        }
        let had = self.buffer.take().and_then(|buffer| buffer::start_of(&buffer, most).ok());
        let view = had.map_or_else(|| buffer::start_of(&buffer::zeros(most)?, most), Ok)?;
        self.reader.read_into(&view, &object([("min", least.into())]))
    }

    fn brought(&mut self, result: &JsValue) -> Result<Read, JsValue> {
        let (value, done) = (field(result, "value")?, field(result, "done")?.is_truthy());
        if self.is_byob && value.is_instance_of::<Uint8Array>() {
            // One that cannot be had back is made anew.
            self.buffer = field(&value, "buffer").ok().and_then(|buffer| buffer.dyn_into().ok());
            let read = field(&value, "byteLength").ok().and_then(|length| length.as_f64()).unwrap_or(0.0);
            self.since_reminded = self.since_reminded.saturating_add(read as u32);
            if self.since_reminded >= REMINDED_EACH {
                self.since_reminded = 0;
                // An engine that has no room for it has been reminded.
                let _ = buffer::zeros(WEIGHT);
            }
        }
        self.is_over = done;
        Ok(Read { value, done })
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
    ignore(&reader.read_into(&buffer::start_of(&buffer::zeros(1)?, 1)?, &options)?);
    ignore(&reader.cancel(&JsValue::UNDEFINED)?);
    reader.release_lock()?;
    Ok(asked.get())
}
