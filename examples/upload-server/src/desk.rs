//! What every request works with, and where an upload begins and ends.

use std::error::Error;
use std::sync::Arc;

use gguf_admission::{Digest, LimitId, Options, Session, Verify};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::intake::{End, Holds, Intake, Open, Stored};
use crate::metrics::{Metrics, Refusal};
use crate::name::ModelName;
use crate::problem::Problem;
use crate::quarantine::Quarantine;
use crate::settings::Settings;
use crate::store::Store;
use crate::unfinished::Unfinished;

pub struct Desk {
    pub settings: Settings,
    pub metrics: Metrics,
    pub store: Store,
    pub unfinished: Unfinished,
    quarantine: Arc<Quarantine>,
    slots: Arc<Semaphore>,
}

/// What a client says of a file before it sends it.
pub struct Announced {
    pub name: ModelName,
    pub length: Option<u64>,
    pub sha256: Option<Digest>,
}

impl Desk {
    pub async fn open(settings: Settings) -> Result<Arc<Self>, Box<dyn Error>> {
        std::fs::create_dir_all(&settings.folder)?;
        let quarantine = Arc::new(Quarantine::open(&settings.folder)?);
        let slots = Arc::new(Semaphore::new(settings.max_uploads));
        let store = Store::open(&settings)?;
        Ok(Arc::new(Desk {
            metrics: Metrics::new(),
            unfinished: Unfinished::default(),
            settings,
            store,
            quarantine,
            slots,
        }))
    }

    /// Begins an upload, before a byte of its body is asked for.
    pub async fn begin(&self, announced: Announced) -> Result<Intake, Problem> {
        let Announced { name, length, sha256 } = announced;
        let max_bytes = self.settings.max_bytes;
        if length.is_some_and(|length| length > max_bytes) {
            return Err(Problem::too_large(max_bytes));
        }
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| Problem::busy("all places are taken"))?;
        let claim = self.store.claim(&name).ok_or_else(|| Problem::busy("this name is being uploaded"))?;
        if self.store.has(&name).await.map_err(|error| Problem::storage(&error))? {
            return Err(Problem::exists());
        }
        let session = self.session(length, sha256).map_err(|error| Problem::refused(&error))?;
        let quarantine = self.quarantine.clone();
        let part = spawn_blocking(move || quarantine.part()).await.map_err(|error| Problem::internal(&error))?;
        Ok(Intake {
            name,
            deadline: Instant::now() + self.settings.total(),
            max_bytes,
            session,
            part: Some(part.map_err(|error| Problem::storage(&error))?),
            _holds: Holds { _name: claim, _place: slot, _count: Open::new(&self.metrics) },
        })
    }

    /// Counts and logs an upload's end, and says it in the words of the answer.
    pub fn end(&self, way: &'static str, name: &ModelName, result: Result<Stored, End>) -> Result<Stored, Problem> {
        match result {
            Ok(stored) => {
                self.metrics.ended(way, "stored");
                tracing::info!("{way} {name}: stored, {} bytes, sha256 {}", stored.length, stored.sha256);
                Ok(stored)
            }
            Err(end) => {
                if let End::Refused(error) = &end {
                    self.metrics.refusals.get_or_create(&Refusal { code: error.code().name() }).inc();
                    tracing::info!("{way} {name}: {error}");
                }
                let problem = end.problem();
                self.metrics.ended(way, problem.code());
                tracing::info!("{way} {name}: ended, {}", problem.code());
                Err(problem)
            }
        }
    }

    fn session(&self, length: Option<u64>, sha256: Option<Digest>) -> Result<Session<Verify>, gguf_admission::Error> {
        let mut options = Options { length, sha256, ..Options::verify() };
        options.limits.set(LimitId::Memory, self.settings.max_header_memory);
        options.open()
    }
}
