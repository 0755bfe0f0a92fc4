//! Admits GGUF model files from a browser's own sources of bytes: for Rust apps that are built with wasm-bindgen and link
//! [`gguf_admission`] instead of talking to its module over the ABI.
//!
//! ```no_run
//! use gguf_admission::{Model, Options, Resident};
//! use gguf_admission_web::{ByteStream, Error, admit};
//!
//! /// Admits the file that was picked (a `File` is a `Blob`), unless `signal` says stop.
//! async fn open(file: &web_sys::Blob, signal: &web_sys::AbortSignal) -> Result<Model<Resident>, Error> {
//!     let stream = ByteStream::from_blob(file)?.until(signal);
//!     let model = admit(stream, Options::resident()).await?;
//!     if let Some((tensor, bytes)) = model.tensor_named("output.weight") {
//!         assert_eq!(tensor.bytes, bytes.len() as u64); // where it lies, not a copy
//!     }
//!     Ok(model)
//! }
//! ```
//!
//! A [`ByteStream`] is a [`Stream`](futures_core::Stream) of [`Chunk`]s like any other: to look at the header before the
//! data is paid for, feed it to a [`Session`](gguf_admission::Session) step by step; dropping it ends the download.
//! [`expecting`](ByteStream::expecting) and [`explain`](ByteStream::explain) then do what [`admit`] does of itself.
//!
//! An app is built as any other of wasm-bindgen, with the release of its tool that `Cargo.lock` names. The bindings
//! (`wasm-bindgen`, `js-sys`, `web-sys`, `wasm-bindgen-futures`) are required in exactly one version each: take the same.
//!
//! # Guarantees
//!
//! * No copy of the file beside the model: what is on its way takes one buffer in JavaScript and one in Rust, 1 MiB and
//!   256 KiB at most, where the engine reads byte streams with `min`. Elsewhere
//!   ([`reuses_its_buffer`](ByteStream::reuses_its_buffer) says so) the engine makes a chunk for each read, of whatever
//!   size, and its collector takes them when it sees fit. A byte is copied into WebAssembly memory once.
//! * After the end, an error, an abort or a drop the reader is released; unless the stream had ended it is cancelled too.
//! * An [`Error`] is a value with `code`, `offset` and `path`, and turns into a JavaScript `Error` that has the fields of
//!   the JavaScript package's.
//! * The thread is given away every 16 ms, so that clicks and timers are heard while bytes come without waiting.
//!
//! Everything here runs where wasm-bindgen's imports are present: in a page, in a worker, in Node. On other targets it
//! compiles, and every call panics.

#![allow(
    clippy::result_large_err,
    clippy::large_enum_variant,
    reason = "an error carries its whole detail in place, as in the core"
)]

mod abort;
mod admit;
mod buffer;
mod chunk;
mod error;
mod reader;
mod realm;
mod source;
mod stream;
mod turn;

pub use admit::admit;
pub use chunk::Chunk;
pub use error::{Error, SourceError};
pub use stream::ByteStream;
