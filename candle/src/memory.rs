//! Fallible allocation: the only place where a vector grows. Everything else writes into room that was reserved here.

use gguf_admission::Error;

/// Brings the capacity of an empty vector to `count` items.
pub(crate) fn reserve<T>(vec: &mut Vec<T>, count: usize) -> Result<(), Error> {
    let bytes = count.saturating_mul(size_of::<T>()) as u64;
    vec.try_reserve_exact(count).map_err(|_| Error::memory(bytes))
}

/// The text, in memory of its own.
#[expect(clippy::disallowed_methods, reason = "the room was reserved")]
pub(crate) fn copy(text: &str) -> Result<String, Error> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| Error::memory(text.len() as u64))?;
    copy.push_str(text);
    Ok(copy)
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
