//! The rules of the format, in the order of the file: the records, the whole table, the data behind it. And what goes
//! beyond one file or the format: sets of shards, profiles of readers.

mod data;
mod entry;
mod fields;
mod parser;
pub(crate) mod profile;
pub(crate) mod set;
pub(crate) mod table;
mod tensor;

pub(crate) use self::data::Cursor;
pub(crate) use self::fields::Bounds;
pub(crate) use self::parser::Parser;
