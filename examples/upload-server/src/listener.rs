//! Connections: how many, how long they may take for their headers, and how they end.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::{interval, sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::desk::Desk;
use crate::router::router;

/// Most bytes that one read takes from a connection. An upload holds about three of these: in hyper's buffer, on the
/// way, and in the piece that is worked on.
const READ: usize = 256 * 1024;

/// How often expired uploads are looked for.
const EXPIRY: Duration = Duration::from_millis(500);

/// Serves until SIGTERM or SIGINT, and then until the running requests are over or their time is.
pub async fn serve(desk: Arc<Desk>) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(desk.settings.listen).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // For who started it with port 0.
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    if let Some(address) = desk.settings.metrics {
        let listener = TcpListener::bind(address).await?;
        writeln!(std::io::stdout(), "metrics on {}", listener.local_addr()?)?;
        let shown = desk.clone();
        let page = Router::new().route("/metrics", get(async move || shown.metrics.page()));
        tokio::spawn(async move { axum::serve(listener, page).await });
    }
    tokio::spawn(expire(desk.clone()));

    let router = router(desk.clone());
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(desk.settings.max_connections));
    loop {
        let (stream, place) = tokio::select! {
            // Who finds no place waits in the listener's queue.
            accepted = async { (listener.accept().await, places.clone().acquire_owned().await) } => match accepted {
                (Ok((stream, _)), Ok(place)) => (stream, place),
                (Err(error), _) => {
                    // Out of file descriptors, say: it passes, and looping would not help it.
                    tracing::warn!("accepting: {error}");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
                (_, Err(closed)) => return Err(closed.into()),
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let connection = serve_one(stream, router.clone(), desk.settings.chunk(), graceful.watcher());
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }

    drop(listener);
    tracing::info!("shutting down: {} requests may end", graceful.count());
    let in_time = timeout(desk.settings.shutdown(), graceful.shutdown()).await.is_ok();
    tracing::info!("{}", if in_time { "all requests ended" } else { "the time is over: the rest is cut" });
    desk.unfinished.clear();
    Ok(())
}

async fn serve_one(stream: TcpStream, router: Router, patience: Duration, watcher: Watcher) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        override_method(&mut request);
        router.clone().oneshot(request)
    });
    // A client that asks and never reads would keep its place for good.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        // A client that has sent all that it will send may still wait for its answer.
        .half_close(true)
        .max_buf_size(READ)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    // An error here is a client that went away or spoke no HTTP: its upload has said so already.
    let _ = watcher.watch(connection).await;
}

/// tus: a client that may send no PATCH sends POST and says so.
fn override_method(request: &mut Request) {
    let method = |headers: &HeaderMap| Method::from_bytes(headers.get("x-http-method-override")?.as_bytes()).ok();
    if request.method() == Method::POST
        && request.uri().path().starts_with("/uploads")
        && let Some(method) = method(request.headers())
    {
        *request.method_mut() = method;
    }
}

async fn expire(desk: Arc<Desk>) {
    let mut clock = interval(EXPIRY);
    loop {
        clock.tick().await;
        for _ in 0..desk.unfinished.expire(desk.settings.idle()) {
            desk.metrics.ended("tus", "idle");
        }
    }
}
