//! Whole admissions in one call: from an async stream of buffers, or from a blocking reader.

mod error;
mod intake;
#[cfg(feature = "tee")]
mod into;
mod options;
mod reader;
mod stream;

pub use self::error::AdmitError;
#[cfg(feature = "tee")]
pub use self::into::admit_into;
pub use self::options::{Options, Refusal};
pub use self::reader::admit_reader;
pub use self::stream::admit;
