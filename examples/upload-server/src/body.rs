//! A request's body, piece by piece.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::FutureExt;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// A piece is handed on when it has this many bytes, or when no more have come yet. Hashing one takes some 0.1 ms: far
/// more than handing it to another thread, and little enough that a hundred uploads share the threads fairly.
pub const PIECE: usize = 128 * 1024;

/// Why no more will come, although the body is not at its end.
#[derive(Debug)]
pub enum Cut {
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// Nothing came in the time given, or too little.
    Slow,
}

/// A body that is read in pieces of about [`PIECE`] bytes.
pub struct Pieces {
    body: Body,
    state: State,
}

enum State {
    Open,
    Ended,
    Broken,
}

impl Pieces {
    pub fn new(body: Body) -> Self {
        Pieces { body, state: State::Open }
    }

    /// What has come, at least a byte, as soon as something has; `None` at the end. Dropping the future loses nothing.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Vec<Bytes>>, Cut> {
        let mut piece = Vec::new();
        let mut length = 0;
        loop {
            match self.state {
                State::Open => {}
                _ if length > 0 => return Ok(Some(piece)),
                State::Ended => return Ok(None),
                State::Broken => return Err(Cut::Broken),
            }
            let frame = if length == 0 {
                timeout(patience, self.body.frame()).await.map_err(|_| Cut::Slow)?
            } else {
                let Some(frame) = self.body.frame().now_or_never() else { return Ok(Some(piece)) };
                frame
            };
            match frame {
                None => self.state = State::Ended,
                Some(Err(_)) => self.state = State::Broken,
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    length += data.len();
                    piece.push(data);
                    if length >= PIECE {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }
}
