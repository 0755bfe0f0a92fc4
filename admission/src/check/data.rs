//! A cursor that walks the bytes behind the header through their zones, and finds what may not stand there.

use crate::contract::Code;
use crate::error::{Error, Path};
use crate::format::{Header, Layout, Zone};

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
            return Err(Error::trailing(self.end));
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
