//! Where the file's parts lie once the tensor table is read, and a cursor that walks the bytes through them.

use crate::error::{Error, Path};
use crate::header::Header;
use crate::status::Code;

/// The ends that the header determines. `header_end <= data_start <= required_end <= allowed_end`, all file offsets
/// (in a file without tensors `required_end` is `header_end`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Walks the file from the header's end on. `zone_start <= at <= zone_end`; zones follow each other without a gap.
pub(crate) struct Cursor {
    at: u64,
    part: Part,
    zone_start: u64,
    zone_end: u64,
    /// The first byte that may not be there.
    end: u64,
}

#[derive(Clone, Copy)]
enum Part {
    /// Padding; then this tensor, or the trailing bytes when there is no such tensor.
    PaddingBefore(usize),
    Tensor(usize),
    /// Behind so many tensors.
    Trailing(usize),
}

/// A piece of a chunk that lies in one zone.
pub(crate) struct Piece<'a> {
    pub(crate) offset: u64,
    pub(crate) zone: Zone,
    pub(crate) bytes: &'a [u8],
}

impl Cursor {
    pub(crate) fn new(layout: &Layout, trailing_bytes: u64) -> Self {
        Cursor {
            at: layout.header_end,
            part: Part::PaddingBefore(0),
            zone_start: layout.header_end,
            zone_end: layout.data_start,
            end: layout.allowed_end.saturating_add(trailing_bytes),
        }
    }

    /// How many tensors are whole.
    pub(crate) fn whole(&self) -> usize {
        match self.part {
            Part::PaddingBefore(index) | Part::Tensor(index) | Part::Trailing(index) => index,
        }
    }

    /// Takes the next piece off the chunk; `None` at its end. The full zones before it were left.
    pub(crate) fn next<'a>(&mut self, header: &Header, chunk: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Error> {
        if chunk.is_empty() {
            return Ok(None);
        }
        let room = usize::try_from(self.zone_end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        if room == 0 {
            return Err(trailing(self.end));
        }
        let (bytes, rest) = chunk.split_at(chunk.len().min(room));
        let offset = self.at;
        let zone = match self.part {
            Part::PaddingBefore(_) => {
                if let Some((index, byte)) = bytes.iter().enumerate().find(|(_, byte)| **byte != 0) {
                    let at = offset.saturating_add(index as u64);
                    return Err(Error::at(Code::Layout, at, Path::Padding, format_args!("padding is not zero"))
                        .with(format_args!("0"), format_args!("{byte}")));
                }
                Zone::Padding
            }
            Part::Tensor(index) => Zone::Tensor { index, at: offset.saturating_sub(self.zone_start) },
            Part::Trailing(_) => Zone::Trailing,
        };
        *chunk = rest;
        self.at = self.at.saturating_add(bytes.len() as u64);
        // A tensor is whole when its last byte is in, not when the next byte comes.
        self.leave(header);
        Ok(Some(Piece { offset, zone, bytes }))
    }

    /// Leaves every zone that is full.
    pub(crate) fn leave(&mut self, header: &Header) {
        while self.at == self.zone_end {
            let (part, zone_end) = match self.part {
                Part::PaddingBefore(index) => match header.extent(index) {
                    Some((start, bytes)) => (Part::Tensor(index), start.saturating_add(bytes)),
                    None => (Part::Trailing(index), self.end),
                },
                Part::Tensor(index) => {
                    let next = index.saturating_add(1);
                    let end = header.extent(next).map_or(header.layout().allowed_end, |(start, _)| start);
                    (Part::PaddingBefore(next), end)
                }
                Part::Trailing(_) => return,
            };
            self.part = part;
            self.zone_start = self.at;
            self.zone_end = zone_end;
        }
    }
}

/// A byte where none is allowed.
pub(crate) fn trailing(at: u64) -> Error {
    Error::at(Code::Trailing, at, Path::Trailing, format_args!("the file goes on after its end at byte {at}"))
}
