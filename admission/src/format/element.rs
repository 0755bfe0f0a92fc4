//! The types of array elements that are copied in bulk.

use super::types::ValueType;

/// What an array can be copied as: each integer type, `f32`, `f64`, and `bool`.
pub trait Element: Copied {
    /// The type of elements that are copied as it.
    const TYPE: ValueType;
}

/// Keeps [`Element`] to the types of this file.
pub trait Copied: Copy + Default {
    /// Reads as many elements as `to` holds from the start of `from`.
    fn copy(from: &[u8], to: &mut [Self]);
}

macro_rules! elements {
    ($($ty:ty = $value:ident, $bytes:ident => $read:expr;)*) => {
        $(
            impl Element for $ty {
                const TYPE: ValueType = ValueType::$value;
            }

            impl Copied for $ty {
                fn copy(from: &[u8], to: &mut [Self]) {
                    for (to, from) in to.iter_mut().zip(from.as_chunks().0) {
                        let $bytes: [u8; size_of::<$ty>()] = *from;
                        *to = $read;
                    }
                }
            }
        )*
    };
}

elements! {
    u8 = U8, bytes => <u8>::from_le_bytes(bytes);
    i8 = I8, bytes => <i8>::from_le_bytes(bytes);
    u16 = U16, bytes => <u16>::from_le_bytes(bytes);
    i16 = I16, bytes => <i16>::from_le_bytes(bytes);
    u32 = U32, bytes => <u32>::from_le_bytes(bytes);
    i32 = I32, bytes => <i32>::from_le_bytes(bytes);
    u64 = U64, bytes => <u64>::from_le_bytes(bytes);
    i64 = I64, bytes => <i64>::from_le_bytes(bytes);
    f32 = F32, bytes => <f32>::from_le_bytes(bytes);
    f64 = F64, bytes => <f64>::from_le_bytes(bytes);
    bool = Bool, bytes => bytes == [1];
}
