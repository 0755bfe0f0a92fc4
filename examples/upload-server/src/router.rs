//! Which request goes where.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, put};

use crate::desk::Desk;
use crate::problem::Problem;
use crate::{linger, page, put as models, tus};

pub fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/models/{name}", put(models::put))
        .merge(tus::routes())
        .merge(page::routes())
        .route("/health", get(async || "ok"))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not_found", "nothing is here"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this cannot be done here")
        })
        .layer(from_fn(linger::layer))
        .with_state(desk)
}
