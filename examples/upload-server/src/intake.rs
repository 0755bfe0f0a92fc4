//! One upload on its way in: checked, hashed, and written to the quarantine.
//!
//! [`receive`] runs on the executor's threads and waits for bytes. Each piece of them is worked on by a blocking
//! thread, so that neither SHA-256 nor a slow disk holds up the other connections. A blocking thread is taken only
//! while a piece is in work: a hundred slow clients cost no thread.

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use gguf_admission::{Digest, Error, Session, Verify};
use tempfile::TempPath;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use crate::body::{Cut, Pieces};
use crate::desk::Desk;
use crate::metrics::Metrics;
use crate::name::ModelName;
use crate::problem::Problem;
use crate::quarantine::Part;
use crate::settings::Settings;
use crate::store::Claim;

/// Dropping it removes what was written and gives back its name and its place among the uploads.
pub struct Intake {
    pub name: ModelName,
    pub deadline: Instant,
    pub max_bytes: u64,
    pub session: Session<Verify>,
    /// `None` once closed.
    pub part: Option<Part>,
    pub _holds: Holds,
}

/// What an upload takes from the others while it lives.
pub struct Holds {
    pub _name: Claim,
    pub _place: OwnedSemaphorePermit,
    pub _count: Open,
}

/// Counts an upload as open while it lives.
pub struct Open(prometheus_client::metrics::gauge::Gauge);

/// The intake of one upload, held by one request at a time.
pub type Held = OwnedMutexGuard<Intake>;

/// How fast a client sends. What this server takes for its own work is not counted.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

/// Why bytes stop being taken in.
#[derive(Debug)]
pub enum End {
    Refused(Error),
    TooLarge(u64),
    Cut(Cut),
    /// The time for the whole upload is over.
    Late,
    /// The client came back with another request.
    Superseded,
    Disk(io::Error),
    Store(object_store::Error),
    /// A blocking thread panicked.
    Lost,
}

/// A model in the store.
pub struct Stored {
    pub name: ModelName,
    pub length: u64,
    pub sha256: Digest,
    pub architecture: Option<String>,
    pub tensors: usize,
}

/// Takes in all that comes. On an error, what was taken before it stays taken.
pub async fn receive(
    mut intake: Held,
    pieces: &mut Pieces,
    desk: &Desk,
    superseded: impl Future<Output = ()>,
) -> Result<Held, End> {
    let patience = desk.settings.chunk();
    let mut pace = Pace::default();
    let late = sleep_until(intake.deadline);
    tokio::pin!(superseded, late);
    loop {
        let asked = Instant::now();
        let piece = tokio::select! {
            biased;
            () = &mut superseded => return Err(End::Superseded),
            () = &mut late => return Err(End::Late),
            piece = pieces.next(patience) => piece.map_err(End::Cut)?,
        };
        let Some(piece) = piece else { return Ok(intake) };
        let length: usize = piece.iter().map(Bytes::len).sum();
        pace.note(asked.elapsed(), length as u64, &desk.settings)?;
        let work = spawn_blocking(move || {
            let result = piece.iter().try_for_each(|bytes| intake.take(bytes));
            (intake, result)
        });
        let (back, result) = work.await.map_err(|_| End::Lost)?;
        note(&desk.metrics, &back, length);
        result?;
        intake = back;
    }
}

/// Ends the file: it is whole and good, on the disk, and promoted to the store.
pub async fn complete(mut intake: Held, desk: &Desk) -> Result<Stored, End> {
    let work = spawn_blocking(move || {
        let closed = intake.close();
        (intake, closed)
    });
    let (intake, closed) = work.await.map_err(|_| End::Lost)?;
    let (part, stored) = closed?;
    desk.store.promote(part, stored.length, &intake.name).await.map_err(End::Store)?;
    Ok(stored)
}

impl Intake {
    /// Checks, hashes and writes, in this order: nothing is written that is known to be bad.
    fn take(&mut self, bytes: &[u8]) -> Result<(), End> {
        if self.session.position().saturating_add(bytes.len() as u64) > self.max_bytes {
            return Err(End::TooLarge(self.max_bytes));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            // It takes no byte beyond the header's end in the call that reaches it.
            let taken = self.session.push(rest).map_err(End::Refused)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        match &mut self.part {
            Some(part) => part.write(bytes).map_err(End::Disk),
            None => Err(End::Lost),
        }
    }

    fn close(&mut self) -> Result<(TempPath, Stored), End> {
        self.session.finish().map_err(End::Refused)?;
        let model = self.session.model().ok_or(End::Lost)?;
        let header = model.header();
        let architecture = header.str("general.architecture").ok();
        let architecture = architecture.map(|name| name.chars().take(64).collect());
        let stored = Stored {
            name: self.name.clone(),
            length: model.length(),
            sha256: model.digests().sha256.ok_or(End::Lost)?,
            architecture,
            tensors: header.tensor_count(),
        };
        let part = self.part.take().ok_or(End::Lost)?.close().map_err(End::Disk)?;
        Ok((part, stored))
    }
}

impl Pace {
    /// A client that sends a byte now and then would keep its place for a day.
    fn note(&mut self, waited: Duration, bytes: u64, settings: &Settings) -> Result<(), End> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited < settings.chunk() {
            return Ok(());
        }
        match std::mem::take(self).bytes {
            enough if enough >= settings.chunk_bytes => Ok(()),
            _ => Err(End::Cut(Cut::Slow)),
        }
    }
}

impl Open {
    pub fn new(metrics: &Metrics) -> Self {
        metrics.open.inc();
        Open(metrics.open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl End {
    /// Whether the upload can go on with a later request.
    pub fn can_resume(&self) -> bool {
        matches!(self, End::Cut(_) | End::Superseded)
    }

    pub fn problem(self) -> Problem {
        use axum::http::StatusCode;
        let timeout = |code, detail| Problem::new(StatusCode::REQUEST_TIMEOUT, code, detail);
        match self {
            End::Refused(error) => Problem::refused(&error),
            End::TooLarge(max) => Problem::too_large(max),
            End::Cut(Cut::Broken) => Problem::new(StatusCode::BAD_REQUEST, "cut", "the body ended before its end"),
            End::Cut(Cut::Slow) => timeout("slow", "no more of the body came for too long"),
            End::Late => timeout("late", "the upload was not whole in the time that one has"),
            End::Superseded => {
                Problem::new(StatusCode::CONFLICT, "superseded", "another request goes on with this upload")
            }
            End::Disk(error) => Problem::storage(&error),
            End::Store(object_store::Error::AlreadyExists { .. }) => Problem::exists(),
            End::Store(error) => Problem::storage(&error),
            End::Lost => Problem::internal(&"an upload's thread ended early"),
        }
    }
}

fn note(metrics: &Metrics, intake: &Intake, bytes: usize) {
    metrics.bytes.inc_by(bytes as u64);
    let held = intake.session.held();
    if held > metrics.largest_header.get() {
        metrics.largest_header.set(held);
    }
}
