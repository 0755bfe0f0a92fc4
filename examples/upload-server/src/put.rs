//! `PUT /models/NAME`: a whole file in one request.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Mutex;

use crate::body::Pieces;
use crate::desk::{Announced, Desk};
use crate::intake::{self, Stored};
use crate::name::ModelName;
use crate::problem::Problem;
use crate::repr_digest::{self, REPR_DIGEST};

/// 201 with what was stored, or a problem; then nothing of the file is left.
pub async fn put(
    State(desk): State<Arc<Desk>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    // A name that is no text is no name either.
    let Path(name) = name.map_err(|_| Problem::name().closing())?;
    let announced = announced(&name, &headers).map_err(Problem::closing)?;
    // A task of its own: it comes to its end, and cleans up, also when the connection goes away.
    tokio::spawn(take_in(desk, announced, body)).await.map_err(|error| Problem::internal(&error))?
}

async fn take_in(desk: Arc<Desk>, announced: Announced, body: Body) -> Result<Response, Problem> {
    let name = announced.name.clone();
    let intake = desk.begin(announced).await.map_err(Problem::closing)?;
    let intake = Arc::new(Mutex::new(intake)).lock_owned().await;
    let mut pieces = Pieces::new(body);
    let result = match intake::receive(intake, &mut pieces, &desk, std::future::pending()).await {
        Ok(intake) => intake::complete(intake, &desk).await,
        Err(end) => Err(end),
    };
    desk.end("put", &name, result).map(created).map_err(Problem::closing)
}

fn announced(name: &str, headers: &HeaderMap) -> Result<Announced, Problem> {
    let refuse = |status, detail| Err(Problem::new(status, "request", detail));
    if headers.contains_key(header::CONTENT_RANGE) {
        return refuse(StatusCode::BAD_REQUEST, "a part of a file cannot be put; /uploads takes parts");
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the file has to come as it is, without a content coding");
    }
    // The server has read it already, and would not have let a bad one through.
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    Ok(Announced { name: ModelName::parse(name)?, length, sha256: repr_digest::sha256(headers)? })
}

fn created(stored: Stored) -> Response {
    let digest = repr_digest::field(&stored.sha256.0);
    let body = json!({
        "name": stored.name.as_str(),
        "length": stored.length,
        "digests": { "sha256": stored.sha256.to_string() },
        "architecture": stored.architecture,
        "tensors": stored.tensors,
    });
    (StatusCode::CREATED, [(REPR_DIGEST, digest)], Json(body)).into_response()
}
