//! Whole admissions in one call: from an async stream of buffers, or from a blocking reader.

use core::fmt;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;

use bytes::Buf;
use futures_core::Stream;

use crate::contract::{Code, Limits, OPEN_WINDOW, Storage};
use crate::digests::{Algorithm, Digest, EVIDENCE, Evidence};
use crate::error::Error;
use crate::memory;
use crate::session::{Model, Session};
use crate::sink::{Resident, Sink, Verify};

/// What to admit a file as.
pub struct Options<S> {
    /// Where the data goes.
    pub sink: S,
    /// The exact length of the file, where it is known: a wrong one is an error, and a file that lies about its size is
    /// rejected as soon as its header is read. `Some(0)` is an empty file.
    pub length: Option<u64>,
    /// The limits to hold the file to.
    pub limits: Limits,
    /// Which digests to compute besides those expected, as a mask of [`Algorithm`]s; SHA-256 unless told.
    pub digests: u8,
    /// The SHA-256 that the file must have.
    pub sha256: Option<Digest>,
    /// The BLAKE3 that the file must have.
    pub blake3: Option<Digest>,
    /// Whether to compute the file's [`Evidence`], and with it its BLAKE3.
    pub evidence: bool,
    /// The evidence that the file, or its first groups, must have: a group that differs is refused at its last byte.
    pub expected_evidence: Option<Evidence>,
}

impl Options<Verify> {
    /// Prove the file good and keep its header.
    pub fn verify() -> Self {
        Options { limits: Limits::new(Storage::Verify), ..Options::into_sink(Verify::default()) }
    }
}

impl Options<Resident> {
    /// Keep the whole model in memory.
    pub fn resident() -> Self {
        Options::into_sink(Resident::default())
    }
}

impl<S: Sink> Options<S> {
    /// Stream the data into a sink of the caller's.
    pub fn into_sink(sink: S) -> Self {
        Options {
            sink,
            length: None,
            limits: Limits::new(Storage::Resident),
            digests: Algorithm::Sha256 as u8,
            sha256: None,
            blake3: None,
            evidence: false,
            expected_evidence: None,
        }
    }

    fn open(self) -> Result<Session<S>, Error> {
        let mut session = Session::new(self.sink, self.length, self.limits)?;
        let expected = [(Algorithm::Sha256, self.sha256), (Algorithm::Blake3, self.blake3)];
        let mask = expected
            .iter()
            .filter(|(_, digest)| digest.is_some())
            .fold(self.digests, |mask, (algorithm, _)| mask | *algorithm as u8);
        let evidence =
            if self.evidence || self.expected_evidence.is_some() { EVIDENCE | Algorithm::Blake3 as u8 } else { 0 };
        session.never_lends();
        session.set_digests(mask | evidence)?;
        for (algorithm, digest) in expected {
            if let Some(digest) = digest {
                session.expect_digest(algorithm, digest)?;
            }
        }
        if let Some(evidence) = self.expected_evidence {
            session.expect_evidence(evidence)?;
        }
        Ok(session)
    }
}

/// Why an admission ended without a model.
#[derive(Debug)]
pub enum AdmitError<E> {
    /// The source failed.
    Source(E),
    /// The file was rejected, or the sink or the allocator refused it.
    Refused(Error),
}

impl<E: fmt::Display> fmt::Display for AdmitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdmitError::Source(error) => write!(f, "the source failed: {error}"),
            AdmitError::Refused(error) => write!(f, "refused: {error}"),
        }
    }
}

/// `source` is what the source failed with, or the [`Error`].
impl<E: std::error::Error + 'static> std::error::Error for AdmitError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AdmitError::Source(error) => Some(error),
            AdmitError::Refused(error) => Some(error),
        }
    }
}

impl<E> From<Error> for AdmitError<E> {
    fn from(error: Error) -> Self {
        AdmitError::Refused(error)
    }
}

/// Admits a file from a stream of buffers: an HTTP body, a file, a browser's stream.
///
/// Memory beside the sink is the header and whatever buffer the stream yields. Dropping the future rolls the sink back;
/// so does an error. At the first error the stream is not polled again.
pub async fn admit<S, T, B, E>(stream: T, options: Options<S>) -> Result<Model<S>, AdmitError<E>>
where
    S: Sink,
    T: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut session = options.open()?;
    let mut stream = pin!(stream);
    while let Some(item) = Next(stream.as_mut()).await {
        let mut buf = item.map_err(AdmitError::Source)?;
        while buf.has_remaining() {
            let taken = buf.chunk().len();
            if taken == 0 {
                // By the trait's contract this cannot be; without an answer it would go on for ever.
                let message = format_args!("a buffer says that it has bytes left, and gives none");
                return Err(Error::new(Code::Argument, message).into());
            }
            session.push_all(buf.chunk())?;
            buf.advance(taken);
        }
    }
    finished(session)
}

/// Admits a file from a blocking reader. Bytes behind the file's end are an error, not ignored. A reader that says it
/// read more than it was asked for is [`InvalidData`](io::ErrorKind::InvalidData).
///
/// Memory beside the sink is the header and one buffer of 64 KiB.
pub fn admit_reader<S: Sink>(
    mut reader: impl io::Read,
    options: Options<S>,
) -> Result<Model<S>, AdmitError<io::Error>> {
    let mut session = options.open()?;
    let mut buffer = Vec::new();
    memory::reserve(&mut buffer, OPEN_WINDOW)?;
    memory::zero_reserved(&mut buffer, OPEN_WINDOW);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return finished(session),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(AdmitError::Source(error)),
        };
        let lies =
            || io::Error::new(io::ErrorKind::InvalidData, "the reader says that it read more than its buffer holds");
        session.push_all(buffer.get(..read).ok_or_else(|| AdmitError::Source(lies()))?)?;
    }
}

fn finished<S: Sink, E>(mut session: Session<S>) -> Result<Model<S>, AdmitError<E>> {
    session.finish()?;
    // `finish` answers Ok only with a model in place.
    session.into_model().ok_or_else(|| AdmitError::Refused(Error::memory(0)))
}

/// The next item of a stream.
struct Next<'a, T>(Pin<&'a mut T>);

impl<T: Stream> Future for Next<'_, T> {
    type Output = Option<T::Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll_next(context)
    }
}
