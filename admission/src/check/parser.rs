//! The resumable parser of the header. It appends what it is given to the pages and takes whole fields from there, so
//! that a field may be cut anywhere, and no byte is looked at more than twice. The first fault in file order is the one
//! reported.

use super::entry::EntryReader;
use super::fields::{Bounds, Fields, Stop};
use super::tensor::{Ends, TensorReader};
use crate::contract::{Code, LimitId, Limits};
use crate::error::{Error, Path};
use crate::format::{Header, Layout, SHORTEST_ENTRY, SHORTEST_TENSOR};

/// A header on its way in.
pub(crate) struct Parser {
    fields: Fields,
    step: Step,
    tensor_count: u64,
    entry_count: u64,
    ends: Ends,
}

/// The field that comes next. Nested, so that the compiler sees that each part of the parser takes all of its steps.
enum Step {
    Magic,
    Version,
    TensorCount,
    EntryCount,
    Entry(EntryReader),
    Tensor(TensorReader),
    Done,
}

/// Where the counts stand.
const TENSOR_COUNT_AT: u64 = 8;
const ENTRY_COUNT_AT: u64 = 16;

impl Parser {
    pub(crate) fn new() -> Self {
        Parser { fields: Fields::new(), step: Step::Magic, tensor_count: 0, entry_count: 0, ends: Ends::default() }
    }

    /// Frees what it holds. What it has cost stays known.
    pub(crate) fn clear(&mut self) {
        let work = self.work();
        *self = Parser::new();
        self.fields.work = work;
    }

    /// The header as far as it was read.
    pub(crate) fn header(&self) -> &Header {
        &self.fields.header
    }

    /// Takes the header out.
    pub(crate) fn take_header(&mut self) -> Header {
        core::mem::take(&mut self.fields.header)
    }

    /// Bytes looked at so far.
    pub(crate) fn work(&self) -> u64 {
        self.fields.work
    }

    /// Records that `chunk` can complete at most: entries and tensors, and of how many that are declared.
    fn records(&self, chunk: &[u8], limits: &Limits) -> [(usize, usize); 2] {
        let known = self.fields.header.pages.len();
        let count = |at: u64, limit: LimitId| {
            let mut bytes = [0; 8];
            for (index, byte) in bytes.iter_mut().enumerate() {
                let at = at.saturating_add(index as u64);
                *byte = match at.checked_sub(known) {
                    None => self.fields.header.pages.byte(at),
                    Some(at) => usize::try_from(at).ok().and_then(|at| chunk.get(at)).copied().unwrap_or(0),
                };
            }
            u64::from_le_bytes(bytes).min(limits.get(limit)) as usize
        };
        let bytes = known.saturating_sub(self.fields.at).saturating_add(chunk.len() as u64);
        let most = |shortest| bytes.checked_div(shortest).unwrap_or(0).saturating_add(1) as usize;
        [
            (most(SHORTEST_ENTRY), count(ENTRY_COUNT_AT, LimitId::MetadataEntries)),
            (most(SHORTEST_TENSOR), count(TENSOR_COUNT_AT, LimitId::Tensors)),
        ]
    }

    /// What the header will hold at most once `chunk` is read.
    pub(crate) fn held_with(&self, chunk: &[u8], limits: &Limits) -> u64 {
        let [(entries, entry_count), (tensors, tensor_count)] = self.records(chunk, limits);
        let Header { pages, entries: keys, tensors: names, .. } = self.header();
        pages
            .held_with(chunk.len())
            .saturating_add(keys.held_with(entries, entry_count))
            .saturating_add(names.held_with(tensors, tensor_count))
    }

    /// Reserves all that reading `chunk` can need.
    pub(crate) fn reserve(&mut self, chunk: &[u8], limits: &Limits) -> Result<(), Error> {
        let [(entries, entry_count), (tensors, tensor_count)] = self.records(chunk, limits);
        self.fields.header.pages.reserve(chunk.len())?;
        self.fields.header.entries.reserve(entries, entry_count)?;
        self.fields.header.tensors.reserve(tensors, tensor_count)
    }

    /// Reads a chunk that was reserved. `true`: the header is whole, and its layout says where it ended.
    pub(crate) fn feed(&mut self, chunk: &[u8], bounds: Bounds<'_>) -> Result<bool, Error> {
        self.fields.append(chunk, bounds);
        while !matches!(self.step, Step::Done) {
            match self.take(bounds) {
                Ok(()) => self.fields.path = self.path(),
                Err(Stop::More) => return Ok(false),
                Err(Stop::Fault(error)) => return Err(error),
            }
        }
        self.fields.header.pages.truncate(self.fields.at);
        Ok(true)
    }

    /// The fault of a file that ends after `length` bytes, inside the header.
    pub(crate) fn ends(&self, length: u64) -> Error {
        let Fields { at, path, .. } = self.fields;
        let at = if let Step::Entry(entry) = &self.step { entry.lacks(at) } else { at };
        Error::truncated(at, path, at.max(length).saturating_add(1), length)
    }

    /// The path of the field that comes next.
    fn path(&self) -> Path {
        let Header { entries, tensors, .. } = self.header();
        match &self.step {
            Step::Magic => Path::Magic,
            Step::Version => Path::Version,
            Step::TensorCount => Path::TensorCount,
            Step::EntryCount => Path::EntryCount,
            Step::Entry(entry) => entry.path(entries.len() as u32),
            Step::Tensor(tensor) => tensor.path(tensors.len() as u32),
            Step::Done => Path::None,
        }
    }

    /// Takes one field (or a run of elements).
    fn take(&mut self, bounds: Bounds<'_>) -> Result<(), Stop> {
        match &mut self.step {
            Step::Magic => self.magic(bounds),
            Step::Version => self.version(bounds),
            Step::TensorCount => {
                self.tensor_count = self.fields.count(LimitId::Tensors, bounds)?;
                self.go(8, Step::EntryCount)
            }
            Step::EntryCount => {
                self.entry_count = self.fields.count(LimitId::MetadataEntries, bounds)?;
                self.fields.skip(8);
                self.next_record();
                Ok(())
            }
            Step::Entry(entry) => {
                if entry.take(&mut self.fields, bounds)? {
                    self.next_record();
                }
                Ok(())
            }
            Step::Tensor(tensor) => {
                if tensor.take(&mut self.fields, &mut self.ends, bounds)? {
                    self.next_record();
                }
                Ok(())
            }
            Step::Done => Err(Stop::More),
        }
    }

    fn magic(&mut self, bounds: Bounds<'_>) -> Result<(), Stop> {
        self.fields.fixed(4, bounds)?;
        let magic = self.header().pages.array::<4>(0);
        if &magic != b"GGUF" {
            return Err(self
                .fields
                .fault(Code::Magic, format_args!("not a GGUF file"))
                .with(format_args!("GGUF"), format_args!("{}", magic.escape_ascii()))
                .into());
        }
        self.go(4, Step::Version)
    }

    fn version(&mut self, bounds: Bounds<'_>) -> Result<(), Stop> {
        let version = self.fields.u32(bounds)?;
        if version != 2 && version != 3 {
            let message = match version {
                0x0100_0000.. if version & 0xffff == 0 => "a big-endian file is not read",
                _ => "this version is not read",
            };
            return Err(self
                .fields
                .fault(Code::Version, format_args!("{message}"))
                .with(format_args!("2 or 3"), format_args!("{version}"))
                .into());
        }
        self.fields.header.version = version;
        self.go(4, Step::TensorCount)
    }

    fn go(&mut self, size: u64, next: Step) -> Result<(), Stop> {
        self.fields.skip(size);
        self.step = next;
        Ok(())
    }

    /// Goes on behind a record: to the next one, or to the end of the header.
    fn next_record(&mut self) {
        let Header { entries, tensors, .. } = self.header();
        self.step = if (entries.len() as u64) < self.entry_count {
            Step::Entry(EntryReader::new())
        } else if (tensors.len() as u64) < self.tensor_count {
            Step::Tensor(TensorReader::new())
        } else {
            self.fields.header.layout = self.layout();
            Step::Done
        };
    }

    /// Where the parts of the file lie whose records end here.
    fn layout(&self) -> Layout {
        let header_end = self.fields.at;
        // The header is below 2^32 and the alignment a power of two: no overflow.
        let data_start = header_end.next_multiple_of(self.header().alignment.max(1));
        let required_end = if self.tensor_count == 0 { header_end } else { data_start.saturating_add(self.ends.last) };
        Layout { header_end, data_start, required_end, allowed_end: data_start.saturating_add(self.ends.padded) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::EntryStep;
    use super::super::tensor::TensorStep;
    use super::*;
    use crate::contract::Storage;

    /// Every step has a name here, or this does not compile.
    fn name(step: &Step) -> &'static str {
        match step {
            Step::Magic => "magic",
            Step::Version => "version",
            Step::TensorCount => "tensor count",
            Step::EntryCount => "entry count",
            Step::Entry(entry) => match entry.step {
                EntryStep::Key => "key",
                EntryStep::ValueType => "value type",
                EntryStep::Value(_) => "value",
                EntryStep::ItemType => "item type",
                EntryStep::ItemCount(_) => "item count",
                EntryStep::Strings { .. } => "strings",
                EntryStep::Items(_) => "items",
            },
            Step::Tensor(tensor) => match tensor.step {
                TensorStep::Name => "name",
                TensorStep::DimCount => "dimension count",
                TensorStep::Dim(_) => "dimension",
                TensorStep::TensorType => "tensor type",
                TensorStep::Offset => "offset",
            },
            Step::Done => "done",
        }
    }

    #[test]
    fn every_step_is_waited_for_and_left() {
        let string = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
        let header = [
            b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0".to_vec(),
            // A u8, an array of two strings, an array of two u16.
            [string("a"), 0u32.to_le_bytes().to_vec(), vec![7]].concat(),
            [string("b"), [9u32.to_le_bytes(), 8u32.to_le_bytes()].concat(), 2u64.to_le_bytes().to_vec()].concat(),
            [string("one"), string("two")].concat(),
            [string("c"), [9u32.to_le_bytes(), 2u32.to_le_bytes()].concat(), 2u64.to_le_bytes().to_vec()].concat(),
            vec![1, 0, 2, 0],
            // A tensor of four f32.
            [string("w"), 1u32.to_le_bytes().to_vec(), 4u64.to_le_bytes().to_vec()].concat(),
            [0u32.to_le_bytes().to_vec(), 0u64.to_le_bytes().to_vec()].concat(),
        ]
        .concat();
        let limits = Limits::new(Storage::Verify);
        let bounds = Bounds { limits: &limits, length: None };
        let mut parser = Parser::new();
        let mut seen = vec![name(&parser.step)];
        for (at, byte) in header.iter().enumerate() {
            parser.reserve(&[*byte], &limits).unwrap();
            let done = parser.feed(&[*byte], bounds).unwrap();
            assert_eq!(done, at + 1 == header.len());
            if seen.last() != Some(&name(&parser.step)) {
                seen.push(name(&parser.step));
            }
        }
        let array = ["key", "value type", "item type", "item count"];
        let expected = [
            &["magic", "version", "tensor count", "entry count", "key", "value type", "value"][..],
            &array,
            &["strings"],
            &array,
            &["items", "name", "dimension count", "dimension", "tensor type", "offset", "done"],
        ];
        assert_eq!(seen, expected.concat());
    }
}
