//! Version 1 of the WebAssembly interface: the host copies a whole file into memory that the guest allocated, and has
//! it checked and kept.
//!
//! A host calls, for each file: [`alloc`]; then it copies the file there; then [`load_model`] and [`dealloc`]. Texts
//! about the latest result and about the active model are read by address and length. The full contract is the page
//! `docs/abi-v1.md` of the repository.
//!
//! [`load_model`] and [`dealloc`] are `unsafe`: a pointer goes out to the host and comes back, so what it points to is
//! the host's promise. Version 2 of the interface takes no pointers.

#[cfg(feature = "fault")]
mod fault;
mod instance;
mod texts;

#[cfg(feature = "fault")]
pub use fault::fault;
pub use instance::{Instance, enter};

use texts::Call;

/// The most that one transfer can hold.
pub const MAX_TRANSFER: usize = 134_217_728;

/// `load_model` was given no transfer that can be read.
const BAD_TRANSFER: i32 = 3;

/// `free_model` found no active model.
const NO_MODEL: i32 = 2;

/// An earlier call trapped.
const POISONED: i32 = 64;

/// Memory for a transfer of `len` bytes: a `Vec<u8>` of that capacity, forgotten. Null for 0, for more than
/// [`MAX_TRANSFER`], and when there is no memory.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "alloc"))]
pub extern "C" fn alloc(len: usize) -> *mut u8 {
    enter(core::ptr::null_mut(), |_| {
        let mut transfer = Vec::<u8>::new();
        if len == 0 || len > MAX_TRANSFER || transfer.try_reserve_exact(len).is_err() {
            return core::ptr::null_mut();
        }
        core::mem::ManuallyDrop::new(transfer).as_mut_ptr()
    })
}

/// Frees a transfer; null is ignored.
///
/// # Safety
///
/// `ptr` came from [`alloc`] with this `len` and was not freed before.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "dealloc"))]
pub unsafe extern "C" fn dealloc(ptr: *mut u8, len: usize) {
    enter((), |_| {
        if !ptr.is_null() {
            // SAFETY: the caller gives back the pointer and the capacity of a `Vec<u8>` that `alloc` forgot.
            drop(unsafe { Vec::from_raw_parts(ptr, 0, len) });
        }
    });
}

/// 0. Every export works without it.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "init_runtime"))]
pub extern "C" fn init_runtime() -> i32 {
    enter(POISONED, |instance| instance.texts.answer(Call::InitRuntime, Ok("ready")))
}

/// Admits the `len` bytes at `ptr` as a resident model, a copy of its own, and makes it the active one. 0, or why not:
/// then the active model stays. The transfer stays the host's to free.
///
/// # Safety
///
/// Unless they are refused (null, 0, above [`MAX_TRANSFER`], outside memory), the `len` bytes at `ptr` are initialised
/// and nobody writes to them during the call.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "load_model"))]
pub unsafe extern "C" fn load_model(ptr: *const u8, len: usize) -> i32 {
    enter(POISONED, |instance| {
        let refused = if ptr.is_null() {
            Some("the pointer is null")
        } else if len == 0 {
            Some("the length is 0")
        } else if len > MAX_TRANSFER {
            Some("the length is above 134217728")
        } else if !is_inside_memory(ptr, len) {
            Some("the transfer ends outside memory")
        } else {
            None
        };
        if let Some(message) = refused {
            return instance.texts.refuse(Call::LoadModel, BAD_TRANSFER, "argument", message);
        }
        // SAFETY: the caller promises `len` initialised bytes at `ptr` that stay as they are; that they lie in memory
        // was tested where it can be.
        let file = unsafe { core::slice::from_raw_parts(ptr, len) };
        let loaded = instance.registry.load(file);
        instance.texts.answer(Call::LoadModel, loaded.map(|()| "admitted"))
    })
}

#[cfg(target_arch = "wasm32")]
fn is_inside_memory(ptr: *const u8, len: usize) -> bool {
    let end = (ptr.addr() as u64).saturating_add(len as u64);
    end <= (core::arch::wasm32::memory_size(0) as u64).saturating_mul(65_536)
}

/// Where memory has no end that can be asked for, it is the caller's promise alone.
#[cfg(not(target_arch = "wasm32"))]
fn is_inside_memory(_ptr: *const u8, _len: usize) -> bool {
    true
}

/// Drops the active model: 0, or 2 when there is none.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "free_model"))]
pub extern "C" fn free_model() -> i32 {
    enter(POISONED, |instance| {
        if instance.registry.free_active() {
            instance.texts.answer(Call::FreeModel, Ok("freed"))
        } else {
            instance.texts.refuse(Call::FreeModel, NO_MODEL, "state", "there is no active model")
        }
    })
}

/// The address of the text about the latest `init_runtime`, `load_model` or `free_model`.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "last_result_ptr"))]
pub extern "C" fn last_result_ptr() -> *const u8 {
    enter(texts::POISONED.as_ptr(), |_| texts::result().0)
}

/// The length of that text.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "last_result_len"))]
pub extern "C" fn last_result_len() -> usize {
    enter(texts::POISONED.len(), |_| texts::result().1)
}

/// The address of the text about the active model and the latest error.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "get_diagnostics_ptr"))]
pub extern "C" fn get_diagnostics_ptr() -> *const u8 {
    enter(texts::POISONED.as_ptr(), |Instance { registry, texts, .. }| texts.diagnostics(registry).as_ptr())
}

/// The length of that text.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "get_diagnostics_len"))]
pub extern "C" fn get_diagnostics_len() -> usize {
    enter(texts::POISONED.len(), |Instance { registry, texts, .. }| texts.diagnostics(registry).len())
}
