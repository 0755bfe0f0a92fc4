//! Everything that is answered instead of success: `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gguf_admission::{Code, Error, Kind, Path};
use serde_json::{Map, Value, json};

use crate::rules;

/// One answer. Besides `title`, `status` and `detail` it has `code`, and for a fault of the file `offset` and `path`,
/// where there are such, and `rule`: the numbers of the rules in docs/gguf-rules.md that this fault can break.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    place: Map<String, Value>,
    retry_after: bool,
    closes: bool,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), place: Map::new(), retry_after: false, closes: false }
    }

    /// The file was refused.
    pub fn refused(error: &Error) -> Self {
        let status = match (error.code().kind(), error.code()) {
            (Kind::Rejected, _) => StatusCode::UNPROCESSABLE_ENTITY,
            (_, Code::Budget) => StatusCode::PAYLOAD_TOO_LARGE,
            (_, Code::Memory) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut problem = Problem::new(status, error.code().name(), error.message());
        if let Some(offset) = error.offset() {
            problem.place.insert("offset".into(), json!(offset));
        }
        if error.path() != Path::None {
            problem.place.insert("path".into(), json!(error.path().to_string()));
        }
        let rules = rules::of(error);
        if !rules.is_empty() {
            problem.place.insert("rule".into(), json!(rules));
        }
        problem
    }

    pub fn name() -> Self {
        let says = "a name is 1 to 128 ASCII letters, digits, '.', '_' and '-', begins with a letter or digit and ends \
                    with .gguf";
        Problem::new(StatusCode::BAD_REQUEST, "name", says)
    }

    pub fn repr_digest() -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "repr_digest", "Repr-Digest is not as RFC 9530 has it")
    }

    pub fn exists() -> Self {
        Problem::new(StatusCode::CONFLICT, "exists", "there is a model of this name")
    }

    pub fn busy(detail: &str) -> Self {
        Problem { retry_after: true, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail) }
    }

    pub fn too_large(max: u64) -> Self {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a model has at most {max} bytes here"))
    }

    pub fn storage(error: &dyn std::fmt::Display) -> Self {
        tracing::error!("storage: {error}");
        Problem::new(StatusCode::INSUFFICIENT_STORAGE, "storage", "the file could not be kept")
    }

    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!("{error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a fault of this server")
    }

    /// Answered before the body was read: the connection is of no further use.
    pub fn closing(self) -> Self {
        Problem { closes: true, ..self }
    }

    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.place;
        body.insert("title".into(), json!(self.status.canonical_reason()));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("code".into(), json!(self.code));
        body.insert("detail".into(), json!(self.detail));
        let mut response = (self.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
