//! An `AbortSignal` that a task can wait for.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortSignal;

use crate::error::{Error, SourceError};
use crate::foreign::field;

/// Wakes the task that looked last when the signal aborts; stops listening when dropped.
pub(crate) struct Abort {
    signal: AbortSignal,
    waker: Rc<Cell<Option<Waker>>>,
    listener: Closure<dyn FnMut()>,
    /// What was thrown instead of listening.
    deaf: Option<JsValue>,
}

impl Abort {
    pub(crate) fn new(signal: &AbortSignal) -> Self {
        let waker = Rc::new(Cell::new(None::<Waker>));
        let wakes = Rc::clone(&waker);
        let listener = Closure::new(move || {
            if let Some(waker) = wakes.take() {
                waker.wake();
            }
        });
        let deaf = signal.add_event_listener_with_callback("abort", listener.as_ref().unchecked_ref()).err();
        Abort { signal: signal.clone(), waker, listener, deaf }
    }

    /// [`Error::Aborted`] with the signal's reason once it has aborted; until then the task is woken when it does. Of a
    /// signal that cannot be read or heard, what is wrong with it: its abort would be missed.
    pub(crate) fn error(&self, context: &Context<'_>) -> Option<Error> {
        let unreadable = |what, thrown| SourceError::unreadable(what, thrown).called("unsupported").into();
        match field(&self.signal, "aborted") {
            Err(thrown) => return Some(unreadable("the signal's field aborted", thrown)),
            Ok(aborted) if aborted.is_truthy() => {
                let reason = field(&self.signal, "reason");
                return Some(reason.map_or_else(|thrown| unreadable("the signal's reason", thrown), Error::Aborted));
            }
            Ok(_) => {}
        }
        if let Some(thrown) = &self.deaf {
            return Some(unreadable("the signal's event abort", thrown.clone()));
        }
        self.waker.set(Some(context.waker().clone()));
        None
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        let listener = self.listener.as_ref().unchecked_ref();
        let _ = self.signal.remove_event_listener_with_callback("abort", listener);
    }
}
