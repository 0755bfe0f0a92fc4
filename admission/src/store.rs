//! The header's bytes as they came, and where its records start.

mod bytes;
mod names;
mod pages;
mod shared;

pub use self::bytes::Bytes;
pub(crate) use self::bytes::split_string;
pub(crate) use self::names::{Names, RECORD_BYTES};
pub(crate) use self::pages::Pages;
pub(crate) use self::shared::{Records, first_shared};
