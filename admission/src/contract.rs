//! The words and numbers of the ABI's contract.

mod limits;
mod state;
mod status;
mod storage;

pub(crate) use self::limits::{EXACT, MEMORY_BOUND};
pub use self::limits::{LimitId, Limits, OPEN_WINDOW};
pub use self::state::State;
pub use self::status::{Code, Kind};
pub use self::storage::Storage;
