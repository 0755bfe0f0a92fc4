//! Fallible allocation: what depends on a file or on a prompt is reserved here, before it is written to.

use gguf_admission::Error;

/// An empty vector with room for `count` items.
pub(crate) fn reserved<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut vec = Vec::new();
    reserve(&mut vec, count)?;
    Ok(vec)
}

/// Brings a vector's room to `count` items.
pub(crate) fn reserve<T>(vec: &mut Vec<T>, count: usize) -> Result<(), Error> {
    let more = count.saturating_sub(vec.len());
    vec.try_reserve_exact(more).map_err(|_| Error::memory(count.saturating_mul(size_of::<T>()) as u64))
}

/// Makes room for `more` items. Many small calls are cheap: the room grows by a factor.
pub(crate) fn make_room<T>(vec: &mut Vec<T>, more: usize) -> Result<(), Error> {
    vec.try_reserve(more).map_err(|_| Error::memory(more.saturating_mul(size_of::<T>()) as u64))
}

/// That there is room for `bytes` bytes now. It is given back at once: for what a library allocates itself, which
/// cannot fail softly.
pub(crate) fn ask(bytes: u64) -> Result<(), Error> {
    let _: Vec<u8> = reserved(usize::try_from(bytes).map_err(|_| Error::memory(bytes))?)?;
    Ok(())
}
