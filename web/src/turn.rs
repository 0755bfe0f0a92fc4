//! Giving the thread away: bytes that come without waiting would else keep timers, clicks and aborts from being heard.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::MessageChannel;

use crate::foreign::{call, field};

// As in js-sys, but for what a page throws that has a clock of its own.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Date, js_name = now)]
    fn clock() -> Result<JsValue, JsValue>;
}

/// Milliseconds since 1970; NaN where there is no clock.
fn now() -> f64 {
    clock().ok().and_then(|time| time.as_f64()).unwrap_or(f64::NAN)
}

/// The longest time that a stream keeps the thread to itself, in milliseconds: a frame.
const TURN: f64 = 16.0;

/// Counts the time since the thread was given away last.
pub(crate) struct Turns {
    began: f64,
    next: Option<Turn>,
}

/// The wait for the next turn of the event loop.
struct Turn {
    port: JsValue,
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
        Turns { began: now(), next: None }
    }

    /// Ready at once while the time lasts, and then once after every other task had its chance.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A clock that was set back, or is broken, says nothing of the time that has passed.
        if self.next.is_none() && !(0.0..TURN).contains(&(now() - self.began)) {
            self.next = Turn::new();
        }
        if let Some(turn) = &self.next {
            ready!(turn.poll(context));
            self.next = None;
            self.began = now();
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
        let turn = Turn { port: field(&channel, "port1").ok()?, next, listener };
        let is_heard = Reflect::set(&turn.port, &"onmessage".into(), turn.listener.as_ref()).ok()?;
        call(&field(&channel, "port2").ok()?, "postMessage", &[&JsValue::NULL]).ok()?;
        is_heard.then_some(turn)
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
        let _ = Reflect::set(&self.port, &"onmessage".into(), &JsValue::NULL);
        // An open port keeps Node from ending.
        let _ = call(&self.port, "close", &[]);
    }
}
