//! Giving the thread away: bytes that come without waiting would else keep timers, clicks and aborts from being heard.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use js_sys::{Date, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
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
    heard: JsFuture,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Turns { began: Date::now(), next: None }
    }

    /// Ready at once while the time lasts, and then once after every other task had its chance.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() && Date::now() - self.began >= TURN {
            self.next = Turn::new();
        }
        if let Some(turn) = &mut self.next {
            let _ = ready!(Future::poll(Pin::new(&mut turn.heard), context));
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
        let port = channel.port1();
        let heard = Promise::new(&mut |resolve, _| port.set_onmessage(Some(&resolve)));
        channel.port2().post_message(&JsValue::NULL).ok()?;
        Some(Turn { port, heard: heard.into() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // An open port keeps Node from ending.
        self.port.close();
    }
}
