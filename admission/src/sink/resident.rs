//! The sink that keeps a model: its data as it lies in the file, in segments cut at tensor starts.
//!
//! One buffer for all would ask the allocator for the whole file in a row, and growing it would cost the file once
//! more. A buffer a tensor would make windows as small as the smallest tensor.

use super::sink::{Lend, Plan, Sink};
use crate::contract::{Code, MEMORY_BOUND};
use crate::error::{Error, Path};
use crate::format::{Header, Zone};
use crate::memory;
use crate::store::RECORD_BYTES;

/// A segment takes tensors up to this size; a larger tensor has one of its own.
const SEGMENT: u64 = 64 * 1024 * 1024;

/// No buffer of a 32-bit memory is larger.
const BUFFER_BOUND: u64 = i32::MAX as u64;

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
/// Invariants: `lead + filled <= bytes.len() <= lead + len <= capacity`: every byte up to `bytes.len()` is initialised,
/// each was zeroed at most once; the first tensor of the segment stands at a multiple of the alignment.
struct Segment {
    bytes: Vec<u8>,
    /// Unused bytes at the start of the buffer.
    lead: usize,
    filled: usize,
    /// File offset and length.
    start: u64,
    len: u64,
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
    fn reserve(cut: &Cut, alignment: u64) -> Result<Segment, Error> {
        let capacity = cut.bytes().saturating_add(alignment.saturating_sub(1));
        let mut bytes: Vec<u8> = Vec::new();
        memory::reserve(&mut bytes, usize::try_from(capacity).map_err(|_| Error::memory(capacity))?)?;
        // The byte at `aligned` shall stand at a multiple of the alignment.
        let before = cut.aligned.saturating_sub(cut.start);
        let address = (bytes.as_ptr().addr() as u64).wrapping_add(before);
        let lead = address.next_multiple_of(alignment.max(1)).wrapping_sub(address);
        memory::zero_reserved(&mut bytes, lead as usize);
        Ok(Segment { bytes, lead: lead as usize, filled: 0, start: cut.start, len: cut.bytes() })
    }

    fn room(&self) -> usize {
        (self.len as usize).saturating_sub(self.filled)
    }

    fn position(&self) -> usize {
        self.lead.saturating_add(self.filled)
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
        let message = format_args!("no 32-bit memory can hold this model: admit it with sink verify");
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
            memory::push_reserved(&mut segments, Segment::reserve(&cut, plan.header.alignment())?);
        }
        *self = Resident { segments, current: 0 };
        Ok(())
    }

    fn write(&mut self, _offset: u64, _zone: Zone, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let Some(segment) = self.current() else { break };
            let (now, later) = bytes.split_at(bytes.len().min(segment.room()));
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
        let end = at.saturating_add(segment.room().min(most));
        memory::zero_reserved(&mut segment.bytes, end);
        segment.bytes.get_mut(at..end).unwrap_or_default()
    }

    fn filled(&mut self, len: usize) {
        if let Some(segment) = self.current() {
            segment.filled = segment.filled.saturating_add(len);
        }
    }
}
