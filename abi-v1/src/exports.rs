//! The macros that make a module of the calls: its one instance, and its exports.

/// Makes the instance of a module whose models are kept in `$sink`: a function `enter(poisoned, call)`, which runs
/// `call` on the one instance of the thread, or answers `poisoned` after a call that never returned.
#[macro_export]
macro_rules! instance {
    ($sink:ty) => {
        /// Runs a call on the instance of the thread, or answers `poisoned` after a call that never returned.
        #[allow(dead_code, reason = "off WebAssembly nothing may call it")]
        pub(crate) fn enter<R>(poisoned: R, call: impl FnOnce(&mut $crate::Instance<$sink>) -> R) -> R {
            // One instance a module: WebAssembly without threads has one thread.
            std::thread_local! {
                static INSTANCE: core::cell::RefCell<$crate::Instance<$sink>> =
                    const { core::cell::RefCell::new($crate::Instance::new()) };
            }
            INSTANCE.with(|instance| $crate::enter(instance, poisoned, call))
        }
    };
}

/// Exports version 1 of the interface, over models that are kept in `$sink`: makes `enter` and a module `exports` with
/// the calls. In WebAssembly they are exported; elsewhere they are functions for tests.
///
/// A crate says it once, at a place where no other name is `enter` or `exports`. Version 2 has a macro of its own,
/// which exports both.
#[macro_export]
macro_rules! exports {
    ($sink:ty) => {
        $crate::instance!($sink);

        #[allow(
            dead_code,
            missing_docs,
            reason = "the contract describes the calls; off WebAssembly nothing may call them"
        )]
        pub(crate) mod exports {
            use super::enter;

            $crate::exported!();
        }
    };
}

/// The exports of version 1, in a module that has `enter`.
#[doc(hidden)]
#[macro_export]
macro_rules! exported {
    () => {
        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn alloc(len: usize) -> *mut u8 {
            enter(core::ptr::null_mut(), |_| $crate::alloc(len))
        }

        /// # Safety
        ///
        /// As `gguf_abi_v1::dealloc`.
        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) unsafe extern "C" fn dealloc(ptr: *mut u8, len: usize) {
            // SAFETY: the caller's promise, passed on.
            enter((), |_| unsafe { $crate::dealloc(ptr, len) });
        }

        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn init_runtime() -> i32 {
            enter($crate::POISONED, $crate::init_runtime)
        }

        /// # Safety
        ///
        /// As `gguf_abi_v1::load_model`.
        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) unsafe extern "C" fn load_model(ptr: *const u8, len: usize) -> i32 {
            // SAFETY: the caller's promise, passed on.
            enter($crate::POISONED, |instance| unsafe { $crate::load_model(instance, ptr, len) })
        }

        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn free_model() -> i32 {
            enter($crate::POISONED, $crate::free_model)
        }

        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn last_result_ptr() -> *const u8 {
            enter($crate::POISONED_TEXT.as_ptr(), |_| $crate::last_result().0)
        }

        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn last_result_len() -> usize {
            enter($crate::POISONED_TEXT.len(), |_| $crate::last_result().1)
        }

        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn get_diagnostics_ptr() -> *const u8 {
            enter($crate::POISONED_TEXT.as_ptr(), |instance| $crate::diagnostics(instance).as_ptr())
        }

        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn get_diagnostics_len() -> usize {
            enter($crate::POISONED_TEXT.len(), |instance| $crate::diagnostics(instance).len())
        }

        $crate::exported_fault!();
    };
}

/// One export more, `fault`, in the modules that are built with the feature.
#[cfg(feature = "fault")]
#[doc(hidden)]
#[macro_export]
macro_rules! exported_fault {
    () => {
        #[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
        pub(crate) extern "C" fn fault(n: i32) {
            $crate::fault(n);
        }
    };
}

/// One export more, `fault`, in the modules that are built with the feature.
#[cfg(not(feature = "fault"))]
#[doc(hidden)]
#[macro_export]
macro_rules! exported_fault {
    () => {};
}
