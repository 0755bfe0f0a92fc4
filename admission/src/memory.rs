//! Fallible allocation: the only place where a buffer grows. Everything else writes into room that was reserved here.

use crate::error::Error;

/// The size of `count` items.
pub(crate) const fn size_of_items<T>(count: usize) -> usize {
    count.saturating_mul(size_of::<T>())
}

/// The sum of two sizes in memory.
pub(crate) const fn sum(a: usize, b: usize) -> u64 {
    (a as u64).saturating_add(b as u64)
}

/// Brings the capacity of `vec` to at least `capacity` items; on an error `vec` is as it was.
pub(crate) fn reserve<T>(vec: &mut Vec<T>, capacity: usize) -> Result<(), Error> {
    let extra = capacity.saturating_sub(vec.len());
    if capacity <= vec.capacity() {
        return Ok(());
    }
    vec.try_reserve_exact(extra).map_err(|_| Error::memory(size_of_items::<T>(capacity) as u64))
}

/// Adds an item to a vector whose room was reserved.
#[expect(clippy::disallowed_methods, reason = "the room was reserved")]
pub(crate) fn push_reserved<T>(vec: &mut Vec<T>, item: T) {
    debug_assert!(vec.len() < vec.capacity(), "push without reserve");
    vec.push(item);
}

/// Adds bytes to a buffer whose room was reserved.
#[expect(clippy::disallowed_methods, reason = "the room was reserved")]
pub(crate) fn append_reserved(vec: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(vec.capacity().wrapping_sub(vec.len()) >= bytes.len(), "append without reserve");
    vec.extend_from_slice(bytes);
}

/// Fills a buffer with zeros up to `len`, in room that was reserved.
#[expect(clippy::disallowed_methods, reason = "the room was reserved")]
pub(crate) fn zero_reserved<T: Copy + Default>(vec: &mut Vec<T>, len: usize) {
    debug_assert!(vec.capacity() >= len, "zeros without reserve");
    if vec.len() < len {
        vec.resize(len, T::default());
    }
}
