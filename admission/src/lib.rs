//! Admits GGUF model files as they stream in: every byte is checked, hashed and indexed in the push that brought it, in
//! memory that is bounded whatever the file's size.
//!
//! ```
//! use gguf_admission::{Options, admit_reader};
//!
//! // A model with one entry and one tensor of four f32. Any `std::io::Read` will do.
//! let mut file = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
//! for (key, value) in [("general.name", "tiny")] {
//!     file.extend((key.len() as u64).to_le_bytes());
//!     file.extend(key.bytes());
//!     file.extend(8u32.to_le_bytes()); // a string
//!     file.extend((value.len() as u64).to_le_bytes());
//!     file.extend(value.bytes());
//! }
//! file.extend(1u64.to_le_bytes());
//! file.extend(b"w");
//! file.extend(1u32.to_le_bytes()); // one dimension
//! file.extend(4u64.to_le_bytes());
//! file.extend(0u32.to_le_bytes()); // F32
//! file.extend(0u64.to_le_bytes()); // at the start of the data
//! file.resize(file.len().next_multiple_of(32), 0);
//! file.extend([1f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()));
//!
//! let model = admit_reader(&file[..], Options::resident()).expect("a good file");
//! let (tensor, bytes) = model.tensor_named("w").expect("it is there");
//! assert_eq!((tensor.dims(), bytes.len()), (&[4][..], 16));
//! assert_eq!(bytes.as_ptr() as usize % 32, 0);
//!
//! // A file that lies is refused where the lie stands.
//! file.truncate(file.len() - 1);
//! let length = Some(file.len() as u64);
//! let refused = admit_reader(&file[..], Options { length, ..Options::verify() }).err().expect("a short file");
//! assert!(refused.to_string().contains("truncated in tensors[0].offset"));
//! ```
//!
//! # Ways in
//!
//! * [`admit_reader`] and [`admit`] take a whole reader or stream.
//! * [`Session`] is the same thing step by step: [`push`](Session::push) bytes where they lie, or lend a
//!   [`window`](Session::window) and [`commit`](Session::commit) what was written to it.
//! * [`abi::Registry`] holds many sessions and models under handles, as a WebAssembly module does.
//!
//! Where the data goes is a [`Sink`]: [`Verify`] keeps none of it, [`Resident`] all, a runtime brings its own.
//!
//! # Guarantees
//!
//! * What is admitted is what every reader reads alike: nothing overlaps, wraps, ends outside the file or is there
//!   twice.
//! * Code, offset and path of an [`Error`] depend on the bytes, the limits and the declared length alone, not on how
//!   the file was cut into chunks.
//! * All allocation is fallible: running out of memory is [`Code::Memory`]. Nothing is reserved from a count in the
//!   file.
//! * No `unsafe`; nothing panics on data.

#![forbid(unsafe_code)]
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

pub use crate::admit::{AdmitError, Options, admit, admit_reader};
pub use crate::check::profile::{Finding, Findings, Level, Profile, Rule, Severity};
pub use crate::check::set::{SHARDS, Set};
pub use crate::contract::{Code, Kind, LimitId, Limits, State, Storage};
pub use crate::digests::{Algorithm, Digest, Digests, Evidence, GROUP_BYTES};
pub use crate::error::{Error, Path};
pub use crate::format::{Array, Entry, Header, Layout, Tensor, TensorType, Value, ValueType, Zone};
pub use crate::session::{File, Model, OPEN_WINDOW, Read, Session};
pub use crate::sink::{Builtin, Lend, Plan, Resident, Sink, Verify};
pub use crate::store::Bytes;
