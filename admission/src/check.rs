//! The rules of the format, in the order of the file: the records, the whole table, the data behind it.

mod data;
mod parser;
pub(crate) mod table;

pub(crate) use self::data::Cursor;
pub(crate) use self::parser::{Bounds, Parser};
