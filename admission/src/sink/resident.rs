//! The sink that keeps a model: its data as it lies in the file, in segments cut at tensor starts.
//!
//! Where the length of the file is declared, all is reserved at once. Else the room grows as bytes come, so that a
//! header that claims more than the file has costs what was sent.
//!
//! One buffer for all would ask the allocator for the whole file in a row, and growing it would cost the file once
//! more. A buffer a tensor would make windows as small as the smallest tensor.

use core::fmt;

use super::sink::{Lend, Plan, Sink};
use crate::contract::{Code, MEMORY_BOUND, OPEN_WINDOW};
use crate::error::{Error, Path};
use crate::format::{Header, Zone};
use crate::memory;
use crate::store::RECORD_BYTES;

/// A segment takes tensors up to this size; a larger tensor has one of its own.
const SEGMENT: u64 = 64 * 1024 * 1024;

/// The first room of a segment that grows, and the most that is made for a window in it. So what is held, the header
/// beside it, stays below twice what was sent and 64 MiB.
const GROWTH: u64 = SEGMENT / 2;

/// No buffer is larger: 2^31 - 1 bytes in a guest, 2^63 - 1 in a 64-bit process.
const BUFFER_BOUND: u64 = isize::MAX as u64;

/// Room lent past the last expected byte, so that a host's read-until-nothing loop has where to read to.
const PAST_END: u64 = 64;

/// The data of an admitted model (and the padding before it and in it), readable as slices.
#[derive(Default)]
pub struct Resident {
    segments: Vec<Segment>,
    /// The segment that takes the next byte.
    current: usize,
}

/// Consecutive bytes of the file.
///
/// Invariants: `filled <= room <= len`; `lead + filled <= bytes.len() <= lead + room <= capacity`: every byte up to
/// `bytes.len()` is initialised, each was zeroed at most once; where there is room, the first tensor of the segment
/// stands at a multiple of the alignment.
struct Segment {
    bytes: Vec<u8>,
    /// Unused bytes at the start of the buffer.
    lead: usize,
    filled: usize,
    /// Bytes of the segment that there is room for.
    room: usize,
    /// File offset and length.
    start: u64,
    len: u64,
    /// From `start` to the first tensor, and the alignment that it has in memory.
    before: u64,
    alignment: u64,
}

/// A segment to be: `start .. end` of the file, its first tensor (if any) at `aligned`.
#[derive(Clone, Copy)]
struct Cut {
    start: u64,
    aligned: u64,
    end: u64,
}

impl Cut {
    fn bytes(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// The segments of a model, in file order; the last lends what is past the expected end.
fn cuts<'a>(plan: &Plan<'a>) -> impl Iterator<Item = Cut> + use<'a> {
    let Plan { header, length, trailing, .. } = *plan;
    let layout = *header.layout();
    let end = length.map_or(layout.allowed_end, |length| length.min(layout.allowed_end));
    let tail = length.map_or(trailing, |length| length.saturating_sub(layout.allowed_end));
    let mut start = layout.header_end;
    let mut index = 0usize;
    let mut last = false;
    core::iter::from_fn(move || {
        if start >= end || index >= header.tensor_count() {
            if core::mem::replace(&mut last, true) {
                return None;
            }
            // Without tensors the padding zone is part of it too.
            let zone = end.saturating_sub(start).saturating_add(tail).saturating_add(PAST_END);
            return Some(Cut { start, aligned: start, end: start.saturating_add(zone) });
        }
        let mut cut = Cut { start, aligned: header.extent(index).map_or(start, |(at, _)| at), end: start };
        let first = index;
        while index < header.tensor_count() {
            let next = index.saturating_add(1);
            let next_start = header.extent(next).map_or(layout.allowed_end, |(at, _)| at).min(end);
            if next_start.saturating_sub(cut.aligned) > SEGMENT {
                if index > first {
                    break;
                }
                // The padding before a tensor that has a buffer to itself would make that buffer too large.
                if cut.start < cut.aligned {
                    cut.end = cut.aligned.min(end);
                    cut.aligned = cut.start;
                    break;
                }
            }
            cut.end = next_start;
            index = next;
        }
        start = cut.end;
        Some(cut)
    })
}

fn requirement(cut: &Cut, alignment: u64) -> u64 {
    cut.bytes().saturating_add(alignment.saturating_sub(1)).saturating_add(size_of::<Segment>() as u64)
}

impl Resident {
    /// The bytes `offset .. offset + len` of the file, where they lie together.
    pub(crate) fn slice(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let run = self.run(offset);
        run.get(..usize::try_from(len).ok()?)
    }

    /// The bytes from `offset` on that lie together; empty outside.
    pub(crate) fn run(&self, offset: u64) -> &[u8] {
        let after = self.segments.partition_point(|segment| segment.start <= offset);
        let Some(segment) = after.checked_sub(1).and_then(|index| self.segments.get(index)) else {
            return &[];
        };
        let within = offset.saturating_sub(segment.start) as usize;
        let bytes = segment.bytes.get(segment.lead..segment.lead.saturating_add(segment.filled));
        bytes.and_then(|bytes| bytes.get(within..)).unwrap_or_default()
    }

    fn current(&mut self) -> Option<&mut Segment> {
        while let Some(segment) = self.segments.get(self.current) {
            let is_full = segment.filled as u64 >= segment.len;
            if !is_full || self.current.saturating_add(1) >= self.segments.len() {
                break;
            }
            self.current = self.current.saturating_add(1);
        }
        self.segments.get_mut(self.current)
    }
}

impl Segment {
    /// A segment without room.
    fn new(cut: &Cut, alignment: u64) -> Segment {
        let before = cut.aligned.saturating_sub(cut.start);
        let alignment = alignment.max(1);
        Segment {
            bytes: Vec::new(),
            lead: 0,
            filled: 0,
            room: 0,
            start: cut.start,
            len: cut.bytes(),
            before,
            alignment,
        }
    }

    /// Makes room for `bytes` of the segment, which may move it; on an error nothing has changed.
    fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        let capacity = bytes.saturating_add(self.alignment.saturating_sub(1));
        memory::reserve(&mut self.bytes, usize::try_from(capacity).map_err(|_| Error::memory(capacity))?)?;
        let address = (self.bytes.as_ptr().addr() as u64).wrapping_add(self.before);
        let lead = address.next_multiple_of(self.alignment).wrapping_sub(address) as usize;
        if self.filled == 0 {
            memory::zero_reserved(&mut self.bytes, lead);
        } else if lead != self.lead {
            let (from, to) = (self.lead..self.position(), lead.saturating_add(self.filled));
            memory::zero_reserved(&mut self.bytes, to);
            self.bytes.copy_within(from, lead);
        }
        self.lead = lead;
        self.room = bytes as usize; // so many bytes were reserved
        Ok(())
    }

    /// The room that a growing segment is given for `bytes`: a small one all at once, a large one by doubling.
    fn growth(&self, bytes: u64) -> u64 {
        bytes.max(GROWTH).max((self.filled as u64).saturating_mul(2)).min(self.len)
    }

    /// Bytes of it that are still to come.
    fn missing(&self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX).saturating_sub(self.filled)
    }

    /// Bytes of it that can be taken now.
    fn free(&self) -> usize {
        self.room.saturating_sub(self.filled)
    }

    fn position(&self) -> usize {
        self.lead.saturating_add(self.filled)
    }
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resident").field("held", &self.held()).finish_non_exhaustive()
    }
}

impl Sink for Resident {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        let alignment = plan.header.alignment();
        cuts(plan).fold(0, |sum, cut| sum.saturating_add(requirement(&cut, alignment)))
    }

    fn held(&self) -> u64 {
        let table = memory::size_of_items::<Segment>(self.segments.capacity());
        self.segments.iter().fold(table as u64, |sum, segment| sum.saturating_add(segment.bytes.capacity() as u64))
    }

    fn check(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let Header { alignment, .. } = plan.header;
        let Some(last) = plan.header.tensor_count().checked_sub(1) else {
            return Ok(());
        };
        let largest = plan.header.tensors().map(|tensor| tensor.bytes).max().unwrap_or(0);
        let buffer = BUFFER_BOUND.saturating_sub(alignment.saturating_sub(1));
        // The header is counted as it came, and the index by its records: numbers of the file alone.
        let records = plan.header.entry_count().saturating_add(plan.header.tensor_count());
        let index = (records as u64).saturating_mul(RECORD_BYTES);
        let needed = self.requires(plan).saturating_add(plan.header.layout().header_end).saturating_add(index);
        if largest <= buffer && needed <= MEMORY_BOUND {
            return Ok(());
        }
        let offset = plan.header.offset_field(last).unwrap_or(0);
        let bits = usize::BITS;
        let message = format_args!("no {bits}-bit memory can hold this model: admit it with sink verify");
        let error = Error::at(Code::Limit, offset, Path::Memory, message);
        Err(if largest > buffer {
            error.with(format_args!("tensors of at most {buffer} bytes"), format_args!("{largest}"))
        } else {
            error.with(format_args!("at most {MEMORY_BOUND} bytes"), format_args!("{needed}"))
        })
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        let mut segments = Vec::new();
        memory::reserve(&mut segments, cuts(plan).count())?;
        for cut in cuts(plan) {
            let mut segment = Segment::new(&cut, plan.header.alignment());
            if plan.length.is_some() {
                segment.make_room(segment.len)?;
            }
            memory::push_reserved(&mut segments, segment);
        }
        let mut reserved = Resident { segments, current: 0 };
        // What waits for the consent was staged in a window of the header's, and a window of the data's follows.
        reserved.prepare(plan.window.max(OPEN_WINDOW))?;
        *self = reserved;
        Ok(())
    }

    fn prepare(&mut self, bytes: usize) -> Result<(), Error> {
        let mut left = bytes.min(GROWTH as usize);
        for segment in self.segments.get_mut(self.current..).unwrap_or_default() {
            let here = left.min(segment.missing());
            if here > segment.free() {
                let room = segment.growth((segment.filled as u64).saturating_add(here as u64));
                segment.make_room(room)?;
            }
            left = left.saturating_sub(here);
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, _offset: u64, _zone: Zone, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let Some(segment) = self.current() else { break };
            let (now, later) = bytes.split_at(bytes.len().min(segment.free()));
            if now.is_empty() {
                break;
            }
            let at = segment.position();
            if at == segment.bytes.len() {
                memory::append_reserved(&mut segment.bytes, now);
            } else {
                let end = at.saturating_add(now.len());
                memory::zero_reserved(&mut segment.bytes, end);
                if let Some(place) = segment.bytes.get_mut(at..end) {
                    place.copy_from_slice(now);
                }
            }
            segment.filled = segment.filled.saturating_add(now.len());
            bytes = later;
        }
        debug_assert!(bytes.is_empty(), "bytes past what was reserved");
        Ok(())
    }

    fn rollback(&mut self) {
        *self = Resident::default();
    }
}

impl Lend for Resident {
    fn lend(&mut self, _offset: u64, most: usize) -> &mut [u8] {
        let Some(segment) = self.current() else {
            return &mut [];
        };
        let at = segment.position();
        let end = at.saturating_add(segment.free().min(most));
        memory::zero_reserved(&mut segment.bytes, end);
        segment.bytes.get_mut(at..end).unwrap_or_default()
    }

    fn filled(&mut self, len: usize) {
        if let Some(segment) = self.current() {
            segment.filled = segment.filled.saturating_add(len);
        }
    }
}
