//! Fallible allocation: the only place where a vector grows. Everything else writes into room that was reserved here.

use gguf_admission::{Bytes, Error};

/// Brings the capacity of an empty vector to `count` items.
pub(crate) fn reserve<T>(vec: &mut Vec<T>, count: usize) -> Result<(), Error> {
    let bytes = count.saturating_mul(size_of::<T>()) as u64;
    vec.try_reserve_exact(count).map_err(|_| Error::memory(bytes))
}

/// A tensor's name, in memory of its own.
pub(crate) fn copy(name: Bytes<'_>) -> Result<String, Error> {
    // Admission has found it to be UTF-8.
    String::from_utf8(name.to_vec()?).map_err(|_| Error::memory(name.len()))
}

/// Adds an item to a vector whose room was reserved.
#[expect(clippy::disallowed_methods, reason = "the room was reserved")]
pub(crate) fn push_reserved<T>(vec: &mut Vec<T>, item: T) {
    debug_assert!(vec.len() < vec.capacity(), "push without reserve");
    vec.push(item);
}

/// Brings a vector to at least `count` items, in room that was reserved.
#[expect(clippy::disallowed_methods, reason = "the room was reserved")]
pub(crate) fn resize_reserved<T: Clone>(vec: &mut Vec<T>, count: usize, item: T) {
    debug_assert!(vec.capacity() >= count, "items without reserve");
    if vec.len() < count {
        vec.resize(count, item);
    }
}
