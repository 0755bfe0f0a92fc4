//! What a GGUF file says: its types, its header, and where its parts lie.

mod header;
mod layout;
mod rules;
mod types;

pub use self::header::{Array, Entry, Header, Tensor, Value};
pub use self::layout::{Layout, Zone};
pub(crate) use self::rules::*;
pub use self::types::{TensorType, ValueType};
