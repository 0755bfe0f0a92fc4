//! What a module keeps between calls, and the guard that knows when a call did not come back.

use core::cell::RefCell;

use gguf_admission::abi::{Registry, Text};
use gguf_admission::{Builtin, Keep};

use crate::texts::Texts;

#[cfg(all(target_family = "wasm", feature = "allocator"))]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// All that a module keeps between calls; its models are kept in `S`.
pub struct Instance<S: Keep = Builtin> {
    /// Every session and model.
    pub registry: Registry<S>,
    /// The detail of the latest refusal by a v2 call, as JSON; `null` before the first.
    pub last_error: Text<3072>,
    pub(crate) texts: Texts,
}

impl<S: Keep> Instance<S> {
    /// No session, no model, no refusal.
    pub const fn new() -> Self {
        Instance { registry: Registry::empty(), last_error: Text::new(), texts: Texts::new() }
    }
}

impl<S: Keep> Default for Instance<S> {
    fn default() -> Self {
        Instance::new()
    }
}

/// Runs a call on an instance, or answers `poisoned` after a call that never returned: a trap unwinds nothing, so the
/// borrow of that call is still there. A call that is made inside another is answered `poisoned` too.
pub fn enter<S: Keep, R>(instance: &RefCell<Instance<S>>, poisoned: R, call: impl FnOnce(&mut Instance<S>) -> R) -> R {
    match instance.try_borrow_mut() {
        Ok(mut instance) => {
            #[cfg(feature = "fault")]
            crate::fault::strike();
            call(&mut instance)
        }
        Err(_) => poisoned,
    }
}
