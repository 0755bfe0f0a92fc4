//! One file on its way in, and the model that it becomes.

mod lending;
mod model;
mod session;

pub use self::model::{File, Model, Read};
pub use self::session::{OPEN_WINDOW, Session};
