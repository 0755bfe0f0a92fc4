//! What hosts are told, as JSON.

mod beyond;
mod error;
mod json;
mod measured;
mod report;

pub use self::json::{Json, ToJson, array, is_unseen, object};
pub use self::measured::text;
pub(crate) use self::report::write_report;
