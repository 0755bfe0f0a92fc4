//! What the operator decides, on the command line or by environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Takes in GGUF models: checks and hashes them while they come, and keeps the good ones.
///
/// S3: give --bucket, and the rest by the usual AWS_* variables (AWS_ENDPOINT and AWS_ALLOW_HTTP for a store of your
/// own).
#[derive(Parser)]
#[command(version)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one, which the first line on standard output tells
    #[arg(long, env = "UPLOAD_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where to serve /metrics, for nobody but the monitoring; nowhere unless given
    #[arg(long, env = "UPLOAD_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// Folder of the quarantine and, without --bucket, of the models: one file system
    #[arg(long, env = "UPLOAD_FOLDER", default_value = "data")]
    pub folder: PathBuf,
    /// S3 bucket that keeps the models, under `models/`
    #[arg(long, env = "UPLOAD_BUCKET")]
    pub bucket: Option<String>,
    /// Most bytes of one model
    #[arg(long, env = "UPLOAD_MAX_BYTES", default_value_t = 64 << 30)]
    pub max_bytes: u64,
    /// Most bytes that the header of one model may take in memory
    #[arg(long, env = "UPLOAD_MAX_HEADER_MEMORY", default_value_t = 64 << 20)]
    pub max_header_memory: u64,
    /// Most uploads at once, unfinished tus uploads among them
    #[arg(long, env = "UPLOAD_MAX_UPLOADS", default_value_t = 128)]
    pub max_uploads: usize,
    /// Most connections at once; further ones wait
    #[arg(long, env = "UPLOAD_MAX_CONNECTIONS", default_value_t = 512)]
    pub max_connections: usize,
    /// Seconds in which the next bytes of a body, or the headers of a request, have to come, or an answer be taken
    #[arg(long, env = "UPLOAD_CHUNK_SECONDS", default_value_t = 30.0)]
    chunk_seconds: f64,
    /// Least bytes of a body that have to come in --chunk-seconds of waiting for them
    #[arg(long, env = "UPLOAD_CHUNK_BYTES", default_value_t = 16 << 10)]
    pub chunk_bytes: u64,
    /// Seconds that a tus upload is kept without a request
    #[arg(long, env = "UPLOAD_IDLE_SECONDS", default_value_t = 3_600.0)]
    idle_seconds: f64,
    /// Seconds in which an upload has to be whole
    #[arg(long, env = "UPLOAD_TOTAL_SECONDS", default_value_t = 86_400.0)]
    total_seconds: f64,
    /// Seconds that running requests get to end after SIGTERM or SIGINT
    #[arg(long, env = "UPLOAD_SHUTDOWN_SECONDS", default_value_t = 30.0)]
    shutdown_seconds: f64,
}

impl Settings {
    pub fn chunk(&self) -> Duration {
        seconds(self.chunk_seconds)
    }

    pub fn idle(&self) -> Duration {
        seconds(self.idle_seconds)
    }

    pub fn total(&self) -> Duration {
        seconds(self.total_seconds)
    }

    pub fn shutdown(&self) -> Duration {
        seconds(self.shutdown_seconds)
    }
}

/// A year for what is longer, or no number: clocks overflow.
fn seconds(number: f64) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Duration::try_from_secs_f64(number).unwrap_or(YEAR).min(YEAR)
}
