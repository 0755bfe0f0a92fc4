//! The header as it was read: the bytes as they came, and where each record starts. Records are decoded when asked for,
//! so that an index costs 20 bytes a record and no value is kept twice.

use core::fmt;

use super::layout::Layout;
use super::rules::DIMENSIONS;
use super::tensor_type::TensorType;
use super::types::ValueType;
use super::value::Value;
use crate::store::{Bytes, Names, Pages, Records, first_shared};

/// Metadata and tensor table of a GGUF file. Whole once the session is past
/// [`State::Open`](crate::State::Open); every record in it was checked.
#[derive(Default)]
pub struct Header {
    pub(crate) pages: Pages,
    pub(crate) version: u32,
    pub(crate) alignment: u64,
    pub(crate) entries: Names,
    pub(crate) tensors: Names,
    pub(crate) layout: Layout,
}

/// One metadata entry.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pages: &'a Pages,
    /// Its key: UTF-8 without control characters, unique in the file.
    pub key: Bytes<'a>,
    at: u64,
}

/// One tensor record.
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    name: Bytes<'a>,
    dims: [u64; DIMENSIONS],
    dim_count: u8,
    /// File offset of the field that says where the data is.
    offset_field: u64,
    /// The element type.
    pub ty: TensorType,
    /// File offset of the first byte: a multiple of the alignment.
    pub offset: u64,
    /// Size in bytes, without padding.
    pub bytes: u64,
}

impl Header {
    /// The format's version: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// `general.alignment`, or 32: a power of two from 8 to 1 MiB.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Where the file's parts lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many metadata entries.
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// Entry `index`, in file order.
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        let key = self.pages.string(self.entries.start(index)?);
        let at = key.offset().saturating_add(key.len());
        Some(Entry { pages: &self.pages, key, at })
    }

    /// The entries, in file order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.entry_count()).filter_map(|index| self.entry(index))
    }

    /// The value of the entry with this key.
    pub fn value(&self, key: &str) -> Option<Value<'_>> {
        Some(self.entry(self.entries.find(&self.pages, key.as_bytes())?)?.value())
    }

    /// The index of the entry with this key.
    pub fn entry_index(&self, key: &str) -> Option<usize> {
        self.entries.find(&self.pages, key.as_bytes())
    }

    /// How many tensors.
    pub fn tensor_count(&self) -> usize {
        self.tensors.len()
    }

    /// Tensor `index`, in file order.
    pub fn tensor(&self, index: usize) -> Option<Tensor<'_>> {
        let name = self.tensor_name(index)?;
        let mut at = name.offset().saturating_add(name.len());
        let dim_count = self.pages.u32(at).min(DIMENSIONS as u32) as u8;
        at = at.saturating_add(4);
        let mut dims = [0; DIMENSIONS];
        for dim in dims.iter_mut().take(usize::from(dim_count)) {
            *dim = self.pages.u64(at);
            at = at.saturating_add(8);
        }
        let ty = TensorType::known(self.pages.u32(at))?;
        let offset_field = at.saturating_add(4);
        let offset = self.pages.u64(offset_field).saturating_add(self.layout.data_start);
        // The size was found to be below 2^63 when the record was read.
        let bytes = ty.byte_size(dims.get(..usize::from(dim_count)).unwrap_or_default()).unwrap_or(0);
        Some(Tensor { name, dims, dim_count, offset_field, ty, offset, bytes })
    }

    /// The tensors, in file order, which is the order of their data.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        (0..self.tensor_count()).filter_map(|index| self.tensor(index))
    }

    /// The index of the tensor with this name.
    pub fn tensor_index(&self, name: &str) -> Option<usize> {
        self.tensors.find(&self.pages, name.as_bytes())
    }

    /// File offset and size of tensor `index`.
    pub(crate) fn extent(&self, index: usize) -> Option<(u64, u64)> {
        let tensor = self.tensor(index)?;
        Some((tensor.offset, tensor.bytes))
    }

    /// File offset of the field in which tensor `index` says its data offset. The 4 bytes before it are its type, and
    /// 8 bytes for each dimension stand before those.
    pub fn offset_field(&self, index: usize) -> Option<u64> {
        Some(self.tensor(index)?.offset_field)
    }

    /// The name of tensor `index`.
    pub(crate) fn tensor_name(&self, index: usize) -> Option<Bytes<'_>> {
        Some(self.pages.string(self.tensors.start(index)?))
    }

    /// The first tensor whose name is one of `other`'s tensors' too.
    pub(crate) fn first_shared_tensor(&self, other: &Header) -> Option<usize> {
        first_shared(self.tensor_records(), other.tensor_records(), &mut 0)
    }

    fn tensor_records(&self) -> Records<'_> {
        Records { names: &self.tensors, pages: &self.pages }
    }

    /// File offset of the length field of tensor `index`'s name.
    pub(crate) fn name_offset(&self, index: usize) -> Option<u64> {
        self.tensors.start(index)
    }

    /// File offset of dimension `k` of tensor `index`, or of the number of its dimensions where it has fewer.
    pub(crate) fn dim_offset(&self, index: usize, k: u64) -> Option<u64> {
        let name = self.tensor_name(index)?;
        let count_at = name.offset().saturating_add(name.len());
        if k >= u64::from(self.pages.u32(count_at)) {
            return Some(count_at);
        }
        Some(count_at.saturating_add(4).saturating_add(k.saturating_mul(8)))
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        self.pages.held().saturating_add(self.entries.held()).saturating_add(self.tensors.held())
    }
}

impl<'a> Entry<'a> {
    /// File offset of the value's first byte: of a string's length field, of an array's element type.
    pub(crate) fn value_offset(&self) -> u64 {
        self.at.saturating_add(4)
    }

    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        ValueType::from_number(self.pages.u32(self.at)).unwrap_or(ValueType::U8)
    }

    /// The value.
    pub fn value(&self) -> Value<'a> {
        Value::read(self.pages, self.value_type(), self.value_offset())
    }
}

impl<'a> Tensor<'a> {
    /// Its name: 1 byte to limit NAME_BYTES, UTF-8 without control characters, unique in the file.
    pub fn name(&self) -> Bytes<'a> {
        self.name
    }

    /// Its dimensions as the file lists them, the fastest running first: at most limit DIMENSIONS; none means one
    /// element.
    pub fn dims(&self) -> &[u64] {
        self.dims.get(..usize::from(self.dim_count)).unwrap_or_default()
    }
}

/// How much there is of each; not the records, which may be megabytes.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("version", &self.version)
            .field("alignment", &self.alignment)
            .field("entries", &self.entry_count())
            .field("tensors", &self.tensor_count())
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).field("type", &self.value_type()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {:?} at {}", self.name, self.ty.name(), self.dims(), self.offset)
    }
}
