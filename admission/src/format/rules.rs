//! The numbers of the format, each with its rule in docs/gguf-rules.md.

/// Rule 5: bytes of the longest key.
pub(crate) const KEY_BYTES: u64 = 65_535;

/// Rule 12: the key that sets the alignment, and the alignment without it.
pub(crate) const ALIGNMENT_KEY: &str = "general.alignment";
pub(crate) const DEFAULT_ALIGNMENT: u64 = 32;

/// Rule 12: the lowest and the highest alignment.
pub(crate) const ALIGNMENTS: core::ops::RangeInclusive<u32> = 8..=1 << 20;

/// Rule 14: the most dimensions that limit DIMENSIONS can allow.
pub(crate) const DIMENSIONS: usize = 8;

/// Rule 15: what a dimension, and every product and sum of sizes, stays within.
pub(crate) const SIZE: u64 = i64::MAX as u64;

/// The shortest entry: the length of its key, a key of one byte, a value type, a value of one byte.
pub(crate) const SHORTEST_ENTRY: u64 = 8 + 1 + 4 + 1;

/// The shortest tensor record: the length of its name, a name of one byte, a dimension count of 0, a type, an offset.
pub(crate) const SHORTEST_TENSOR: u64 = 8 + 1 + 4 + 4 + 8;
