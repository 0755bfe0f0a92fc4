//! Admits a GGUF model straight into candle's own tensors: each byte is checked and hashed as it streams in, and lies
//! from then on where candle's kernels read it. There is no second copy of the weights, at no time.
//!
//! ```
//! use gguf_admission::{Options, admit_reader};
//! use gguf_admission_candle::Weights;
//!
//! // A model with one tensor of two rows of four f32. Any `std::io::Read` will do, and any stream of buffers.
//! let mut file = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
//! file.extend(1u64.to_le_bytes());
//! file.extend(b"w");
//! file.extend(2u32.to_le_bytes()); // two dimensions, the fastest running first
//! file.extend([4u64, 2].iter().flat_map(|dim| dim.to_le_bytes()));
//! file.extend(0u32.to_le_bytes()); // F32
//! file.extend(0u64.to_le_bytes()); // at the start of the data
//! file.resize(file.len().next_multiple_of(32), 0);
//! file.extend([1f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0].iter().flat_map(|x| x.to_le_bytes()));
//!
//! let model = admit_reader(&file[..], Options::into_sink(Weights::new()))?;
//! let tensor = model.sink().get((2, 4), "w")?;
//! assert_eq!(tensor.dequantize(&candle_core::Device::Cpu)?.to_vec2::<f32>()?[1], [5.0, 6.0, 7.0, 8.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! * A tensor equals the one that candle's own `gguf_file::Content::tensor` reads from the same file, bit for bit: same
//!   type, same shape, same blocks. All 15 types that candle has are taken, also Q8_1 and Q8_K, which its reader
//!   leaves out.
//! * A type that candle does not know, or a shape that it cannot hold, rejects the file at its header
//!   ([`Code::Limit`](gguf_admission::Code::Limit)), before a byte of data is paid for.
//! * Memory is that of the tensors and a small record for each. It is reserved at the consent and touched as the bytes
//!   come. Running out of it is [`Code::Memory`](gguf_admission::Code::Memory), which may be tried again.

mod blocks;
mod memory;
mod weights;

pub use crate::weights::Weights;

/// The example of the crate's README runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
