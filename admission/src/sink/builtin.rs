//! The sink of an ABI host, which chooses it by number.

use super::resident::Resident;
use super::sink::{Lend, Plan, Sink};
use super::verify::Verify;
use crate::contract::Storage;
use crate::error::Error;
use crate::format::Zone;

/// One of the built-in sinks, chosen at run time.
#[derive(Debug)]
#[non_exhaustive]
pub enum Builtin {
    /// Keeps nothing.
    Verify(Verify),
    /// Keeps everything.
    Resident(Resident),
}

impl Builtin {
    /// An empty sink of the given kind.
    pub fn new(storage: Storage) -> Self {
        match storage {
            Storage::Verify => Builtin::Verify(Verify::default()),
            Storage::Resident => Builtin::Resident(Resident::default()),
        }
    }

    /// Which it is.
    pub fn storage(&self) -> Storage {
        match self {
            Builtin::Verify(_) => Storage::Verify,
            Builtin::Resident(_) => Storage::Resident,
        }
    }
}

macro_rules! either {
    ($self:ident, $sink:ident => $call:expr) => {
        match $self {
            Builtin::Verify($sink) => $call,
            Builtin::Resident($sink) => $call,
        }
    };
}

#[warn(clippy::missing_trait_methods, reason = "a call that is not passed on would be lost in silence")]
impl Sink for Builtin {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        either!(self, sink => sink.requires(plan))
    }

    fn held(&self) -> u64 {
        either!(self, sink => sink.held())
    }

    fn check(&self, plan: &Plan<'_>) -> Result<(), Error> {
        either!(self, sink => sink.check(plan))
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        either!(self, sink => sink.reserve(plan))
    }

    fn prepare(&mut self, bytes: usize) -> Result<(), Error> {
        either!(self, sink => sink.prepare(bytes))
    }

    fn write(&mut self, offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        either!(self, sink => sink.write(offset, zone, bytes))
    }

    fn whole(&mut self, index: usize) -> Result<(), Error> {
        either!(self, sink => sink.whole(index))
    }

    fn commit(&mut self) -> Result<(), Error> {
        either!(self, sink => sink.commit())
    }

    fn rollback(&mut self) {
        either!(self, sink => sink.rollback())
    }
}

#[warn(clippy::missing_trait_methods, reason = "a call that is not passed on would be lost in silence")]
impl Lend for Builtin {
    fn lend(&mut self, offset: u64, most: usize) -> &mut [u8] {
        either!(self, sink => sink.lend(offset, most))
    }

    fn filled(&mut self, len: usize) {
        either!(self, sink => sink.filled(len))
    }
}
