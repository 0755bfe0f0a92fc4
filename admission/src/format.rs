//! What a GGUF file says: its types, its header, and where its parts lie.

mod element;
mod header;
mod layout;
mod rules;
mod tensor_type;
mod typed;
mod types;
mod value;

pub use self::element::Element;
pub use self::header::{Entry, Header, Tensor};
pub use self::layout::{Layout, Zone};
pub(crate) use self::rules::*;
pub use self::tensor_type::TensorType;
pub use self::types::ValueType;
pub use self::value::{Array, Value};
