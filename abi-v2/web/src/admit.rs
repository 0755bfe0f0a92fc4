//! A whole admission in one call.

use gguf_admission::{Model, Options, Path, Sink};

use crate::error::{Error, SourceError};
use crate::stream::ByteStream;

/// Admits the file that `stream` brings.
///
/// The length is that of `options`, or else the stream's own where that is exact.
///
/// # Errors
///
/// [`Error::Refused`] when the file is bad, memory is short or the sink refuses; [`Error::Source`] when the bytes cannot
/// be had; [`Error::Aborted`] when the signal said so. In each case, and when the future is dropped, the sink is rolled
/// back, nothing more is read, and the stream is cancelled and released (with the error as its reason, where there is one).
pub async fn admit<S: Sink>(mut stream: ByteStream, options: Options<S>) -> Result<Model<S>, Error> {
    let options = Options { length: options.length.or(stream.length()), ..options };
    let result = gguf_admission::admit(&mut stream, options).await;
    result.map_err(|error| {
        let error = explain(error.into(), &stream);
        stream.cancel(&error.clone().into());
        error
    })
}

/// A page instead of a model is named as such; the core only sees that it is no GGUF.
fn explain(error: Error, stream: &ByteStream) -> Error {
    match error {
        Error::Refused(refused) if refused.path() == Path::Magic && stream.is_page() => {
            SourceError::new("html", "the server sent a web page, not a GGUF file").at(0).into()
        }
        error => error,
    }
}
