//! The tus uploads that are not whole yet. They live in this process: after a restart there are none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Lock, watch};
use tokio::time::Instant;

use crate::intake::{Held, Intake};

/// 128 random bits: who knows it, may go on with the upload.
pub type UploadId = String;

#[derive(Default)]
pub struct Unfinished(Mutex<HashMap<UploadId, Entry>>);

#[derive(Clone)]
struct Entry {
    length: u64,
    used: Instant,
    upload: Upload,
}

#[derive(Clone)]
enum Upload {
    Open {
        intake: Arc<Lock<Intake>>,
        newest: watch::Sender<u64>,
    },
    /// Kept for a client that never saw the answer to its last bytes.
    Whole,
}

/// What a request finds.
pub enum Found {
    Open { intake: Held, length: u64, newest: Newest },
    Whole { length: u64 },
}

/// Tells a request that a newer one waits for its upload.
pub struct Newest(watch::Receiver<u64>);

impl Unfinished {
    pub fn add(&self, intake: Intake, length: u64) -> UploadId {
        let id = format!("{:032x}", rand::random::<u128>());
        let upload = Upload::Open { intake: Arc::new(Lock::new(intake)), newest: watch::Sender::default() };
        self.table().insert(id.clone(), Entry { length, used: Instant::now(), upload });
        id
    }

    /// The upload, for this request alone. A request that still runs ends: its client has come back, so its connection
    /// is dead, whether this server has noticed or not.
    pub async fn find(&self, id: &str) -> Option<Found> {
        let entry = {
            let mut table = self.table();
            let entry = table.get_mut(id)?;
            entry.used = Instant::now();
            entry.clone()
        };
        match entry.upload {
            Upload::Whole => Some(Found::Whole { length: entry.length }),
            Upload::Open { intake, newest } => {
                newest.send_modify(|count| *count += 1);
                let newest = Newest(newest.subscribe());
                let intake = intake.lock_owned().await;
                // It may have come to its end meanwhile.
                match self.table().get(id)?.upload {
                    Upload::Whole => Some(Found::Whole { length: entry.length }),
                    Upload::Open { .. } => Some(Found::Open { intake, length: entry.length, newest }),
                }
            }
        }
    }

    pub fn touch(&self, id: &str) {
        if let Some(entry) = self.table().get_mut(id) {
            entry.used = Instant::now();
        }
    }

    pub fn set_whole(&self, id: &str) {
        if let Some(entry) = self.table().get_mut(id) {
            entry.used = Instant::now();
            entry.upload = Upload::Whole;
        }
    }

    pub fn remove(&self, id: &str) {
        let removed = self.table().remove(id);
        // Removing a file while the table is locked would hold up the others.
        drop(removed);
    }

    /// Removes what nobody used for `idle`, and what is past its time, unless a request is at it: that has deadlines of
    /// its own. Tells how many unfinished ones it removed.
    pub fn expire(&self, idle: Duration) -> usize {
        let now = Instant::now();
        let mut expired = Vec::new();
        self.table().retain(|_, entry| {
            let over = match &entry.upload {
                Upload::Whole => now.duration_since(entry.used) > idle,
                Upload::Open { intake, .. } => match intake.try_lock() {
                    Ok(intake) => now.duration_since(entry.used) > idle || now > intake.deadline,
                    Err(_) => false,
                },
            };
            if over {
                expired.push(entry.clone());
            }
            !over
        });
        expired.iter().filter(|entry| matches!(entry.upload, Upload::Open { .. })).count()
    }

    pub fn clear(&self) {
        let all = std::mem::take(&mut *self.table());
        drop(all);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<UploadId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest {
    /// Ends when a newer request waits.
    pub async fn superseded(self) {
        let Newest(mut newest) = self;
        if newest.changed().await.is_err() {
            // The upload is gone from the table, and so no request can wait.
            std::future::pending().await
        }
    }
}
