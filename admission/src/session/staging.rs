//! The window that is lent while the header comes in.

use core::ops::Range;

use crate::error::Error;
use crate::memory;

/// A window of the session's own. Data that came behind the header's end waits in it for the consent.
///
/// Invariant: `waiting` lies in `bytes`.
#[derive(Default)]
pub(super) struct Staging {
    pub(super) bytes: Vec<u8>,
    waiting: Range<usize>,
}

impl Staging {
    pub(super) fn held(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    /// Makes room for a window of `size` bytes, all initialised.
    pub(super) fn reserve(&mut self, size: usize) -> Result<(), Error> {
        memory::reserve(&mut self.bytes, size)?;
        memory::zero_reserved(&mut self.bytes, size);
        Ok(())
    }

    /// The bytes of this range are checked data.
    pub(super) fn wait(&mut self, data: Range<usize>) {
        self.waiting = data;
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.waiting.clone()).unwrap_or_default()
    }
}
