//! The sink that keeps nothing: it lends one window over and over.

use core::fmt;

use super::sink::{Lend, Plan, Sink};
use crate::error::Error;
use crate::format::Zone;
use crate::memory;

/// Proves a file good while the host stores it elsewhere. Memory is the header and one window, whatever the file's
/// size.
#[derive(Default)]
pub struct Verify {
    /// Empty, or the whole window; all initialised.
    window: Vec<u8>,
}

impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("held", &self.held()).finish_non_exhaustive()
    }
}

impl Sink for Verify {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        plan.window as u64
    }

    fn held(&self) -> u64 {
        self.window.capacity() as u64
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        memory::reserve(&mut self.window, plan.window)?;
        memory::zero_reserved(&mut self.window, plan.window);
        Ok(())
    }

    fn write(&mut self, _offset: u64, _zone: Zone, _bytes: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.window = Vec::new();
        Ok(())
    }

    fn rollback(&mut self) {
        self.window = Vec::new();
    }
}

impl Lend for Verify {
    fn lend(&mut self, _offset: u64, most: usize) -> &mut [u8] {
        let len = self.window.len().min(most);
        self.window.get_mut(..len).unwrap_or_default()
    }

    fn filled(&mut self, _len: usize) {}
}
