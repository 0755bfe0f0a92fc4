//! One file on its way in, and the model that it becomes.

mod data;
mod lending;
mod model;
mod profile;
mod proof;
mod room;
mod session;
mod settings;
mod staging;

pub(crate) use self::lending::MARK;
pub use self::model::{File, Model, Read};
pub use self::session::{OPEN_WINDOW, Session};
