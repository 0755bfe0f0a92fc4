//! The header as it was read: the bytes as they came, and where each record starts. Records are decoded when asked for,
//! so that an index costs 20 bytes a record and no value is kept twice.

use core::fmt::{self, Write};

use super::layout::Layout;
use super::rules::DIMENSIONS;
use super::types::{TensorType, ValueType};
use crate::store::{Bytes, Names, Pages};

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

/// A metadata value.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names are those of the format")]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(Bytes<'a>),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// An array value: elements of one type, never arrays.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    pages: &'a Pages,
    of: ValueType,
    items: u64,
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
        let ty = TensorType::from_number(self.pages.u32(at))?;
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

    /// Whether a tensor has this name.
    pub(crate) fn has_tensor(&self, name: Bytes<'_>) -> bool {
        self.tensors.find_bytes(&self.pages, name).is_some()
    }

    /// File offset of the length field of tensor `index`'s name.
    pub(crate) fn name_offset(&self, index: usize) -> Option<u64> {
        self.tensors.start(index)
    }

    /// File offset of dimension `k` of tensor `index`, or of its type where it has fewer.
    pub(crate) fn dim_offset(&self, index: usize, k: u64) -> Option<u64> {
        let name = self.tensor_name(index)?;
        let count_at = name.offset().saturating_add(name.len());
        let count = u64::from(self.pages.u32(count_at).min(DIMENSIONS as u32));
        Some(count_at.saturating_add(4).saturating_add(k.min(count).saturating_mul(8)))
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
        let at = self.at.saturating_add(4);
        match self.value_type() {
            ValueType::Array => Value::Array(Array {
                pages: self.pages,
                of: ValueType::from_number(self.pages.u32(at)).unwrap_or(ValueType::U8),
                items: self.pages.u64(at.saturating_add(4)),
                at: at.saturating_add(12),
            }),
            ty => value(self.pages, ty, at).0,
        }
    }
}

/// The value at `at` that is not an array, and where the next one stands.
fn value(pages: &Pages, ty: ValueType, at: u64) -> (Value<'_>, u64) {
    let value = match ty {
        ValueType::U8 => Value::U8(pages.byte(at)),
        ValueType::I8 => Value::I8(pages.byte(at).cast_signed()),
        ValueType::U16 => Value::U16(u16::from_le_bytes(pages.array(at))),
        ValueType::I16 => Value::I16(i16::from_le_bytes(pages.array(at))),
        ValueType::U32 => Value::U32(pages.u32(at)),
        ValueType::I32 => Value::I32(pages.u32(at).cast_signed()),
        ValueType::F32 => Value::F32(f32::from_le_bytes(pages.array(at))),
        ValueType::Bool => Value::Bool(pages.byte(at) == 1),
        ValueType::U64 => Value::U64(pages.u64(at)),
        ValueType::I64 => Value::I64(pages.u64(at).cast_signed()),
        ValueType::F64 => Value::F64(f64::from_le_bytes(pages.array(at))),
        ValueType::String | ValueType::Array => {
            let text = pages.string(at);
            return (Value::String(text), text.offset().saturating_add(text.len()));
        }
    };
    (value, at.saturating_add(ty.size()))
}

impl<'a> Array<'a> {
    /// The type of the elements.
    pub fn of(&self) -> ValueType {
        self.of
    }

    /// How many elements.
    pub fn len(&self) -> u64 {
        self.items
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// The file offset of the first element.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let Array { pages, of, items, mut at } = *self;
        (0..items).map(move |_| {
            let (value, next) = value(pages, of, at);
            at = next;
            value
        })
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

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {:?} at {}", self.name, self.ty.name(), self.dims(), self.offset)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U8(value) => fmt::Debug::fmt(value, f),
            Value::I8(value) => fmt::Debug::fmt(value, f),
            Value::U16(value) => fmt::Debug::fmt(value, f),
            Value::I16(value) => fmt::Debug::fmt(value, f),
            Value::U32(value) => fmt::Debug::fmt(value, f),
            Value::I32(value) => fmt::Debug::fmt(value, f),
            Value::F32(value) => fmt::Debug::fmt(value, f),
            Value::Bool(value) => fmt::Debug::fmt(value, f),
            Value::U64(value) => fmt::Debug::fmt(value, f),
            Value::I64(value) => fmt::Debug::fmt(value, f),
            Value::F64(value) => fmt::Debug::fmt(value, f),
            Value::String(value) => fmt::Debug::fmt(value, f),
            Value::Array(array) => {
                f.write_str("[")?;
                for (index, value) in array.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    fmt::Debug::fmt(&value, f)?;
                }
                f.write_char(']')
            }
        }
    }
}
