//! The words and numbers of the ABI's contract.

mod state;
mod storage;

pub use self::state::State;
pub use self::storage::Storage;
