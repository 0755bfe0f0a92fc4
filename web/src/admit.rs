//! A whole admission in one call.

use gguf_admission::{AdmitError, Header, Model, Options, Refusal, Sink};

use crate::error::Error;
use crate::stream::ByteStream;

/// Admits the file that `stream` brings.
///
/// The length is that of `options`, or else the stream's own where that is exact. They must not differ.
///
/// # Errors
///
/// [`Error::Refused`] when the file is bad, memory is short or the sink refuses; [`Error::Source`] when the bytes
/// cannot be had, or are not as many as `options` says; [`Error::Aborted`] when the signal, or the source's own, said
/// so. In each case, and when the future is dropped, the sink is rolled back, nothing more is read, and the stream is
/// cancelled and released (with the error as its reason, where there is one).
pub async fn admit<S, F>(stream: ByteStream, options: Options<S, F>) -> Result<Model<S>, Error>
where
    S: Sink,
    F: FnOnce(&Header) -> Result<(), Refusal>,
{
    let mut stream = stream.expecting(options.length)?;
    let options = Options { length: stream.length(), ..options };
    gguf_admission::admit(&mut stream, options).await.map_err(|error| match error {
        AdmitError::Refused(refused) => {
            let error = stream.explain(refused);
            stream.cancel(&error.clone().into());
            error
        }
        // The stream has ended itself.
        error => error.into(),
    })
}
