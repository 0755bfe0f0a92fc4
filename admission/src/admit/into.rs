//! From an async stream, with every byte kept elsewhere while it is checked.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;

use bytes::Buf;
use futures_core::Stream;
use futures_io::AsyncWrite;

use super::error::AdmitError;
use super::intake::Intake;
use super::options::{Options, Refusal};
use super::stream::{Next, chunk_of};
use crate::format::Header;
use crate::session::Model;
use crate::sink::Sink;

/// Admits a file from a stream like [`admit`](crate::admit), and gives each byte to `tee` once it was judged, so that a
/// body is checked and stored in one pass. With feature `tee`.
///
/// The tee gets the very bytes that were judged, in file order, each chunk after it was found good. The stream is not
/// polled again before the tee has taken them: what the tee cannot take yet waits with the sender.
///
/// Nothing counts before the end. Then, in this order, the tee is flushed, the file is judged as a whole and the sink
/// committed, and the tee is closed; only then is the model there. So a tee makes what it holds count in
/// [`poll_close`](AsyncWrite::poll_close): a file gets its name there, an upload is completed.
///
/// On every other end, be it a refusal, a failure of stream, sink or tee, or a drop of the future, the tee is dropped
/// without another call, and the sink is rolled back. What the tee holds then may be the start of any file: its `Drop`
/// is the place to delete it. Where the caller wants to do so, it passes `&mut tee`. A tee that fails while it is
/// closed fails the admission too, and the model is dropped; the sink was committed.
///
/// A tokio writer becomes an [`AsyncWrite`] by `tokio_util::compat`. What is said of [threads](crate::admit#threads)
/// is true here, too.
///
/// ```
/// use futures::stream;
/// use gguf_admission::{AdmitError, Options, admit_into};
///
/// # futures::executor::block_on(async {
/// let file = std::fs::read("examples/tiny.gguf")?;
/// let body = |file| stream::iter(<[u8]>::chunks(file, 100).map(Ok::<_, std::io::Error>));
/// let (model, kept) = admit_into(body(&file), Options::verify(), Vec::new()).await?;
/// assert_eq!((model.length(), kept == file), (288, true));
///
/// // The third chunk shows that the file is cut off: it is not whole at its end.
/// let mut kept = Vec::new();
/// let refused = admit_into(body(&file[..250]), Options::verify(), &mut kept).await;
/// assert!(matches!(refused, Err(AdmitError::Refused(_))));
/// kept.clear(); // or whatever undoes it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub async fn admit_into<S, F, T, B, E, W>(
    stream: T,
    options: Options<S, F>,
    mut tee: W,
) -> Result<(Model<S>, W), AdmitError<E>>
where
    S: Sink,
    F: FnOnce(&Header) -> Result<(), Refusal>,
    T: Stream<Item = Result<B, E>>,
    B: Buf,
    W: AsyncWrite + Unpin,
{
    let mut intake = Intake::open(options)?;
    let mut stream = pin!(stream);
    while let Some(item) = Next(stream.as_mut()).await {
        let mut buf = item.map_err(AdmitError::Source)?;
        while buf.has_remaining() {
            let chunk = chunk_of(&buf)?;
            let taken = chunk.len();
            intake.push_all(chunk)?;
            WriteAll { tee: &mut tee, left: chunk }.await.map_err(AdmitError::Tee)?;
            buf.advance(taken);
        }
    }
    // What a tee cannot keep is known before the sink is committed.
    poll_fn(|context| Pin::new(&mut tee).poll_flush(context)).await.map_err(AdmitError::Tee)?;
    let model = intake.finish()?;
    poll_fn(|context| Pin::new(&mut tee).poll_close(context)).await.map_err(AdmitError::Tee)?;
    Ok((model, tee))
}

/// Gives a tee all of some bytes.
struct WriteAll<'a, W> {
    tee: &'a mut W,
    left: &'a [u8],
}

impl<W: AsyncWrite + Unpin> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.left.is_empty() {
            let left = self.left;
            let written = match Pin::new(&mut *self.tee).poll_write(context, left) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            let Some(left) = left.get(written..) else {
                let lies = "the tee says that it took more than it was given";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, lies)));
            };
            self.left = left;
        }
        Poll::Ready(Ok(()))
    }
}
