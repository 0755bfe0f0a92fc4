//! An `AbortSignal` that a task can wait for.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortSignal;

/// Wakes the task that looked last when the signal aborts; stops listening when dropped.
pub(crate) struct Abort {
    signal: AbortSignal,
    waker: Rc<Cell<Option<Waker>>>,
    listener: Closure<dyn FnMut()>,
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
        // Adding a listener to a signal cannot fail; and `reason` looks at the signal, not at what the listener heard.
        let _ = signal.add_event_listener_with_callback("abort", listener.as_ref().unchecked_ref());
        Abort { signal: signal.clone(), waker, listener }
    }

    /// The signal's reason once it has aborted; until then the task is woken when it does.
    pub(crate) fn reason(&self, context: &Context<'_>) -> Option<JsValue> {
        if self.signal.aborted() {
            return Some(self.signal.reason());
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
