//! Room that is lent for the bytes of one group.

use crate::error::Error;
use crate::memory;

/// Invariant: `bytes` is as long as the group, and all initialised; empty before a group is lent.
#[derive(Default)]
pub(super) struct Room {
    pub(super) group: u64,
    pub(super) bytes: Vec<u8>,
}

impl Room {
    /// Bytes requested from the allocator.
    pub(super) fn held(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    pub(super) fn is_lent_for(&self, group: u64) -> bool {
        self.group == group && !self.bytes.is_empty()
    }

    /// Makes it room for a group of `size` bytes, all zero. On an error it is as it was.
    pub(super) fn lend(&mut self, group: u64, size: usize) -> Result<(), Error> {
        memory::reserve(&mut self.bytes, size)?;
        self.group = group;
        self.bytes.clear();
        memory::zero_reserved(&mut self.bytes, size);
        Ok(())
    }
}
