//! v1's transfers with real pointers, as a host makes them. Run under Miri too: what a host may do is defined
//! behaviour.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests may fail")]

use exports::{
    alloc, dealloc, free_model, get_diagnostics_len, get_diagnostics_ptr, init_runtime, last_result_len,
    last_result_ptr, load_model,
};
use gguf_abi_v1::MAX_TRANSFER;

gguf_abi_v1::exports!(gguf_admission::Builtin);

/// A good file with one tensor whose bytes are `fill`.
fn file(fill: u8) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0w".to_vec();
    file.extend(1u32.to_le_bytes());
    file.extend(64u64.to_le_bytes());
    file.extend(24u32.to_le_bytes());
    file.extend(0u64.to_le_bytes());
    file.resize(file.len().next_multiple_of(32), 0);
    file.resize(file.len() + 64, fill);
    file
}

/// The host's part: a transfer of exactly these bytes.
fn transfer(bytes: &[u8]) -> *mut u8 {
    let ptr = alloc(bytes.len());
    assert!(!ptr.is_null());
    // SAFETY: `alloc` gave `bytes.len()` bytes that nobody else knows of.
    unsafe { ptr.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    ptr
}

/// The active model's tensor, by way of the runtime that links the crate.
fn tensor() -> Option<Vec<u8>> {
    enter(None, |instance| instance.registry.active_model()?.tensor(0).map(Vec::from))
}

fn text(ptr: *const u8, len: usize) -> String {
    // SAFETY: pointer and length are of one text, and nothing that rebuilds it was called since.
    String::from_utf8(unsafe { core::slice::from_raw_parts(ptr, len) }.to_vec()).expect("it is UTF-8")
}

#[test]
fn a_host_that_does_its_five_duties_has_a_model() {
    let file = file(7);
    let ptr = transfer(&file);
    // SAFETY: the transfer is live and written; it is freed once, with the pointer and the length of its `alloc`.
    unsafe {
        assert_eq!(load_model(ptr, file.len()), 0);
        dealloc(ptr, file.len());
    }
    assert_eq!(tensor(), Some(vec![7; 64]), "the model is a copy of its own");
    assert_eq!((free_model(), free_model()), (0, 2));
}

#[test]
fn the_transfer_stays_the_hosts_as_it_was() {
    let file = file(1);
    let ptr = transfer(&file);
    // SAFETY: as above; between the calls the bytes are the host's to read and to write.
    unsafe {
        for _ in 0..2 {
            assert_eq!(load_model(ptr, file.len()), 0);
            assert_eq!(core::slice::from_raw_parts(ptr, file.len()), file);
        }
        ptr.add(file.len() - 1).write(9);
        assert_eq!(load_model(ptr, file.len()), 0);
        dealloc(ptr, file.len());
    }
    assert_eq!(tensor().and_then(|tensor| tensor.last().copied()), Some(9));
}

#[test]
fn a_transfer_is_a_forgotten_vec_of_that_capacity() {
    for len in [1, 7, 64, 4096, 65_537] {
        let ptr = alloc(len);
        // SAFETY: this is what `dealloc` does, which is part of the contract: `alloc` gives what such a vector owns.
        let mut transfer = unsafe { Vec::from_raw_parts(ptr, 0, len) };
        assert_eq!((transfer.len(), transfer.capacity()), (0, len));
        transfer.resize(len, 0xa5);
        let ptr = core::mem::ManuallyDrop::new(transfer).as_mut_ptr();
        // SAFETY: and a vector of that capacity is what `dealloc` takes.
        unsafe { dealloc(ptr, len) };
    }
}

#[test]
fn transfers_are_apart_and_freed_in_any_order() {
    let files: Vec<_> = (0..5).map(file).collect();
    let mut live: Vec<_> = files.iter().map(|file| (transfer(file), file)).collect();
    for at in [3, 0, 2, 1, 0] {
        let (ptr, file) = live.remove(at);
        // SAFETY: each is live until it is freed here, once.
        unsafe {
            assert_eq!(load_model(ptr, file.len()), 0);
            dealloc(ptr, file.len());
        }
        assert_eq!(tensor().as_deref(), file.get(file.len() - 64..));
    }
}

#[test]
fn the_ends_of_a_transfer() {
    assert!(alloc(0).is_null());
    for len in [MAX_TRANSFER + 1, usize::MAX / 2, usize::MAX] {
        assert!(alloc(len).is_null());
    }
    let ptr = alloc(MAX_TRANSFER);
    assert!(!ptr.is_null());
    // SAFETY: both ends of the transfer are its own; a refused length is never read.
    unsafe {
        ptr.write(1);
        ptr.add(MAX_TRANSFER - 1).write(1);
        assert_eq!(load_model(ptr, MAX_TRANSFER + 1), 3);
        assert_eq!(load_model(ptr, 0), 3);
        assert_eq!(load_model(core::ptr::null(), MAX_TRANSFER), 3);
        dealloc(ptr, MAX_TRANSFER);
        dealloc(core::ptr::null_mut(), 0);
        dealloc(core::ptr::null_mut(), 12);
    }
}

#[test]
fn nothing_behind_the_length_is_read() {
    let file = file(3);
    let ptr = alloc(file.len() + 1000);
    // SAFETY: the first bytes are written, the others never are: Miri sees a read of any of them.
    unsafe {
        ptr.copy_from_nonoverlapping(file.as_ptr(), file.len());
        assert_eq!(load_model(ptr, file.len()), 0);
        // Miri is slow: it sees each field once.
        for len in (1..file.len()).step_by(if cfg!(miri) { 11 } else { 1 }) {
            assert_eq!(load_model(ptr, len), 37, "a file of {len} bytes is truncated");
        }
        dealloc(ptr, file.len() + 1000);
    }
    assert_eq!(tensor(), Some(vec![3; 64]), "what was refused left the model");
}

#[test]
fn a_file_may_lie_anywhere_in_a_transfer() {
    let file = file(4);
    let ptr = alloc(file.len() + 13);
    for at in [0, 1, 13] {
        // SAFETY: the bytes from `at` on are inside the transfer, and written before the call.
        unsafe {
            ptr.add(at).copy_from_nonoverlapping(file.as_ptr(), file.len());
            assert_eq!(load_model(ptr.add(at), file.len()), 0);
        }
    }
    // SAFETY: with the pointer and the length of the `alloc`.
    unsafe { dealloc(ptr, file.len() + 13) };
}

#[test]
fn a_text_is_read_by_pointer_and_length_in_either_order() {
    assert_eq!(init_runtime(), 0);
    let (ptr, len) = (last_result_ptr(), last_result_len());
    let result = text(ptr, len);
    let (len, ptr) = (last_result_len(), last_result_ptr());
    assert_eq!(text(ptr, len), result);
    assert!(result.starts_with(r#"{"abi":"1","call":"init_runtime","status":0,"code":"ok","#), "{result}");

    let (ptr, len) = (get_diagnostics_ptr(), get_diagnostics_len());
    let diagnostics = text(ptr, len);
    let (len, ptr) = (get_diagnostics_len(), get_diagnostics_ptr());
    assert_eq!(text(ptr, len), diagnostics);
    assert_eq!(diagnostics, r#"{"abi":"1","model":null,"error":null}"#);
}

#[test]
fn a_text_outlives_the_calls_that_do_not_rebuild_it() {
    let file = file(5);
    let ptr = transfer(&file);
    // SAFETY: the transfer is live and written; it is freed once.
    unsafe { assert_eq!(load_model(ptr, file.len()), 0) };
    let (result, result_len) = (last_result_ptr(), last_result_len());
    let (diagnostics, diagnostics_len) = (get_diagnostics_ptr(), get_diagnostics_len());
    // SAFETY: see above.
    unsafe { dealloc(ptr, file.len()) };
    let other = alloc(10);
    // SAFETY: of the `alloc` above.
    unsafe { dealloc(other, 10) };
    assert!(text(result, result_len).contains(r#""call":"load_model","status":0"#));
    assert!(text(diagnostics, diagnostics_len).starts_with(r#"{"abi":"1","model":{"length":"#));
}
