//! The guest lends, a host writes: with real pointers, so that Miri sees what the host is allowed to do.
//!
//! Where pointers have 32 bits (Miri runs such a target) a host reads the slices of the ABI itself. Elsewhere an
//! address does not fit a slice, and the window comes from the registry that `window` asks.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests may fail")]

use exports::{
    activate, active, begin, digests, finish, last_error, limit, position, push_chunk, release, report, tensor, window,
};

gguf_abi_v2::exports!(gguf_admission::Builtin);

/// Bytes of the second tensor; Miri is slow.
const SIZE: usize = if cfg!(miri) { 700 } else { 50_000 };

/// A good file: an array of strings, an empty tensor, and one of `SIZE` bytes.
fn file() -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0words".to_vec();
    file.extend([9u32, 8].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(8u64.to_le_bytes());
    for index in 0..8u64 {
        file.extend(index.to_le_bytes());
        file.extend(vec![b'a'; index as usize]);
    }
    for (name, size) in [(b'e', 0), (b'w', SIZE as u64)] {
        file.extend(1u64.to_le_bytes());
        file.push(name);
        file.extend(1u32.to_le_bytes());
        file.extend(size.to_le_bytes());
        file.extend(24u32.to_le_bytes());
        file.extend(0u64.to_le_bytes());
    }
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend((0..SIZE).map(|at| (at % 251) as u8));
    file.resize(file.len().next_multiple_of(32), 0);
    file
}

/// The window as a host sees it: an address and a length, no borrow.
#[cfg(target_pointer_width = "32")]
fn lend(handle: i32) -> (*mut u8, usize) {
    let slice = window(handle);
    assert!(slice > 0);
    (core::ptr::with_exposed_provenance_mut((slice & 0xffff_ffff) as usize), (slice >> 32) as usize)
}

#[cfg(not(target_pointer_width = "32"))]
fn lend(handle: i32) -> (*mut u8, usize) {
    assert!(window(handle) > 0);
    enter((core::ptr::null_mut(), 0), |instance| {
        let window = instance.registry.window(handle).expect("it is lent");
        (window.as_mut_ptr(), window.len())
    })
}

/// What a slice of the ABI shows.
#[cfg(target_pointer_width = "32")]
fn read(slice: i64, _again: impl FnOnce(&mut gguf_admission::abi::Registry) -> Vec<u8>) -> Vec<u8> {
    assert!(slice >= 0);
    if slice == 0 {
        return Vec::new();
    }
    let ptr = core::ptr::with_exposed_provenance::<u8>((slice & 0xffff_ffff) as usize);
    // SAFETY: the slice is of the latest call, or of a tensor.
    unsafe { core::slice::from_raw_parts(ptr, (slice >> 32) as usize) }.to_vec()
}

#[cfg(not(target_pointer_width = "32"))]
fn read(slice: i64, again: impl FnOnce(&mut gguf_admission::abi::Registry) -> Vec<u8>) -> Vec<u8> {
    assert!(slice >= 0);
    enter(Vec::new(), |instance| again(&mut instance.registry))
}

/// One honest step of at most `most` bytes; the new position.
fn step(handle: i32, file: &[u8], at: usize, most: usize) -> usize {
    let (ptr, len) = lend(handle);
    let len = len.min(most).min(file.len() - at);
    // SAFETY: the window is `len` bytes or more, and nothing was called since it was lent.
    unsafe { ptr.copy_from_nonoverlapping(file[at..].as_ptr(), len) };
    assert!(push_chunk(handle, at as i64, len as i32) > 0, "{at}");
    at + len
}

fn admit(file: &[u8], sink: i32, most: usize) -> i32 {
    let handle = begin(file.len() as i64, sink);
    assert_eq!(limit(handle, 7, 4096), 4096);
    let mut at = 0;
    while at < file.len() {
        at = step(handle, file, at, most);
        assert_eq!(position(handle), at as i64);
    }
    assert_eq!(finish(handle), 4);
    handle
}

#[test]
fn what_the_host_writes_through_the_window_is_the_model() {
    let file = file();
    let data = file.len() - SIZE.next_multiple_of(32);
    for most in [4096, 61] {
        let handle = admit(&file, 2, most);
        let bytes = read(tensor(handle, 1), |registry| registry.tensor(handle, 1).expect("it is there").to_vec());
        assert_eq!(bytes, &file[data..data + SIZE]);
        assert_eq!(tensor(handle, 0), 0, "an empty tensor is the empty slice");
        assert_eq!(release(handle), 0);
    }
}

#[test]
fn a_verified_file_needs_no_place_of_its_own() {
    let file = file();
    let handle = admit(&file, 1, 777);
    let text = read(report(handle), |registry| registry.report(handle).expect("there is room").to_vec());
    assert!(
        String::from_utf8(text).expect("it is UTF-8").starts_with(r#"{"abi":"2.1","state":"admitted","sink":"verify""#)
    );
    assert_eq!(release(handle), 0);
}

#[test]
fn every_byte_of_a_window_can_be_read_and_written() {
    let file = file();
    for sink in [1, 2] {
        let handle = begin(-1, sink);
        assert_eq!(digests(handle, 0), 1);
        assert_eq!(limit(handle, 7, 4096), 4096);
        let mut at = 0;
        while at < file.len() {
            let (ptr, len) = lend(handle);
            // SAFETY: a window is initialised all over; reading what the host never wrote is defined.
            let sum = unsafe { core::slice::from_raw_parts(ptr, len) }.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            // SAFETY: and all of it may be written.
            unsafe { ptr.write_bytes(0xee, len) };
            assert!(sum < 255 * len as u64);
            at = step(handle, &file, at, usize::MAX);
        }
        assert_eq!(finish(handle), 4);
        assert_eq!(release(handle), 0);
    }
}

#[test]
fn a_host_that_lies_gets_an_answer() {
    let handle = begin(-1, 2);
    // Nothing was written: the push is refused, and the window is still good.
    let (ptr, len) = lend(handle);
    assert_eq!(push_chunk(handle, 0, len as i32), -6);
    assert_eq!(push_chunk(handle, 0, len as i32 + 1), -5);
    assert_eq!(lend(handle), (ptr, len));
    // Fewer than 16 unwritten bytes are taken at their word: they are initialised, and no GGUF file.
    assert_eq!(push_chunk(handle, 0, 15), -32);
    assert_eq!(release(handle), 0);
}

#[test]
fn a_tensor_can_be_read_until_it_is_released_whatever_else_is_called() {
    let file = file();
    let handle = admit(&file, 2, 4096);
    let slice = tensor(handle, 1);
    assert_eq!((activate(handle), active()), (4, handle));
    let other = admit(&file, 2, 4096);
    assert_eq!(push_chunk(other, 0, 1), -2);
    assert_eq!((release(other), exports::free_model()), (0, 0));
    let bytes = read(slice, |registry| registry.tensor(handle, 1).expect("it is there").to_vec());
    assert_eq!(&bytes[..3], [0, 1, 2]);
    assert_eq!(release(handle), 0);
}

#[test]
fn the_latest_error_is_a_text() {
    assert_eq!(begin(0, 1), -3);
    let text = read(last_error(), |_| br#"{"status":-3"#.to_vec());
    assert!(text.starts_with(br#"{"status":-3"#));
}
