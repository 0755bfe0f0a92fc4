//! What the fuzz targets do, as functions of bytes. `tests/fuzz` runs them under libFuzzer,
//! `tests/tests/fuzz_replay.rs` on stable.
//!
//! An input is a body and, in its last [`CONTROL`] bytes, the decisions about it: whether the body is a file or a
//! recipe for one, how it is cut, under which limits. So a GGUF file with zeros behind it is an input.

#![expect(clippy::result_large_err, reason = "the core's error carries its whole detail in place")]

mod abi;
mod build;
mod drive;
mod evidence;
mod naive;
mod naive_profile;
mod parser;
mod profile;
mod session;
mod sets;
mod shards;
mod source;
mod twin;

use std::borrow::Cow;

pub use crate::abi::abi;
pub use crate::evidence::evidence;
pub use crate::parser::parser;
pub use crate::profile::profile;
pub use crate::session::session;
pub use crate::sets::sets;
pub use crate::source::CONTROL;
pub use crate::twin::twin;

/// A target: it panics where a promise is broken.
pub type Target = fn(&[u8]);

/// Every target under its name.
pub const TARGETS: [(&str, Target); 7] = [
    ("parser", parser),
    ("session", session),
    ("twin", twin),
    ("abi", abi),
    ("evidence", evidence),
    ("profile", profile),
    ("sets", sets),
];

/// The file itself, or the one that the body describes.
fn file<'a>(body: &'a [u8], source: &mut source::Source<'_>) -> Cow<'a, [u8]> {
    if source.byte() & 1 == 0 { Cow::Borrowed(body) } else { Cow::Owned(build::build(&mut source::Source::new(body))) }
}
