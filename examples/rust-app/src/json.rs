//! JSON for JavaScript.

use std::fmt;

use gguf_admission::abi::Json;
use gguf_admission::{Code, Error as Refusal};
use gguf_admission_web::Error;

/// The text that `write` writes.
///
/// # Errors
///
/// `memory`, when there is none for it: an app that ended there could not say so.
pub(crate) fn text(write: impl Fn(&mut Json<'_>) -> fmt::Result) -> Result<String, Error> {
    let text = gguf_admission::abi::text(u64::MAX, Refusal::memory, |out| write(&mut Json::new(out)))?;
    // Written as text it is text: if not, that is a bug of ours.
    String::from_utf8(text).map_err(|error| Refusal::new(Code::Poisoned, format_args!("{error}")).into())
}
