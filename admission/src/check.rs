//! The rules of the format.

pub(crate) mod data;
pub(crate) mod table;
