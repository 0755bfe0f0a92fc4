//! Checks and loads GGUF model files from a browser's own sources of bytes: a `File`, a `Blob`, a `Response`, a
//! `ReadableStream`. For Rust apps that are built with wasm-bindgen.
//!
//! The app links [`gguf_admission`], which does the checking. It does not need the WebAssembly module or its ABI.
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
//!         assert_eq!(tensor.bytes, bytes.len() as u64); // a view of the model, not a copy
//!     }
//!     Ok(model)
//! }
//! ```
//!
//! A [`ByteStream`] is a [`Stream`](futures_core::Stream) of [`Chunk`]s. Dropping it ends the download. [`admit`] takes
//! it to its end. To look at the header before the data is read, feed it to a [`Session`](gguf_admission::Session) step
//! by step, and call [`expecting`](ByteStream::expecting) and [`explain`](ByteStream::explain), which [`admit`] calls
//! by itself.
//!
//! # Building an app
//!
//! Build it like any other wasm-bindgen app, with the version of the wasm-bindgen tool that your `Cargo.lock` names.
//! This crate takes `wasm-bindgen`, `js-sys`, `web-sys` and `wasm-bindgen-futures` of the versions that it was tested
//! with, or later compatible ones: your lock file says which.
//!
//! # Guarantees
//!
//! * **Memory.** No second copy of the file is made. Bytes on their way take one buffer in JavaScript (1 MiB at most)
//!   and one in Rust (256 KiB at most), in engines that read byte streams with `min`. In others
//!   ([`reuses_its_buffer`](ByteStream::reuses_its_buffer) tells which) the engine makes a new chunk for each read, of
//!   any size, and frees them when its garbage collector runs. A byte is copied into WebAssembly memory once.
//! * **Cleaning up.** After the end, an error, an abort or a drop, the reader is released. Unless the stream had ended,
//!   it is cancelled too.
//! * **Errors.** An [`Error`] is a value with `code`, `offset` and `path`. It turns into a JavaScript `Error` with the
//!   same fields as the errors of the JavaScript package.
//! * **Whatever a page does.** A source, a chunk or a thrown value may be a revoked proxy, or have getters that throw.
//!   The future settles then too, with an error that says what could not be read, and the stream is given up.
//! * **Responsiveness.** The crate yields to the event loop every 16 ms, so that a page stays responsive even when
//!   bytes never have to be waited for.
//!
//! Everything here runs where wasm-bindgen's imports are present: in a page, in a worker, in Node. On other targets it
//! compiles, and every call panics.

#![warn(missing_debug_implementations)]
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
mod foreign;
mod reader;
mod source;
mod stream;
mod turn;

pub use admit::admit;
pub use chunk::Chunk;
pub use error::{Error, SourceError};
pub use stream::ByteStream;

/// The example of the crate's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
