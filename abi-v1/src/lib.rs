//! Version 1 of the WebAssembly interface: the host copies a whole file into memory that the guest allocated, and has
//! it checked and kept.
//!
//! A host calls, for each file: [`alloc`]; then it copies the file there; then [`load_model`] and [`dealloc`]. Texts
//! about the latest result and about the active model are read by address and length. The full contract is the page
//! `docs/abi-v1.md` of the repository.
//!
//! Built as a module, this crate exports the calls. Linked as a library, they are functions over an [`Instance`], whose
//! models are kept in a sink of the caller's choice; [`exports!`] makes a module of them.
//!
//! [`load_model`] and [`dealloc`] are `unsafe`: a pointer goes out to the host and comes back, so what it points to is
//! the host's promise. Version 2 of the interface takes no pointers.

mod exports;
#[cfg(feature = "fault")]
mod fault;
mod instance;
mod texts;

#[cfg(feature = "fault")]
pub use fault::fault;
pub use instance::{Instance, enter};

use gguf_admission::Keep;
use texts::Call;
pub use texts::POISONED as POISONED_TEXT;

/// The module that this crate is when it is built as one.
#[cfg(all(target_family = "wasm", feature = "exports"))]
mod module {
    crate::exports!(gguf_admission::Builtin);
}

/// The most that one transfer can hold.
pub const MAX_TRANSFER: usize = 134_217_728;

/// `load_model` was given no transfer that can be read.
const BAD_TRANSFER: i32 = 3;

/// `free_model` found no active model.
const NO_MODEL: i32 = 2;

/// An earlier call trapped.
pub const POISONED: i32 = 64;

/// Memory for a transfer of `len` bytes: a `Vec<u8>` of that capacity, forgotten. Null for 0, for more than
/// [`MAX_TRANSFER`], and when there is no memory.
pub fn alloc(len: usize) -> *mut u8 {
    let mut transfer = Vec::<u8>::new();
    if len == 0 || len > MAX_TRANSFER || transfer.try_reserve_exact(len).is_err() {
        return core::ptr::null_mut();
    }
    core::mem::ManuallyDrop::new(transfer).as_mut_ptr()
}

/// Frees a transfer; null is ignored.
///
/// # Safety
///
/// `ptr` came from [`alloc`] with this `len` and was not freed before.
pub unsafe fn dealloc(ptr: *mut u8, len: usize) {
    if !ptr.is_null() {
        // SAFETY: the caller gives back the pointer and the capacity of a `Vec<u8>` that `alloc` forgot.
        drop(unsafe { Vec::from_raw_parts(ptr, 0, len) });
    }
}

/// 0. Every call works without it.
pub fn init_runtime<S: Keep>(instance: &mut Instance<S>) -> i32 {
    instance.texts.answer(Call::InitRuntime, Ok("ready"))
}

/// Admits the `len` bytes at `ptr` as a model that is kept, a copy of its own, and makes it the active one. 0, or why
/// not: then the active model stays. The transfer stays the host's to free.
///
/// # Safety
///
/// Unless they are refused (null, 0, above [`MAX_TRANSFER`], outside memory), the `len` bytes at `ptr` are initialised
/// and nobody writes to them during the call.
pub unsafe fn load_model<S: Keep>(instance: &mut Instance<S>, ptr: *const u8, len: usize) -> i32 {
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
    // SAFETY: the caller promises `len` initialised bytes at `ptr` that stay as they are; that they lie in memory was
    // tested where it can be.
    let file = unsafe { core::slice::from_raw_parts(ptr, len) };
    let loaded = instance.registry.load(file);
    instance.texts.answer(Call::LoadModel, loaded.map(|()| "admitted"))
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
pub fn free_model<S: Keep>(instance: &mut Instance<S>) -> i32 {
    if instance.registry.free_active() {
        instance.texts.answer(Call::FreeModel, Ok("freed"))
    } else {
        instance.texts.refuse(Call::FreeModel, NO_MODEL, "state", "there is no active model")
    }
}

/// Address and length of the text about the latest `init_runtime`, `load_model` or `free_model`.
pub fn last_result() -> (*const u8, usize) {
    texts::result()
}

/// The text about the active model and the latest error.
pub fn diagnostics<S: Keep>(instance: &mut Instance<S>) -> &[u8] {
    let Instance { registry, texts, .. } = instance;
    texts.diagnostics(registry)
}
