//! The resumable parser of the header. It appends what it is given to the pages and takes whole fields from there, so
//! that a field may be cut anywhere, and no byte is looked at more than twice.
//!
//! Every field is judged in one order: its limits, whether the file can hold it, its own bound. The first fault in file
//! order is the one reported.

mod entry;
mod tensor;

use core::fmt;

use crate::contract::{Code, LimitId, Limits};
use crate::error::{Error, Path};
use crate::format::{Header, Layout, ValueType};

/// What the fields are measured against.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) limits: &'a Limits,
    /// The declared length of the file.
    pub(crate) length: Option<u64>,
}

/// Invariants: `at` is the first byte of the field that `step` waits for; `at <= header.pages.len()`, but inside an
/// array of strings or a long field it may wait for bytes far ahead.
pub(crate) struct Parser {
    pub(crate) header: Header,
    at: u64,
    step: Step,
    tensor_count: u64,
    entry_count: u64,
    /// Whether the entry being read is `general.alignment`.
    aligns: bool,
    record: TensorRecord,
    /// Sum of the padded sizes of the tensors read so far.
    data_bytes: u64,
    work: u64,
}

/// The field that comes next. Nested, so that the compiler sees that each part of the parser takes all of its steps.
#[derive(Clone, Copy)]
enum Step {
    Magic,
    Version,
    TensorCount,
    EntryCount,
    Entry(EntryStep),
    Tensor(TensorStep),
    Done,
}

/// The field of a metadata entry that comes next.
#[derive(Clone, Copy)]
enum EntryStep {
    Key,
    ValueType,
    Value(ValueType),
    ItemType,
    ItemCount(ValueType),
    Strings { left: u64 },
    Items(Items),
}

/// The field of a tensor record that comes next.
#[derive(Clone, Copy)]
enum TensorStep {
    Name,
    DimCount,
    Dim(u32),
    TensorType,
    Offset,
}

/// The elements of a fixed-size array, up to `end`.
#[derive(Clone, Copy)]
struct Items {
    count_at: u64,
    end: u64,
    bools: bool,
    /// Elements before this were looked at (bools only).
    seen: u64,
    /// The first that is neither 0 nor 1: a fault only once the whole array is in the file.
    fault: Option<u64>,
}

/// What is known of the tensor record being read.
#[derive(Clone, Copy, Default)]
struct TensorRecord {
    dims: [u64; 4],
    dim_count: u32,
    product: u64,
    dims_at: u64,
    padded: u64,
    bytes: u64,
}

/// The shortest key, and the shortest entry after its key; the shortest tensor record.
const SHORTEST_ENTRY: u64 = 8 + 1 + 4 + 1;
const SHORTEST_TENSOR: u64 = 8 + 1 + 4 + 4 + 8;

const I64_MAX: u64 = i64::MAX as u64;

impl Parser {
    pub(crate) fn new() -> Self {
        Parser {
            header: Header { alignment: 32, ..Header::default() },
            at: 0,
            step: Step::Magic,
            tensor_count: 0,
            entry_count: 0,
            aligns: false,
            record: TensorRecord::default(),
            data_bytes: 0,
            work: 0,
        }
    }

    /// Frees what it holds. What it has cost stays known.
    pub(crate) fn clear(&mut self) {
        *self = Parser { work: self.work, ..Parser::new() };
    }

    /// Bytes looked at so far.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// Records that `chunk` can complete at most: entries and tensors, and of how many that are declared.
    fn records(&self, chunk: &[u8], limits: &Limits) -> [(usize, usize); 2] {
        let known = self.header.pages.len();
        let count = |at: u64, limit: LimitId| {
            let mut bytes = [0; 8];
            for (index, byte) in bytes.iter_mut().enumerate() {
                let at = at.saturating_add(index as u64);
                *byte = match at.checked_sub(known) {
                    None => self.header.pages.byte(at),
                    Some(at) => usize::try_from(at).ok().and_then(|at| chunk.get(at)).copied().unwrap_or(0),
                };
            }
            u64::from_le_bytes(bytes).min(limits.get(limit)) as usize
        };
        let bytes = known.saturating_sub(self.at).saturating_add(chunk.len() as u64);
        let most = |shortest| bytes.checked_div(shortest).unwrap_or(0).saturating_add(1) as usize;
        [
            (most(SHORTEST_ENTRY), count(16, LimitId::MetadataEntries)),
            (most(SHORTEST_TENSOR), count(8, LimitId::Tensors)),
        ]
    }

    /// What the header will hold at most once `chunk` is read.
    pub(crate) fn held_with(&self, chunk: &[u8], limits: &Limits) -> u64 {
        let [(entries, entry_count), (tensors, tensor_count)] = self.records(chunk, limits);
        let Header { pages, entries: keys, tensors: names, .. } = &self.header;
        pages
            .held_with(chunk.len())
            .saturating_add(keys.held_with(entries, entry_count))
            .saturating_add(names.held_with(tensors, tensor_count))
    }

    /// Reserves all that reading `chunk` can need.
    pub(crate) fn reserve(&mut self, chunk: &[u8], limits: &Limits) -> Result<(), Error> {
        let [(entries, entry_count), (tensors, tensor_count)] = self.records(chunk, limits);
        self.header.pages.reserve(chunk.len())?;
        self.header.entries.reserve(entries, entry_count)?;
        self.header.tensors.reserve(tensors, tensor_count)
    }

    /// Reads a chunk that was reserved. `true`: the header is whole, and its layout says where it ended.
    pub(crate) fn feed(&mut self, chunk: &[u8], bounds: Bounds<'_>) -> Result<bool, Error> {
        self.header.pages.append(chunk);
        while self.step(bounds)? {}
        let done = matches!(self.step, Step::Done);
        if done {
            self.header.pages.truncate(self.at);
        }
        Ok(done)
    }

    /// The fault of a file that ends after `length` bytes, inside the header.
    pub(crate) fn ends(&self, length: u64) -> Error {
        let (at, path) = match self.step {
            Step::Entry(EntryStep::Items(items)) => (items.count_at, self.path()),
            _ => (self.at, self.path()),
        };
        Error::truncated(at, path, at.max(length).saturating_add(1), length)
    }

    /// The path of the field that comes next.
    fn path(&self) -> Path {
        let entry = (self.header.entries.len() as u32).saturating_sub(1);
        let tensor = (self.header.tensors.len() as u32).saturating_sub(1);
        match self.step {
            Step::Magic => Path::Magic,
            Step::Version => Path::Version,
            Step::TensorCount => Path::TensorCount,
            Step::EntryCount => Path::EntryCount,
            Step::Entry(step) => match step {
                EntryStep::Key => Path::Key(self.header.entries.len() as u32),
                EntryStep::ValueType => Path::ValueType(entry),
                EntryStep::Value(_)
                | EntryStep::ItemType
                | EntryStep::ItemCount(_)
                | EntryStep::Strings { .. }
                | EntryStep::Items(_) => Path::Value(entry),
            },
            Step::Tensor(step) => match step {
                TensorStep::Name => Path::Name(self.header.tensors.len() as u32),
                TensorStep::DimCount => Path::Dims(tensor),
                TensorStep::Dim(index) => Path::Dim(tensor, index),
                TensorStep::TensorType => Path::Type(tensor),
                TensorStep::Offset => Path::Offset(tensor),
            },
            Step::Done => Path::Offset(tensor),
        }
    }

    /// Judges the field at `at` that ends at `end`; `true` when all of it is here.
    fn need(&self, end: u64, bounds: Bounds<'_>) -> Result<bool, Error> {
        let limit = bounds.limits.get(LimitId::HeaderBytes);
        if end > limit {
            return Err(Error::over(self.at, self.path(), "HEADER_BYTES", limit, end));
        }
        if let Some(length) = bounds.length.filter(|length| end > *length) {
            return Err(Error::truncated(self.at, self.path(), end, length));
        }
        Ok(end <= self.header.pages.len())
    }

    /// A field of `size` bytes: whether it is here. Its bytes count as looked at.
    fn fixed(&mut self, size: u64, bounds: Bounds<'_>) -> Result<bool, Error> {
        let here = self.need(self.at.saturating_add(size), bounds)?;
        if here {
            self.work = self.work.saturating_add(size);
        }
        Ok(here)
    }

    /// The end of the string at `at`, once it is here.
    fn string(&mut self, bounds: Bounds<'_>) -> Result<Option<u64>, Error> {
        let first = self.at.saturating_add(8);
        if !self.need(first, bounds)? {
            return Ok(None);
        }
        self.work = self.work.saturating_add(8);
        let len = self.header.pages.u64(self.at);
        let limit = bounds.limits.get(LimitId::StringBytes);
        if len > limit {
            return Err(Error::over(self.at, self.path(), "STRING_BYTES", limit, len));
        }
        let end = first.saturating_add(len);
        Ok(self.need(end, bounds)?.then_some(end))
    }

    /// Takes one field (or a run of string elements); `false` when its bytes are not here yet.
    fn step(&mut self, bounds: Bounds<'_>) -> Result<bool, Error> {
        match self.step {
            Step::Magic => {
                if !self.fixed(4, bounds)? {
                    return Ok(false);
                }
                let magic = self.header.pages.array::<4>(0);
                if &magic != b"GGUF" {
                    return Err(self
                        .fault(Code::Magic, format_args!("not a GGUF file"))
                        .with(format_args!("GGUF"), format_args!("{}", magic.escape_ascii())));
                }
                self.go(4, Step::Version)
            }
            Step::Version => {
                if !self.fixed(4, bounds)? {
                    return Ok(false);
                }
                let version = self.header.pages.u32(self.at);
                if version != 2 && version != 3 {
                    let message = match version {
                        0x0100_0000.. if version & 0xffff == 0 => "a big-endian file is not read",
                        _ => "this version is not read",
                    };
                    return Err(self
                        .fault(Code::Version, format_args!("{message}"))
                        .with(format_args!("2 or 3"), format_args!("{version}")));
                }
                self.header.version = version;
                self.go(4, Step::TensorCount)
            }
            Step::TensorCount => {
                let Some(count) = self.count(LimitId::Tensors, "TENSORS", bounds)? else {
                    return Ok(false);
                };
                self.tensor_count = count;
                self.go(8, Step::EntryCount)
            }
            Step::EntryCount => {
                let Some(count) = self.count(LimitId::MetadataEntries, "METADATA_ENTRIES", bounds)? else {
                    return Ok(false);
                };
                self.entry_count = count;
                self.at = self.at.saturating_add(8);
                self.record_end()
            }
            Step::Entry(step) => self.entry_step(step, bounds),
            Step::Tensor(step) => self.tensor_step(step, bounds),
            Step::Done => Ok(false),
        }
    }

    fn go(&mut self, size: u64, next: Step) -> Result<bool, Error> {
        self.go_to(self.at.saturating_add(size), next)
    }

    fn go_to(&mut self, at: u64, next: Step) -> Result<bool, Error> {
        self.at = at;
        self.step = next;
        Ok(true)
    }

    /// Goes on behind a record: to the next one, or to the end of the header.
    fn record_end(&mut self) -> Result<bool, Error> {
        self.aligns = false;
        self.step = if (self.header.entries.len() as u64) < self.entry_count {
            Step::Entry(EntryStep::Key)
        } else if (self.header.tensors.len() as u64) < self.tensor_count {
            Step::Tensor(TensorStep::Name)
        } else {
            self.lay_out();
            Step::Done
        };
        Ok(true)
    }

    fn lay_out(&mut self) {
        let header_end = self.at;
        // The header is below 2^32 and the alignment a power of two: no overflow. `required_end` counted from the
        // data start until now.
        let data_start = header_end.next_multiple_of(self.header.alignment.max(1));
        let layout = &mut self.header.layout;
        *layout = Layout {
            header_end,
            data_start,
            required_end: if self.tensor_count == 0 {
                header_end
            } else {
                data_start.saturating_add(layout.required_end)
            },
            allowed_end: data_start.saturating_add(self.data_bytes),
        };
    }

    /// A count within its limit.
    fn count(&mut self, id: LimitId, name: &str, bounds: Bounds<'_>) -> Result<Option<u64>, Error> {
        if !self.fixed(8, bounds)? {
            return Ok(None);
        }
        let count = self.header.pages.u64(self.at);
        let limit = bounds.limits.get(id);
        if count > limit {
            return Err(Error::over(self.at, self.path(), name, limit, count));
        }
        Ok(Some(count))
    }

    /// Judges the key or name that ends at `end` and adds it to its index.
    fn named(&mut self, end: u64, most: u64) -> Result<(), Error> {
        let text = self.header.pages.string(self.at);
        let len = text.len();
        if len == 0 || len > most {
            return Err(self
                .fault(Code::Header, format_args!("a name of {len} bytes"))
                .with(format_args!("1 to {most} bytes"), format_args!("{len}")));
        }
        self.work = self.work.saturating_add(end.saturating_sub(self.at));
        if !text.is_plain_text() {
            return Err(self.fault(Code::Header, format_args!("{text:?} is not UTF-8, or has control characters")));
        }
        let Header { pages, entries, tensors, .. } = &mut self.header;
        let names = if matches!(self.step, Step::Entry(_)) { entries } else { tensors };
        let mut work = self.work;
        let fresh = names.insert(pages, self.at, &mut work);
        self.work = work;
        if !fresh {
            return Err(
                self.fault(Code::Header, format_args!("{:?} is there twice", self.header.pages.string(self.at)))
            );
        }
        Ok(())
    }

    /// A fault of the field that comes next.
    fn fault(&self, code: Code, message: fmt::Arguments<'_>) -> Error {
        Error::at(code, self.at, self.path(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Storage;

    /// Every step has a name here, or this does not compile.
    fn name(step: Step) -> &'static str {
        match step {
            Step::Magic => "magic",
            Step::Version => "version",
            Step::TensorCount => "tensor count",
            Step::EntryCount => "entry count",
            Step::Entry(step) => match step {
                EntryStep::Key => "key",
                EntryStep::ValueType => "value type",
                EntryStep::Value(_) => "value",
                EntryStep::ItemType => "item type",
                EntryStep::ItemCount(_) => "item count",
                EntryStep::Strings { .. } => "strings",
                EntryStep::Items(_) => "items",
            },
            Step::Tensor(step) => match step {
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
        let mut seen = vec![name(parser.step)];
        for (at, byte) in header.iter().enumerate() {
            parser.reserve(&[*byte], &limits).unwrap();
            let done = parser.feed(&[*byte], bounds).unwrap();
            assert_eq!(done, at + 1 == header.len());
            if seen.last() != Some(&name(parser.step)) {
                seen.push(name(parser.step));
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
