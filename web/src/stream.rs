//! The stream of a file's bytes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gguf_admission::Path;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::AbortSignal;

use crate::abort::Abort;
use crate::buffer::Bytes;
use crate::chunk::{Chunk, Spare};
use crate::error::{Error, SourceError};
use crate::foreign::name_of;
use crate::reader::{Fault, Read, Reader};
use crate::turn::Turns;

/// Bytes asked of a byte stream at a time while a header may be coming in: what a wrong file can cost beyond itself.
const EARLY_READ: u32 = 64 * 1024;
/// Where that ends: above the largest header known.
const EARLY: u64 = 16 << 20;
/// Bytes asked of a byte stream at a time behind that: above it nothing gets faster.
const READ: u32 = 1 << 20;
/// The most bytes of a chunk: they stay in the processor's cache until they are hashed and stored.
const CHUNK: f64 = (256 * 1024) as f64;

/// A file's bytes as a browser brings them, in order, once.
///
/// Made by [`from_stream`](ByteStream::from_stream), [`from_blob`](ByteStream::from_blob),
/// [`from_response`](ByteStream::from_response) or [`from_value`](ByteStream::from_value), which lock the stream at
/// once. Each item is a [`Chunk`] of 1 byte to 256 KiB. After an error, or the end, there are no more; the error that
/// ends it may be [`Error::Source`], [`Error::Aborted`], or [`Error::Refused`] with code `memory`.
///
/// At the end the stream is released. Dropped before that, it is cancelled and released.
pub struct ByteStream {
    /// None once everything was read, or nothing more is wanted.
    reader: Option<Reader>,
    /// What was read and has not been given yet.
    pieces: Pieces,
    spare: Spare,
    position: u64,
    length: Option<u64>,
    /// As many bytes are sure to come, or the stream fails.
    sure: u64,
    /// The server's name for what it sent, if that is a web page.
    page: Option<String>,
    /// What was fetched fails with a TypeError if the network did; anything else is why somebody stopped it.
    is_fetched: bool,
    abort: Option<Abort>,
    turns: Turns,
}

impl ByteStream {
    pub(crate) fn new(reader: Option<Reader>, length: Option<u64>) -> Self {
        ByteStream {
            reader,
            pieces: Pieces::default(),
            spare: Spare::default(),
            position: 0,
            length,
            sure: 0,
            page: None,
            is_fetched: false,
            abort: None,
            turns: Turns::new(),
        }
    }

    /// Says that the engine itself brings so many bytes, or fails: reads may wait for them.
    pub(crate) fn sure(self, sure: u64) -> Self {
        ByteStream { sure, ..self }
    }

    /// Says what the server called it, if that was a web page.
    pub(crate) fn called(self, page: Option<String>) -> Self {
        ByteStream { page, ..self }
    }

    /// Says that the engine fetched it.
    pub(crate) fn fetched(self) -> Self {
        ByteStream { is_fetched: true, ..self }
    }

    /// Says how long the file is, as far as the caller knows.
    ///
    /// # Errors
    ///
    /// `length`, when the source holds another number of bytes. It is cancelled, with the error as its reason.
    pub fn expecting(mut self, length: Option<u64>) -> Result<Self, Error> {
        match agreed(length, self.length) {
            Ok(length) => Ok(ByteStream { length, ..self }),
            Err(error) => {
                let error = Error::from(error);
                self.cancel(&error.clone().into());
                Err(error)
            }
        }
    }

    /// Ends with [`Error::Aborted`] as soon as `signal` aborts, in the middle of a read too; at once if it has. A
    /// second signal takes the place of the first.
    pub fn until(self, signal: &AbortSignal) -> Self {
        ByteStream { abort: Some(Abort::new(signal)), ..self }
    }

    /// The exact length of the file, where it is known. 0 is that of an empty file.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Bytes given so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether reads go into one buffer that is used again and again. If not, the engine makes one for each chunk.
    pub fn reuses_its_buffer(&self) -> bool {
        self.reader.as_ref().is_some_and(Reader::is_byob)
    }

    /// Gives the rest up: the source is told `reason`, the stream is released, and no more items come. After the end
    /// this does nothing.
    pub fn cancel(&mut self, reason: &JsValue) {
        if let Some(reader) = self.reader.take() {
            reader.cancel(reason);
        }
        self.pieces = Pieces::default();
        self.abort = None;
    }

    /// The error that says more than a refusal does: where the server sent a web page instead of a model, the core only
    /// sees that it is no GGUF.
    pub fn explain(&self, refused: gguf_admission::Error) -> Error {
        match &self.page {
            Some(page) if refused.path() == Path::Magic => SourceError::page(page, refused).into(),
            _ => refused.into(),
        }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Chunk, Error>>> {
        if let Some(error) = self.abort.as_ref().and_then(|abort| abort.error(context)) {
            return Poll::Ready(Some(Err(error)));
        }
        ready!(self.turns.poll(context));
        while self.pieces.is_empty() {
            let Some(reader) = &mut self.reader else {
                return Poll::Ready(None);
            };
            let (least, most) = bounds(self.position, self.sure);
            let Read { value, done } = match ready!(reader.poll_read(context, least, most)) {
                Ok(read) => read,
                Err(fault) => {
                    let error = self.failed(fault, context);
                    // Nothing is missing: the connection broke behind the last byte.
                    let is_whole = self.is_fetched && self.length == Some(self.position);
                    return Poll::Ready(if is_whole && matches!(error, Error::Source(_)) {
                        None
                    } else {
                        Some(Err(error))
                    });
                }
            };
            if done {
                self.reader = None;
            }
            // A byte stream that ends in the middle of a read gives what there is, and says so.
            if !(done && value.is_undefined()) {
                self.pieces = Pieces::new(&value).map_err(|error| error.at(self.position))?;
            }
        }
        Poll::Ready(Some(self.next_chunk()))
    }

    /// A read failed: by the abort, or by itself.
    fn failed(&self, fault: Fault, context: &Context<'_>) -> Error {
        let error = match (self.abort.as_ref().and_then(|abort| abort.error(context)), fault) {
            (Some(error), _) => return error,
            (None, Fault::Failed(thrown)) if self.is_stop(&thrown) => return Error::Aborted(thrown),
            (None, Fault::Failed(thrown)) => SourceError::thrown(thrown),
            (None, Fault::Unreadable(thrown)) => SourceError::unreadable("the result of a read", thrown),
        };
        error.at(self.position).into()
    }

    /// Whether a source failed because somebody stopped it: its owner expects to see why as it is.
    fn is_stop(&self, thrown: &JsValue) -> bool {
        let has_failed = self.reader.as_ref().is_some_and(Reader::is_over);
        match name_of(thrown).as_str() {
            "AbortError" => true,
            name => self.is_fetched && has_failed && name != "TypeError",
        }
    }

    fn next_chunk(&mut self) -> Result<Chunk, Error> {
        let piece = self.pieces.take(CHUNK).map_err(|error| error.at(self.position))?;
        let chunk = self.spare.filled(piece.length() as usize, |buffer| piece.copy_to(buffer))?;
        self.position += u64::from(piece.length());
        Ok(chunk)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ByteStream { position, length, .. } = self;
        f.debug_struct("ByteStream").field("position", position).field("length", length).finish_non_exhaustive()
    }
}

impl Stream for ByteStream {
    type Item = Result<Chunk, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.poll_chunk(context));
        match &item {
            Some(Ok(_)) => {}
            Some(Err(error)) => self.cancel(&error.clone().into()),
            None => self.cancel(&JsValue::UNDEFINED),
        }
        Poll::Ready(item)
    }
}

/// A chunk as JavaScript gave it, taken piece by piece.
///
/// Invariant: `taken <= size`.
#[derive(Default)]
struct Pieces {
    chunk: Option<Bytes>,
    size: f64,
    taken: f64,
}

impl Pieces {
    fn new(chunk: &JsValue) -> Result<Self, SourceError> {
        let bytes = Bytes::of(chunk).map_err(|thrown| SourceError::unreadable("a chunk", thrown))?;
        let chunk = bytes.ok_or_else(|| {
            let found = chunk.js_typeof().as_string().unwrap_or_default();
            SourceError::new(
                "source",
                format!("a chunk must be bytes (Uint8Array, ArrayBuffer or a view), found {found}"),
            )
        })?;
        Ok(Pieces { size: chunk.len(), chunk: Some(chunk), taken: 0.0 })
    }

    fn is_empty(&self) -> bool {
        self.taken == self.size
    }

    /// At most `most` bytes: a view, not a copy.
    fn take(&mut self, most: f64) -> Result<Uint8Array, SourceError> {
        // A buffer that was transferred away has no length: its bytes must not go missing in silence.
        let chunk = self.chunk.as_ref().filter(|chunk| chunk.len() == self.size);
        let chunk = chunk.ok_or_else(|| SourceError::new("source", "a chunk was detached while it was being read"))?;
        let end = self.size.min(self.taken + most);
        let piece = chunk.part(self.taken, end).map_err(|thrown| SourceError::unreadable("a chunk", thrown))?;
        self.taken = end;
        Ok(piece)
    }
}

/// The least bytes that the read at `position` waits for, and the most that it takes, where at least `sure` bytes come.
///
/// It waits for no more than what is left: a clone that is read faster closes a stream long before it is empty, and
/// then such a read fails. Where nothing is sure it takes what is there: no download is slower for it, only a file's
/// own stream is, and of that the length is known.
fn bounds(position: u64, sure: u64) -> (u32, u32) {
    if position < EARLY {
        return (1, EARLY_READ);
    }
    let left = u32::try_from(sure.saturating_sub(position)).unwrap_or(READ);
    (left.clamp(1, READ), READ)
}

/// The length of the file, from what the caller says of it and what the source does.
fn agreed(declared: Option<u64>, actual: Option<u64>) -> Result<Option<u64>, SourceError> {
    match (declared, actual) {
        (Some(declared), Some(actual)) if declared != actual => Err(SourceError::length(declared, actual)),
        _ => Ok(declared.or(actual)),
    }
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

    #[test]
    fn a_read_waits_for_no_more_than_what_is_sure_to_come() {
        let mib = u64::from(READ);
        for (position, sure, least) in [
            (0, 100 * mib, 1),
            (EARLY, EARLY + 2 * mib, READ),
            (EARLY, EARLY + mib, READ),
            (EARLY, EARLY + mib - 1, READ - 1),
            (EARLY, EARLY + 5, 5),
            (EARLY, EARLY, 1),
            (EARLY, 0, 1),
            (EARLY, u64::MAX, READ),
        ] {
            assert_eq!(bounds(position, sure).0, least, "at {position} of {sure}");
        }
    }
}
