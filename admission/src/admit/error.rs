//! Why a whole admission ended without a model.

use core::fmt;
use std::io;

use crate::error::Error;

/// Why an admission ended without a model.
#[derive(Debug)]
pub enum AdmitError<E> {
    /// The source failed.
    Source(E),
    /// The file was rejected, or the sink or the allocator refused it.
    Refused(Error),
    /// The tee of `admit_into` failed; that is a function of feature `tee`.
    Tee(io::Error),
}

impl<E: fmt::Display> fmt::Display for AdmitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdmitError::Source(error) => write!(f, "the source failed: {error}"),
            AdmitError::Refused(error) => write!(f, "refused: {error}"),
            AdmitError::Tee(error) => write!(f, "the tee failed: {error}"),
        }
    }
}

/// `source` is what the source or the tee failed with, or the [`Error`]. The `source` of that is what a sink or a
/// callback of the caller's failed with.
impl<E: std::error::Error + 'static> std::error::Error for AdmitError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AdmitError::Source(error) => Some(error),
            AdmitError::Refused(error) => Some(error),
            AdmitError::Tee(error) => Some(error),
        }
    }
}

impl<E> From<Error> for AdmitError<E> {
    fn from(error: Error) -> Self {
        AdmitError::Refused(error)
    }
}
