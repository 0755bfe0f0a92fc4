//! A page that uploads a file from the browser, and goes on after a broken line.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;

use crate::desk::Desk;

const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";

pub fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/", get(async || served("text/html; charset=utf-8", include_str!("../page/index.html"))))
        .route("/page.js", get(async || served("text/javascript; charset=utf-8", include_str!("../page/page.js"))))
}

fn served(kind: &'static str, text: &'static str) -> ([(header::HeaderName, &'static str); 3], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}
