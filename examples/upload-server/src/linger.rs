//! Reads on after an early answer. A client that is still sending would otherwise find its connection reset, and the
//! answer gone with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

const LONGEST: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 32 << 20;

/// For every request: a body that is dropped before its end is read on for a while, and what it brings is dropped.
pub async fn layer(request: Request, next: Next) -> Response {
    let waits = request.headers().contains_key(header::EXPECT);
    next.run(request.map(|body| Body::new(Lingering { body, waits, is_over: false }))).await
}

struct Lingering {
    body: Body,
    /// The client sends nothing before it is told to, which the first read does.
    waits: bool,
    is_over: bool,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.is_over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.waits || self.is_over || self.body.is_end_stream() {
            return;
        }
        // Without a runtime the server is ending, and its connections with it.
        let Ok(runtime) = Handle::try_current() else { return };
        let mut body = std::mem::take(&mut self.body);
        runtime.spawn(timeout(LONGEST, async move {
            let mut dropped = 0;
            while let Some(Ok(frame)) = body.frame().await {
                dropped += frame.data_ref().map_or(0, Bytes::len);
                if dropped > MOST_BYTES {
                    break;
                }
            }
        }));
    }
}
