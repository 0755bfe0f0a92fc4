//! What anybody would write: a body is hashed and written piece by piece, on blocking threads. Nothing is checked.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::put;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::Failure;

pub fn serve(folder: PathBuf) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(32).build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        let router = Router::new()
            .route("/models/{name}", put(store))
            .route("/hash/{name}", put(hash))
            .with_state(Arc::new(folder));
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn store(State(folder): State<Arc<PathBuf>>, Path(name): Path<String>, body: Body) -> (StatusCode, String) {
    let (part, whole) = (folder.join(format!("{name}.part")), folder.join(name));
    let mut file = File::create(&part).expect("a file");
    let mut hasher = Sha256::new();
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.expect("a piece");
        let work = spawn_blocking(move || {
            hasher.update(&piece);
            file.write_all(&piece).expect("room");
            (file, hasher)
        });
        (file, hasher) = work.await.expect("no panic");
    }
    let work = spawn_blocking(move || {
        file.sync_all().expect("it is on the disk");
        std::fs::rename(part, whole).expect("it is in place");
    });
    work.await.expect("no panic");
    (StatusCode::CREATED, hex(hasher))
}

async fn hash(body: Body) -> (StatusCode, String) {
    let mut hasher = Sha256::new();
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.expect("a piece");
        let work = spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        });
        hasher = work.await.expect("no panic");
    }
    (StatusCode::CREATED, hex(hasher))
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
