//! What a sink adds so that its models can be read in place.

use crate::format::Header;
use crate::sink::{Builtin, Resident};

/// A sink whose models can be read in place.
pub trait Read {
    /// The data as it lies in the file, when it is in memory like that.
    fn resident(&self) -> Option<&Resident>;

    /// The bytes of tensor `index` of the model with this header, as they are in the file. `None` past the last tensor,
    /// or when they are not in memory. A sink that keeps tensors in its own way answers it from there.
    fn bytes(&self, header: &Header, index: usize) -> Option<&[u8]> {
        let (offset, bytes) = header.extent(index)?;
        self.resident()?.slice(offset, bytes)
    }
}

impl Read for Resident {
    fn resident(&self) -> Option<&Resident> {
        Some(self)
    }
}

impl Read for Builtin {
    fn resident(&self) -> Option<&Resident> {
        match self {
            Builtin::Verify(_) => None,
            Builtin::Resident(resident) => Some(resident),
        }
    }
}
