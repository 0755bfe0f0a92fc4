//! What a module's exports are made of: sessions and models under handles, and texts in JSON. The ABI crates are thin
//! shells over it; a program that admits files itself needs none of it.

mod registry;
mod sets;
mod slots;
mod stamp;

pub use self::registry::Registry;
pub use self::slots::SLOTS;
pub use crate::report::{Json, ToJson, array, is_unseen, object, text};
pub use crate::text::Text;
