//! Where the good models go: an `object_store`, on the local disk or S3.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, WriteMultipart};
use tempfile::TempPath;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::name::ModelName;
use crate::quarantine::QUARANTINE;
use crate::settings::Settings;

const MODELS: &str = "models";

/// S3 takes at most 10,000 parts an object, each of at least 5 MiB.
const PARTS: u64 = 10_000;
const LEAST_PART: u64 = 8 << 20;

/// Promotions to S3 at once, and parts of each under way: together they bound the memory that promoting takes.
const PROMOTIONS: usize = 2;
const PARTS_UNDER_WAY: usize = 2;

/// A model is put under its name once, and never changed.
pub struct Store {
    place: Place,
    /// Names that an upload holds.
    claimed: Arc<Mutex<HashSet<ModelName>>>,
}

enum Place {
    /// Quarantine and models are on one file system: to promote is to rename. And the folder of the models.
    Local(LocalFileSystem, Arc<File>),
    Remote {
        store: Arc<dyn ObjectStore>,
        promotions: Semaphore,
    },
}

/// A name that no other upload may take while this lives.
pub struct Claim {
    name: ModelName,
    claimed: Arc<Mutex<HashSet<ModelName>>>,
}

impl Store {
    pub fn open(settings: &Settings) -> Result<Self, Box<dyn std::error::Error>> {
        let place = match &settings.bucket {
            None => {
                fs::create_dir_all(settings.folder.join(MODELS))?;
                let models = File::open(settings.folder.join(MODELS))?;
                Place::Local(LocalFileSystem::new_with_prefix(&settings.folder)?, Arc::new(models))
            }
            Some(bucket) => {
                let provider = rustls::crypto::ring::default_provider();
                provider.install_default().map_err(|_| "there is a provider of cryptography already")?;
                let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
                Place::Remote { store: Arc::new(store), promotions: Semaphore::new(PROMOTIONS) }
            }
        };
        Ok(Store { place, claimed: Arc::default() })
    }

    /// Takes the name for an upload; `None` while another upload has it.
    pub fn claim(&self, name: &ModelName) -> Option<Claim> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.insert(name.clone()).then(|| Claim { name: name.clone(), claimed: self.claimed.clone() })
    }

    /// Whether there is a model of this name.
    pub async fn has(&self, name: &ModelName) -> object_store::Result<bool> {
        let store: &dyn ObjectStore = match &self.place {
            Place::Local(store, _) => store,
            Place::Remote { store, .. } => store.as_ref(),
        };
        match store.head(&object(name)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Moves a whole, good file to its name: all at once for those who read the store.
    /// [`AlreadyExists`](Error::AlreadyExists) where there is one by now.
    pub async fn promote(&self, part: TempPath, length: u64, name: &ModelName) -> object_store::Result<()> {
        match &self.place {
            Place::Local(store, models) => {
                let file = part.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let from = Path::from_iter([QUARANTINE, file]);
                store.rename_if_not_exists(&from, &object(name)).await?;
                // The new name is to outlive a crash. That the old one is gone need not: a start removes it.
                let models = models.clone();
                let synced = spawn_blocking(move || models.sync_all()).await.map_err(io::Error::from).flatten();
                synced.map_err(|source| Error::Generic { store: "models", source: Box::new(source) })
            }
            Place::Remote { store, promotions } => {
                let _one = promotions.acquire().await;
                // Whoever else writes to the bucket: this looks as late as can be, and is no lock.
                if self.has(name).await? {
                    let source = "put there by another writer".into();
                    return Err(Error::AlreadyExists { path: object(name).to_string(), source });
                }
                let part_length = length.div_ceil(PARTS).max(LEAST_PART) as usize;
                let upload = store.put_multipart(&object(name)).await?;
                let mut upload = WriteMultipart::new_with_chunk_size(upload, part_length);
                match copy(&part, part_length, &mut upload).await {
                    Ok(()) => upload.finish().await.map(drop),
                    Err(error) => {
                        // What it failed with is what counts; parts that stay are the bucket's life cycle's.
                        let _ = upload.abort().await;
                        Err(error)
                    }
                }
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

fn object(name: &ModelName) -> Path {
    Path::from_iter([MODELS, name.as_str()])
}

async fn copy(from: &FilePath, part_length: usize, upload: &mut WriteMultipart) -> object_store::Result<()> {
    let failed = |source: io::Error| Error::Generic { store: "quarantine", source: Box::new(source) };
    let mut file = File::open(from).map_err(failed)?;
    loop {
        upload.wait_for_capacity(PARTS_UNDER_WAY - 1).await?;
        let read = spawn_blocking(move || {
            let mut part = Vec::new();
            (&mut file).take(part_length as u64).read_to_end(&mut part).map(|_| (file, part))
        });
        let (rest, part) = read.await.map_err(|error| failed(error.into()))?.map_err(failed)?;
        if part.is_empty() {
            return Ok(());
        }
        file = rest;
        upload.put(Bytes::from(part));
    }
}
