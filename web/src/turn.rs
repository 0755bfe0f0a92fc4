//! Giving the thread away: bytes that come without waiting would else keep timers, clicks and aborts from being heard.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use js_sys::Date;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageChannel, MessagePort};

/// The longest time that a stream keeps the thread to itself, in milliseconds: a frame.
const TURN: f64 = 16.0;

/// Counts the time since the thread was given away last.
pub(crate) struct Turns {
    began: f64,
    next: Option<Turn>,
}

/// The wait for the next turn of the event loop.
struct Turn {
    port: MessagePort,
    next: Rc<Next>,
    /// Not a promise: one that is given up before it settles is never let go.
    listener: Closure<dyn FnMut()>,
}

/// Whether it has come, and who waits for it.
#[derive(Default)]
struct Next {
    has_come: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Turns { began: Date::now(), next: None }
    }

    /// Ready at once while the time lasts, and then once after every other task had its chance.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A clock that was set back says nothing of the time that has passed.
        if self.next.is_none() && !(0.0..TURN).contains(&(Date::now() - self.began)) {
            self.next = Turn::new();
        }
        if let Some(turn) = &self.next {
            ready!(turn.poll(context));
            self.next = None;
            self.began = Date::now();
        }
        Poll::Ready(())
    }
}

impl Turn {
    /// A message to oneself: the soonest task that no engine delays. None where there are no channels.
    fn new() -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let next = Rc::new(Next::default());
        let heard = Rc::clone(&next);
        let listener = Closure::new(move || {
            heard.has_come.set(true);
            if let Some(waker) = heard.waker.take() {
                waker.wake();
            }
        });
        let turn = Turn { port: channel.port1(), next, listener };
        turn.port.set_onmessage(Some(turn.listener.as_ref().unchecked_ref()));
        channel.port2().post_message(&JsValue::NULL).ok()?;
        Some(turn)
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.next.has_come.get() {
            return Poll::Ready(());
        }
        self.next.waker.set(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        // An open port keeps Node from ending.
        self.port.close();
    }
}
