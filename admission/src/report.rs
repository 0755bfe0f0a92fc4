//! What hosts are told, as JSON.

mod beyond;
mod error;
mod json;
mod measured;
mod report;

pub use self::json::Json;
pub use self::measured::text;
pub(crate) use self::report::{write_report, write_value};
