//! The buffer that a stream yields, and lends again once it is dropped.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use bytes::Buf;
use gguf_admission::Error;

/// Some of the file's bytes, in WebAssembly memory.
///
/// Dropping it gives its buffer back to the stream for the next one; a chunk that is kept costs the stream a new
/// buffer.
///
/// Invariant: `read <= buffer.len()`.
pub struct Chunk {
    buffer: Vec<u8>,
    read: usize,
    home: Spare,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.buffer.len() - self.read
    }

    fn chunk(&self) -> &[u8] {
        &self.buffer[self.read..]
    }

    /// Panics when `count` is above [`remaining`](Buf::remaining), as the trait says.
    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advance of {count} bytes of {}", self.remaining());
        self.read += count;
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        Buf::chunk(self)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.home.0.set(std::mem::take(&mut self.buffer));
    }
}

/// Where a chunk's buffer lies while no chunk has it.
#[derive(Clone, Default)]
pub(crate) struct Spare(Rc<Cell<Vec<u8>>>);

impl Spare {
    /// A chunk of `len` bytes that `fill` writes. The buffer that lies here is used; it grows where it must.
    ///
    /// # Errors
    ///
    /// `memory` when the allocator cannot.
    pub(crate) fn filled(&self, len: usize, fill: impl FnOnce(&mut [u8])) -> Result<Chunk, Error> {
        let mut buffer = self.0.take();
        if buffer.len() < len {
            let more = len - buffer.len();
            buffer.try_reserve_exact(more).map_err(|_| Error::memory(len as u64))?;
            buffer.resize(len, 0);
        }
        buffer.truncate(len);
        fill(&mut buffer);
        Ok(Chunk { buffer, read: 0, home: self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_chunk_gives_its_buffer_to_the_next_one() {
        let spare = Spare::default();
        let first = spare.filled(8, |buffer| buffer.fill(1)).expect("memory");
        let place = first.as_ref().as_ptr();
        drop(first);
        let second = spare.filled(4, |buffer| buffer.fill(2)).expect("memory");
        assert_eq!((second.as_ref(), second.as_ref().as_ptr()), (&[2; 4][..], place));
    }

    #[test]
    fn a_chunk_that_is_kept_keeps_its_bytes() {
        let spare = Spare::default();
        let mut kept = spare.filled(4, |buffer| buffer.copy_from_slice(b"kept")).expect("memory");
        let next = spare.filled(4, |buffer| buffer.copy_from_slice(b"next")).expect("memory");
        kept.advance(1);
        assert_eq!((kept.as_ref(), kept.remaining(), next.as_ref()), (&b"ept"[..], 3, &b"next"[..]));
    }
}
