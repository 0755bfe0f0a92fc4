//! What a GGUF file says: its types, its header, and where its parts lie.

mod header;
mod layout;
mod types;

pub use self::header::{Array, Entry, Header, Tensor, Value};
pub use self::layout::{Layout, Zone};
pub use self::types::{TensorType, ValueType};
