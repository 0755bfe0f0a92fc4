//! One file on its way in, and the model that it becomes.

mod data;
mod debug;
mod guard;
mod keep;
mod lending;
mod model;
mod profile;
mod proof;
mod read;
mod room;
mod session;
mod set_model;
mod settings;
mod staging;

pub use self::keep::Keep;
pub(crate) use self::lending::MARK;
pub use self::model::{File, Model, Parts};
pub use self::read::Read;
pub use self::session::Session;
pub use self::set_model::SetModel;
