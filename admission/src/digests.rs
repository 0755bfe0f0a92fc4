//! The digests of the file's bytes, its evidence, and what they must be.

mod digest;
mod evidence;
mod groups;
mod hashers;

pub use self::digest::{Algorithm, Digest, Digests, ParseDigestError};
pub use self::evidence::{Evidence, GROUP_BYTES};
pub(crate) use self::evidence::{MOST_GROUPS, groups_of, value_of};
pub(crate) use self::groups::{Groups, Values};
pub(crate) use self::hashers::{EVIDENCE, Hashers};
