//! The types that the format knows: of metadata values and of tensor elements.

use super::rules::SIZE;

/// The type of a metadata value, or of the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the format")]
#[repr(u32)]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    /// Every type, in the order of its number.
    pub const ALL: [ValueType; 13] = {
        use ValueType::*;
        [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64]
    };

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        ValueType::ALL.get(number as usize).copied()
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            ValueType::U8 => "u8",
            ValueType::I8 => "i8",
            ValueType::U16 => "u16",
            ValueType::I16 => "i16",
            ValueType::U32 => "u32",
            ValueType::I32 => "i32",
            ValueType::F32 => "f32",
            ValueType::Bool => "bool",
            ValueType::String => "string",
            ValueType::Array => "array",
            ValueType::U64 => "u64",
            ValueType::I64 => "i64",
            ValueType::F64 => "f64",
        }
    }

    /// Bytes of a value; 0 for those that say their own length.
    pub(crate) const fn size(self) -> u64 {
        match self {
            ValueType::U8 | ValueType::I8 | ValueType::Bool => 1,
            ValueType::U16 | ValueType::I16 => 2,
            ValueType::U32 | ValueType::I32 | ValueType::F32 => 4,
            ValueType::U64 | ValueType::I64 | ValueType::F64 => 8,
            ValueType::String | ValueType::Array => 0,
        }
    }
}

/// The element type of a tensor: a name, and blocks of so many elements in so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorType {
    number: u32,
    name: &'static str,
    block_elements: u64,
    block_bytes: u64,
}

impl TensorType {
    /// The number in the file.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// The name that the format gives it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Elements of a block: the first dimension of a tensor is a multiple of it. At least 1.
    pub const fn block_elements(self) -> u64 {
        self.block_elements
    }

    /// Bytes of a block. At least 1.
    pub const fn block_bytes(self) -> u64 {
        self.block_bytes
    }

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        TYPES.iter().find(|known| known.number == number).copied()
    }

    /// The size of a tensor in bytes; `None` when it is above 2^63 - 1. Whether the first dimension is a multiple of
    /// the block is the caller's to test.
    pub(crate) fn byte_size(self, dims: &[u64]) -> Option<u64> {
        let (first, rest) = dims.split_first().unwrap_or((&1, &[]));
        let row = first.checked_div(self.block_elements)?;
        if row == 0 || rest.contains(&0) {
            return Some(0);
        }
        let size = rest.iter().try_fold(row.checked_mul(self.block_bytes)?, |size, dim| size.checked_mul(*dim))?;
        (size <= SIZE).then_some(size)
    }

    /// Whether the number once had a meaning that was withdrawn.
    pub(crate) fn is_removed(number: u32) -> bool {
        matches!(number, 4 | 5 | 31 | 32 | 33 | 36 | 37 | 38)
    }
}

const fn tensor_type(number: u32, name: &'static str, block_elements: u64, block_bytes: u64) -> TensorType {
    TensorType { number, name, block_elements, block_bytes }
}

/// Every type that is admitted.
const TYPES: &[TensorType] = &[
    tensor_type(0, "F32", 1, 4),
    tensor_type(1, "F16", 1, 2),
    tensor_type(2, "Q4_0", 32, 18),
    tensor_type(3, "Q4_1", 32, 20),
    tensor_type(6, "Q5_0", 32, 22),
    tensor_type(7, "Q5_1", 32, 24),
    tensor_type(8, "Q8_0", 32, 34),
    tensor_type(9, "Q8_1", 32, 36),
    tensor_type(10, "Q2_K", 256, 84),
    tensor_type(11, "Q3_K", 256, 110),
    tensor_type(12, "Q4_K", 256, 144),
    tensor_type(13, "Q5_K", 256, 176),
    tensor_type(14, "Q6_K", 256, 210),
    tensor_type(15, "Q8_K", 256, 292),
    tensor_type(16, "IQ2_XXS", 256, 66),
    tensor_type(17, "IQ2_XS", 256, 74),
    tensor_type(18, "IQ3_XXS", 256, 98),
    tensor_type(19, "IQ1_S", 256, 50),
    tensor_type(20, "IQ4_NL", 32, 18),
    tensor_type(21, "IQ3_S", 256, 110),
    tensor_type(22, "IQ2_S", 256, 82),
    tensor_type(23, "IQ4_XS", 256, 136),
    tensor_type(24, "I8", 1, 1),
    tensor_type(25, "I16", 1, 2),
    tensor_type(26, "I32", 1, 4),
    tensor_type(27, "I64", 1, 8),
    tensor_type(28, "F64", 1, 8),
    tensor_type(29, "IQ1_M", 256, 56),
    tensor_type(30, "BF16", 1, 2),
    tensor_type(34, "TQ1_0", 256, 54),
    tensor_type(35, "TQ2_0", 256, 66),
    tensor_type(39, "MXFP4", 32, 17),
    tensor_type(40, "NVFP4", 64, 36),
    tensor_type(41, "Q1_0", 128, 18),
    tensor_type(42, "Q2_0", 64, 18),
];
