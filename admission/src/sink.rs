//! Where the data behind the header goes.

mod builtin;
mod resident;
mod sink;
mod verify;

pub use self::builtin::Builtin;
pub use self::resident::Resident;
pub use self::sink::{Lend, Plan, Sink};
pub use self::verify::Verify;
