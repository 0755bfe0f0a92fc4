//! What the monitoring is told, in Prometheus' text format.

use std::sync::atomic::AtomicU64;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub struct Metrics {
    registry: Registry,
    pub uploads: Family<Upload, Counter>,
    pub refusals: Family<Refusal, Counter>,
    pub bytes: Counter,
    pub open: Gauge,
    pub largest_header: Gauge<u64, AtomicU64>,
}

/// How an upload came, and how it ended: `stored`, or the code of the problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Upload {
    pub way: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Refusal {
    pub code: &'static str,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gguf");
        let (uploads, refusals) = (Family::default(), Family::default());
        let (bytes, open, largest_header) = (Counter::default(), Gauge::default(), Gauge::default());
        registry.register("uploads", "Uploads that ended, by way and outcome", uploads.clone());
        registry.register("refusals", "Files that were refused, by code", Clone::clone(&refusals));
        registry.register("upload_bytes", "Bytes of files taken in", Counter::clone(&bytes));
        registry.register("uploads_open", "Uploads under way, unfinished tus uploads among them", Gauge::clone(&open));
        let about = "Most bytes of memory that an upload has held";
        registry.register("upload_held_bytes", about, Clone::clone(&largest_header));
        Metrics { registry, uploads, refusals, bytes, open, largest_header }
    }

    pub fn ended(&self, way: &'static str, outcome: &'static str) {
        self.uploads.get_or_create(&Upload { way, outcome }).inc();
    }

    /// The page that is scraped.
    pub fn page(&self) -> Response {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
                .into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}
