//! Checks GGUF model files while they stream in. Every byte is checked, hashed and indexed by the call that brings it,
//! in memory that is bounded whatever the file's size. A file that breaks a rule is refused at its first bad byte.
//!
//! # A file
//!
//! [`admit_reader`] takes any [`std::io::Read`]. [`Options::verify`] keeps the header only, [`Options::resident`] keeps
//! the tensors too.
//!
//! ```
//! use std::fs::File;
//!
//! use gguf_admission::{Options, admit_reader};
//!
//! let file = File::open("examples/tiny.gguf")?;
//! let length = Some(file.metadata()?.len());
//! let model = admit_reader(file, Options { length, ..Options::resident() })?;
//!
//! let (tensor, bytes) = model.tensor_named("output.weight").expect("the model has one");
//! assert_eq!((tensor.dims(), bytes.len()), (&[8][..], 8));
//! assert!(model.digests().sha256.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A stream
//!
//! [`admit`] takes a `futures::Stream` of [`bytes::Buf`], such as the body of an HTTP response.
//!
//! ```
//! use std::io;
//!
//! use gguf_admission::{Options, admit};
//!
//! # futures::executor::block_on(async {
//! let file = std::fs::read("examples/tiny.gguf")?;
//! let body = |bytes| futures::stream::iter(<[u8]>::chunks(bytes, 100).map(Ok::<_, io::Error>));
//! let model = admit(body(&file), Options::verify()).await?;
//! assert_eq!(model.length(), 288);
//!
//! // A connection that ends too early.
//! let refused = admit(body(&file[..200]), Options::verify()).await.unwrap_err();
//! assert!(refused.to_string().starts_with("refused: truncated"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! `admit_into` (feature `tee`) gives each byte that was judged to an `AsyncWrite` too: a body is checked and stored in
//! one pass. [`Options::on_header`] looks at the header before the data is paid for, and may refuse the file.
//! [`SetModel`] makes one model of the shards of a set.
//!
//! # A sink of your own
//!
//! A [`Sink`] takes the tensors' bytes as they pass, so that a runtime has them once, where it wants them. They count
//! as checked at [`commit`](Sink::commit), not before.
//!
//! ```
//! use std::fs::File;
//!
//! use gguf_admission::{Error, Options, Plan, Sink, Zone, admit_reader};
//!
//! /// Adds up the bytes of each tensor.
//! #[derive(Default)]
//! struct Sums(Vec<u64>);
//!
//! impl Sink for Sums {
//!     fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
//!         self.0 = vec![0; plan.header.tensor_count()];
//!         Ok(())
//!     }
//!
//!     fn write(&mut self, _offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
//!         if let Zone::Tensor { index, .. } = zone {
//!             self.0[index] += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let model = admit_reader(File::open("examples/tiny.gguf")?, Options::into_sink(Sums::default()))?;
//! assert_eq!(model.sink().0, [2080, 92]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/` has each as a whole program, and one that looks at the header before the data is paid for. To feed a
//! file step by step there is [`Session`]: [`push`](Session::push) bytes where they lie, or lend a
//! [`window`](Session::window) and [`commit`](Session::commit) what was written to it.
//!
//! # Guarantees
//!
//! * What is admitted is what every reader reads alike: nothing overlaps, wraps, ends outside the file or is there
//!   twice.
//! * Code, offset and path of an [`Error`] depend on the bytes, the limits and the declared length alone, not on how
//!   the file was cut into chunks. One thing depends on the machine: the most that [`Resident`] can hold is less where
//!   addresses have 32 bits, as in a guest.
//! * All allocation is fallible: running out of memory is [`Code::Memory`]. Nothing is reserved from a count in the
//!   file.
//! * No `unsafe`; nothing panics on data.
//!
//! # Layers
//!
//! Each stands on those below it, and knows none above.
//!
//! ```text
//! abi                   sessions and models under handles, for WebAssembly modules
//! report    admit       what hosts are told, as JSON | whole admissions in one call
//! session               one file on its way in, step by step, and the model it becomes
//! check     sink        the rules of the format      | where the data goes
//! format                what a GGUF file says: types, header, layout
//! store                 the header's bytes as they came, and the index of its records
//! digests               SHA-256, BLAKE3, and evidence of each MiB
//! memory                growth that can fail
//! error                 one error: code, offset, path
//! contract  text        the words and numbers of the ABI | a short text in place
//! ```

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::disallowed_methods, clippy::disallowed_macros))]

pub mod abi;
mod admit;
mod check;
mod contract;
mod digests;
mod error;
mod format;
mod memory;
mod report;
mod session;
mod sink;
mod store;
mod text;

#[cfg(feature = "tee")]
pub use crate::admit::admit_into;
pub use crate::admit::{AdmitError, Options, Refusal, admit, admit_reader};
pub use crate::check::profile::{Finding, Findings, Level, Profile, Rule, Severity};
pub use crate::check::set::{SHARDS, Set};
pub use crate::contract::{Code, Kind, LimitId, Limits, OPEN_WINDOW, State, Storage};
pub use crate::digests::{Algorithm, Digest, Digests, Evidence, GROUP_BYTES, ParseDigestError};
pub use crate::error::{Error, Path};
pub use crate::format::{Array, Element, Entry, Header, Layout, Tensor, TensorType, Value, ValueType, Zone};
pub use crate::session::{File, Keep, Model, Parts, Read, Session, SetModel};
pub use crate::sink::{Builtin, Lend, Plan, Resident, Sink, Verify};
pub use crate::store::Bytes;
