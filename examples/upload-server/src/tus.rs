//! The tus 1.0.0 core protocol and its extension `creation`: <https://tus.io/protocols/resumable-upload>.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{options, patch};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::body::Pieces;
use crate::desk::{Announced, Desk};
use crate::intake;
use crate::name::ModelName;
use crate::problem::Problem;
use crate::unfinished::Found;

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");

const PATCH_TYPE: &str = "application/offset+octet-stream";

pub fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/uploads", options(capabilities).post(create))
        .route("/uploads/{id}", patch(append).head(position).options(capabilities))
        .layer(from_fn(versioned))
}

/// Every request but OPTIONS names the version, and every answer does.
async fn versioned(request: Request, next: Next) -> Response {
    let is_right = request.headers().get(TUS_RESUMABLE) == Some(&VERSION) || request.method() == Method::OPTIONS;
    let mut response = if is_right {
        next.run(request).await
    } else {
        let detail = "Tus-Resumable has to be 1.0.0";
        let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "tus_version", detail).closing();
        let mut response = problem.into_response();
        response.headers_mut().insert(TUS_VERSION, VERSION);
        response
    };
    response.headers_mut().insert(TUS_RESUMABLE, VERSION);
    response
}

/// OPTIONS: what this server can do.
async fn capabilities(State(desk): State<Arc<Desk>>) -> Response {
    let max = HeaderValue::from(desk.settings.max_bytes);
    let creation = HeaderValue::from_static("creation");
    (StatusCode::NO_CONTENT, [(TUS_VERSION, VERSION), (TUS_EXTENSION, creation), (TUS_MAX_SIZE, max)]).into_response()
}

/// POST: an upload begins. `Upload-Metadata` has the model's `name` (or `filename`) and may have its `sha256` in hex.
async fn create(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Result<Response, Problem> {
    let length = number(&headers, &UPLOAD_LENGTH)?;
    let announced = announced(&headers, length)?;
    let name = announced.name.clone();
    let intake = desk.begin(announced).await?;
    if length == 0 {
        // No PATCH would follow that could say it.
        let intake = Arc::new(tokio::sync::Mutex::new(intake)).lock_owned().await;
        let result = intake::complete(intake, &desk).await;
        let refused = desk.end("tus", &name, result).err();
        return Err(refused.unwrap_or_else(|| Problem::internal(&"an empty file was admitted")));
    }
    let location = format!("/uploads/{}", desk.unfinished.add(intake, length));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

/// HEAD: how far an upload is.
async fn position(State(desk): State<Arc<Desk>>, id: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| gone())?;
    let (offset, length) = match desk.unfinished.find(&id).await.ok_or_else(gone)? {
        Found::Whole { length } => (length, length),
        Found::Open { intake, length, .. } => (intake.session.position(), length),
    };
    let fields = [
        (UPLOAD_OFFSET, HeaderValue::from(offset)),
        (UPLOAD_LENGTH, HeaderValue::from(length)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::OK, fields).into_response())
}

/// PATCH: more of the file. With the last byte it is checked, stored, and answered.
async fn append(
    State(desk): State<Arc<Desk>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| gone().closing())?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != PATCH_TYPE) {
        let detail = "Content-Type has to be application/offset+octet-stream";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request", detail).closing());
    }
    let offset = number(&headers, &UPLOAD_OFFSET).map_err(Problem::closing)?;
    let coming = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // A task of its own: it comes to its end, and the table stays right, also when the connection goes away.
    let work = take_in(desk, id, offset, coming, Pieces::new(body));
    let offset = tokio::spawn(work).await.map_err(|error| Problem::internal(&error))?.map_err(Problem::closing)?;
    Ok((StatusCode::NO_CONTENT, [(UPLOAD_OFFSET, HeaderValue::from(offset))]).into_response())
}

async fn take_in(
    desk: Arc<Desk>,
    id: String,
    offset: u64,
    coming: Option<u64>,
    mut pieces: Pieces,
) -> Result<u64, Problem> {
    let mismatch = |at: u64| {
        let detail = format!("the upload is at byte {at}, and Upload-Offset is {offset}");
        Problem::new(StatusCode::CONFLICT, "offset", detail)
    };
    let (intake, length, newest) = match desk.unfinished.find(&id).await.ok_or_else(gone)? {
        Found::Whole { length } if offset == length && coming == Some(0) => return Ok(length),
        Found::Whole { length } => return Err(mismatch(length)),
        Found::Open { intake, length, newest } => (intake, length, newest),
    };
    if offset != intake.session.position() {
        return Err(mismatch(intake.session.position()));
    }
    if coming.is_some_and(|coming| coming > length - offset) {
        let detail = format!("{} bytes are missing, and more are coming", length - offset);
        return Err(Problem::new(StatusCode::BAD_REQUEST, "request", detail));
    }
    let name = intake.name.clone();
    let received = intake::receive(intake, &mut pieces, &desk, newest.superseded()).await;
    let result = match received {
        Ok(intake) if intake.session.position() < length => {
            desk.unfinished.touch(&id);
            return Ok(intake.session.position());
        }
        Ok(intake) => intake::complete(intake, &desk).await,
        Err(end) => Err(end),
    };
    match result {
        Err(end) if end.can_resume() => {
            desk.unfinished.touch(&id);
            Err(end.problem())
        }
        result => {
            match &result {
                Ok(_) => desk.unfinished.set_whole(&id),
                Err(_) => desk.unfinished.remove(&id),
            }
            desk.end("tus", &name, result).map(|stored| stored.length)
        }
    }
}

fn announced(headers: &HeaderMap, length: u64) -> Result<Announced, Problem> {
    let bad = || Problem::new(StatusCode::BAD_REQUEST, "metadata", "Upload-Metadata cannot be read");
    let mut announced = (None, None, None);
    let text = headers.get(UPLOAD_METADATA).map(|value| value.to_str().map_err(|_| bad())).transpose()?.unwrap_or("");
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let slot = match key {
            "name" => &mut announced.0,
            "filename" => &mut announced.1,
            "sha256" => &mut announced.2,
            _ => continue,
        };
        let value = STANDARD.decode(value.trim()).map_err(|_| bad())?;
        *slot = Some(String::from_utf8(value).map_err(|_| bad())?);
    }
    let (name, filename, sha256) = announced;
    let name = ModelName::parse(&name.or(filename).ok_or_else(Problem::name)?)?;
    let sha256 = sha256.map(|text| text.parse().map_err(|_| bad())).transpose()?;
    Ok(Announced { name, length: Some(length), sha256 })
}

/// A field that is one whole number in decimal.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    let digits = headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "request", format!("{name} has to be a whole number of bytes"))
    })
}

fn gone() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "gone", "there is no such upload, or it ended")
}
