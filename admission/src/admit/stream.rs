//! From an async stream of buffers.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use bytes::Buf;
use futures_core::Stream;

use super::error::AdmitError;
use super::intake::Intake;
use super::options::{Options, Refusal};
use crate::contract::Code;
use crate::error::Error;
use crate::format::Header;
use crate::session::Model;
use crate::sink::Sink;

/// Admits a file from a stream of buffers: an HTTP body, a file, a browser's stream.
///
/// Memory beside the sink is the header and whatever buffer the stream yields. Dropping the future rolls the sink back;
/// so does an error. At the first error the stream is not polled again.
///
/// Anything that reads asynchronously becomes such a stream: a tokio `AsyncRead` by `tokio_util::io::ReaderStream`, the
/// body of a request in axum by `Body::into_data_stream`, that of an answer in reqwest by `Response::bytes_stream`.
///
/// # Threads
///
/// The future is `Send` where stream, buffers, sink and callback are. It runs on any executor.
///
/// Between two buffers it waits for the stream alone. A buffer is checked and hashed where it comes in, on the
/// executor's thread: as long as SHA-256 of its bytes takes, that thread does nothing else. A stream that is always
/// ready, such as a file in memory, keeps the thread until the file's end. So:
///
/// * on a thread that serves others, let the stream yield small buffers (64 KiB), and let it give
///   the executor a turn where it never waits (`tokio::task::yield_now`, or tokio's own streams, which count their
///   polls);
/// * or give the work a thread of its own: [`admit_reader`](crate::admit_reader) under `spawn_blocking`, or this future
///   under `block_on` there.
///
/// ```
/// use futures::stream;
/// use gguf_admission::{Options, admit};
///
/// // A thread of its own; with tokio: `tokio::task::spawn_blocking`.
/// let work = std::thread::spawn(|| {
///     let file = std::fs::read("examples/tiny.gguf")?;
///     let body = stream::iter(file.chunks(64 * 1024).map(Ok::<_, std::io::Error>));
///     futures::executor::block_on(admit(body, Options::verify())).map_err(std::io::Error::other)
/// });
/// assert_eq!(work.join().unwrap()?.length(), 288);
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn admit<S, F, T, B, E>(stream: T, options: Options<S, F>) -> Result<Model<S>, AdmitError<E>>
where
    S: Sink,
    F: FnOnce(&Header) -> Result<(), Refusal>,
    T: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut intake = Intake::open(options)?;
    let mut stream = pin!(stream);
    while let Some(item) = Next(stream.as_mut()).await {
        let mut buf = item.map_err(AdmitError::Source)?;
        while buf.has_remaining() {
            let chunk = chunk_of(&buf)?;
            let taken = chunk.len();
            intake.push_all(chunk)?;
            buf.advance(taken);
        }
    }
    Ok(intake.finish()?)
}

/// The next bytes of a buffer that has some left.
pub(super) fn chunk_of(buf: &impl Buf) -> Result<&[u8], Error> {
    match buf.chunk() {
        // By the trait's contract this cannot be; without an answer it would go on for ever.
        [] => Err(Error::new(Code::Argument, format_args!("a buffer says that it has bytes left, and gives none"))),
        chunk => Ok(chunk),
    }
}

/// The next item of a stream.
pub(super) struct Next<'a, T>(pub(super) Pin<&'a mut T>);

impl<T: Stream> Future for Next<'_, T> {
    type Output = Option<T::Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll_next(context)
    }
}
