//! The one instance behind the exports, and the guard that knows when a call did not come back.

use core::cell::RefCell;

use gguf_admission::abi::{Registry, Text};

use crate::texts::Texts;

#[cfg(all(target_family = "wasm", feature = "allocator"))]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// All that a module keeps between calls.
pub struct Instance {
    /// Every session and model.
    pub registry: Registry,
    /// The detail of the latest refusal by a v2 call, as JSON; `null` before the first.
    pub last_error: Text<3072>,
    pub(crate) texts: Texts,
}

thread_local! {
    // One instance a module: WebAssembly without threads has one thread.
    static INSTANCE: RefCell<Instance> = const {
        RefCell::new(Instance { registry: Registry::new(), last_error: Text::new(), texts: Texts::new() })
    };
}

/// Runs a call on the instance, or answers `poisoned` after a call that never returned: a trap unwinds nothing, so the
/// borrow of that call is still there.
pub fn enter<R>(poisoned: R, call: impl FnOnce(&mut Instance) -> R) -> R {
    INSTANCE.with(|instance| match instance.try_borrow_mut() {
        Ok(mut instance) => {
            #[cfg(feature = "fault")]
            crate::fault::strike();
            call(&mut instance)
        }
        Err(_) => poisoned,
    })
}
