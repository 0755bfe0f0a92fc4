//! v1's calls in their most literal form: what a host may rely on, with nothing of the project in it.
//! `load_model` only tells a file that starts like GGUF from one that does not.

use std::sync::Mutex;

static MODEL: Mutex<Option<Vec<u8>>> = Mutex::new(None);

#[unsafe(no_mangle)]
pub extern "C" fn alloc(len: usize) -> *mut u8 {
    if len == 0 || len > 134_217_728 {
        return std::ptr::null_mut();
    }
    let mut transfer = Vec::<u8>::with_capacity(len);
    let ptr = transfer.as_mut_ptr();
    std::mem::forget(transfer);
    ptr
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn dealloc(ptr: *mut u8, len: usize) {
    if !ptr.is_null() {
        drop(unsafe { Vec::from_raw_parts(ptr, 0, len) });
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn init_runtime() -> i32 {
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn load_model(ptr: *const u8, len: usize) -> i32 {
    let memory = core::arch::wasm32::memory_size(0) as u64 * 65_536;
    if ptr.is_null() || len == 0 || len > 134_217_728 || ptr as u64 + len as u64 > memory {
        return 3;
    }
    let file = unsafe { std::slice::from_raw_parts(ptr, len) };
    if !file.starts_with(b"GGUF") {
        return 32;
    }
    *MODEL.lock().unwrap() = Some(file.to_vec());
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn free_model() -> i32 {
    if MODEL.lock().unwrap().take().is_some() { 0 } else { 2 }
}
