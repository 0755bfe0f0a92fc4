//! Where the file's parts lie once the tensor table is read.

/// The ends that the header determines. `header_end <= data_start <= required_end <= allowed_end`, all file offsets
/// (in a file without tensors `required_end` is `header_end`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// The first byte after the last tensor record.
    pub header_end: u64,
    /// Where tensor data starts: the header's end, rounded up to the alignment.
    pub data_start: u64,
    /// A shorter file is truncated.
    pub required_end: u64,
    /// The end of the padding after the last tensor: a byte beyond is trailing.
    pub allowed_end: u64,
}

impl Layout {
    /// Bytes from the data start to the end of the last tensor.
    pub fn data_bytes(&self) -> u64 {
        self.required_end.saturating_sub(self.data_start)
    }
}

/// What the bytes at a place of the file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// Zero bytes that align what follows.
    Padding,
    /// Bytes of a tensor.
    Tensor {
        /// Which.
        index: usize,
        /// How far into the tensor.
        at: u64,
    },
    /// Bytes after the last padding, allowed by limit TRAILING_BYTES.
    Trailing,
}
