//! A whole admission in one call.

use gguf_admission::{AdmitError, Model, Options, Path, Sink};

use crate::error::{Error, SourceError};
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
pub async fn admit<S: Sink>(mut stream: ByteStream, options: Options<S>) -> Result<Model<S>, Error> {
    let error = match agreed(options.length, stream.length()) {
        Ok(length) => match gguf_admission::admit(&mut stream, Options { length, ..options }).await {
            Ok(model) => return Ok(model),
            // The stream has ended itself.
            Err(AdmitError::Source(error)) => return Err(error),
            Err(AdmitError::Refused(refused)) => explain(refused, &stream),
        },
        Err(error) => error.into(),
    };
    stream.cancel(&error.clone().into());
    Err(error)
}

/// The length of the file, from what the caller says of it and what the source does.
fn agreed(declared: Option<u64>, actual: Option<u64>) -> Result<Option<u64>, SourceError> {
    match (declared, actual) {
        (Some(declared), Some(actual)) if declared != actual => Err(SourceError::length(declared, actual)),
        _ => Ok(declared.or(actual)),
    }
}

/// A page instead of a model is named as such; the core only sees that it is no GGUF.
fn explain(refused: gguf_admission::Error, stream: &ByteStream) -> Error {
    if refused.path() == Path::Magic && stream.is_page() {
        return SourceError::new("html", "the server sent a web page, not a GGUF file").at(0).into();
    }
    refused.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lengths_agree_where_they_are_one_or_one_is_not_known() {
        for (declared, actual) in [(Some(5), Some(5)), (Some(5), None), (None, Some(5))] {
            assert_eq!(agreed(declared, actual).expect("they agree"), Some(5));
        }
        assert_eq!(agreed(None, None).expect("nothing is said"), None);
    }

    #[test]
    fn two_lengths_that_differ_are_an_error_that_has_both() {
        let error = Error::from(agreed(Some(5), Some(4)).expect_err("they differ"));
        assert_eq!((error.code(), error.path(), error.offset()), ("length", Some(Path::Length), None));
        assert_eq!(error.to_string(), "the source holds 4 bytes, the option length says 5");
    }
}
