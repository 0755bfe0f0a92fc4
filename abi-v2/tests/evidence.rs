//! Room that is lent for evidence and for a group, written through real pointers, so that Miri sees what the host is
//! allowed to do. Where pointers have 32 bits a host reads the slices itself; elsewhere the registry is asked.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests may fail")]

use exports::{begin, check_group, digests, finish, push_chunk, release, report};

gguf_abi_v2::exports!(gguf_admission::Builtin);

/// A good file of 200 bytes: one tensor.
fn file() -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0w".to_vec();
    file.extend(1u32.to_le_bytes());
    file.extend(136u64.to_le_bytes());
    file.extend(24u32.to_le_bytes());
    file.extend(0u64.to_le_bytes());
    file.resize(64, 0);
    file.extend((0..136).map(|at| at as u8));
    file
}

/// A place that the guest lends: an address and a length, no borrow.
type Place = (*mut u8, usize);

#[cfg(target_pointer_width = "32")]
mod lent {
    use super::Place;

    fn place(slice: i64) -> Place {
        assert!(slice > 0);
        (core::ptr::with_exposed_provenance_mut((slice & 0xffff_ffff) as usize), (slice >> 32) as usize)
    }

    pub(crate) fn window(handle: i32) -> Place {
        place(super::exports::window(handle))
    }

    pub(crate) fn list(handle: i32, groups: i32) -> Place {
        place(super::exports::expect_evidence(handle, groups))
    }

    pub(crate) fn group(handle: i32, group: i32) -> Place {
        place(super::exports::lend_group(handle, group))
    }

    pub(crate) fn values(handle: i32) -> Vec<u8> {
        let (ptr, len) = place(super::exports::evidence(handle));
        // SAFETY: the slice is of the latest call.
        unsafe { core::slice::from_raw_parts(ptr, len) }.to_vec()
    }
}

#[cfg(not(target_pointer_width = "32"))]
mod lent {
    use super::Place;
    use gguf_admission::Error;
    use gguf_admission::abi::Registry;

    fn place(call: impl FnOnce(&mut Registry) -> Result<&mut [u8], Error>) -> Place {
        crate::enter((core::ptr::null_mut(), 0), |instance| {
            let bytes = call(&mut instance.registry).expect("it is lent");
            (bytes.as_mut_ptr(), bytes.len())
        })
    }

    pub(crate) fn window(handle: i32) -> Place {
        place(|registry| registry.window(handle))
    }

    pub(crate) fn list(handle: i32, groups: i32) -> Place {
        place(|registry| registry.expect_evidence(handle, groups))
    }

    pub(crate) fn group(handle: i32, group: i32) -> Place {
        place(|registry| registry.lend_group(handle, group))
    }

    pub(crate) fn values(handle: i32) -> Vec<u8> {
        crate::enter(Vec::new(), |instance| instance.registry.evidence(handle).expect("computed").to_vec())
    }
}

fn write((ptr, len): Place, bytes: &[u8]) {
    assert!(bytes.len() <= len);
    // SAFETY: the guest lends the place, which is that long, until something of the host's ends it.
    unsafe { ptr.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

fn values_of(file: &[u8]) -> Vec<u8> {
    let handle = begin(-1, 1);
    assert_eq!(digests(handle, 6), 1);
    write(lent::window(handle), file);
    assert_eq!(push_chunk(handle, 0, file.len() as i32), 2);
    assert_eq!(finish(handle), 4);
    let values = lent::values(handle);
    assert_eq!((values.len(), release(handle)), (32, 0));
    values
}

#[test]
fn list_group_and_window_are_places_of_their_own() {
    let file = file();
    let values = values_of(&file);
    let handle = begin(file.len() as i64, 2);
    assert_eq!(digests(handle, 6), 1);
    let list = lent::list(handle, 1);
    assert_eq!(list.1, 32);
    write(list, &values[..10]);
    assert!(report(handle) > 0);
    // The list holds its place until the first push, whatever else is lent.
    let window = lent::window(handle);
    write(window, &file[..50]);
    write((list.0.wrapping_add(10), 22), &values[10..]);
    let group = lent::group(handle, 0);
    assert_eq!(group.1, file.len());
    write(group, &file);
    write((window.0.wrapping_add(50), window.1 - 50), &file[50..]);
    assert_eq!(check_group(handle, 0, file.len() as i32), 1);
    assert_eq!(push_chunk(handle, 0, file.len() as i32), 2);
    assert_eq!(finish(handle), 4);
    assert_eq!(lent::values(handle), values);
    assert_eq!(release(handle), 0);
}

#[test]
fn a_room_that_nobody_wrote_to_can_be_read_and_is_no_group() {
    let file = file();
    let values = values_of(&file);
    let handle = begin(file.len() as i64, 1);
    assert_eq!(digests(handle, 7), 1);
    write(lent::list(handle, 1), &values);
    for _ in 0..2 {
        let (ptr, len) = lent::group(handle, 0);
        // SAFETY: the room is lent, and initialised all over.
        assert!(unsafe { core::slice::from_raw_parts(ptr, len) }.iter().all(|byte| *byte == 0));
        assert_eq!(check_group(handle, 0, len as i32), 0);
    }
    assert_eq!(release(handle), 0);
}
