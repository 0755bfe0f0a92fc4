//! What a sink adds so that a host of the interfaces can open it.

use super::model::Model;
use super::read::Read;
use crate::contract::Storage;
use crate::sink::{Builtin, Lend};

/// A sink that a host of the interfaces opens by number. A runtime brings its own storage with it: the models of a
/// module are kept in the `Keep` that the module was made for.
///
/// [`Sink::check`](crate::Sink::check) is the place to refuse what the runtime cannot run, before data is paid for.
pub trait Keep: Lend + Read + Sized {
    /// An empty sink: for [`Storage::Verify`] one that keeps nothing, for [`Storage::Resident`] one that keeps the
    /// data.
    fn open(storage: Storage) -> Self;

    /// The active model has changed: it is `model` now, or there is none. Told of every change, whether a model was
    /// activated, was loaded whole, was released, was freed or made room for another. The model before it may be gone
    /// already, so a runtime lets go here of what it made of it. What a verifying session admitted can be active too.
    fn active(model: Option<&Model<Self>>) {
        let _ = model;
    }
}

impl Keep for Builtin {
    fn open(storage: Storage) -> Self {
        Builtin::new(storage)
    }
}
