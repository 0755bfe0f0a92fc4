//! The blocks of one tensor: candle's own vector of them, filled as bytes.

use candle_core::quantized::QuantizedType;
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0, BlockQ8_1,
    BlockQ8K, GgmlType,
};
use gguf_admission::{Error, TensorType};
use half::{bf16, f16};

use crate::memory;

/// Types that are their bytes and nothing else.
///
/// # Safety
///
/// 1. The type has no padding and no niche: every byte of it is data, and every pattern of bits is a value.
/// 2. Its bytes in memory are its bytes in the file, on a little-endian machine.
unsafe trait Plain: GgmlType + 'static {}

/// For each type that candle has: its name in the format, and its block in candle.
///
/// The fields of a block are `f16`, `f32` and arrays of integers, in C's order. As the sizes of its fields add up to
/// the bytes of a block in the file, and the type has exactly that size, there is no room for padding.
macro_rules! plain {
    ($($name:ident $block:ty;)*) => {
        $(
            const _: () = assert!(
                size_of::<$block>() as u64 == TensorType::$name.block_bytes()
                    && size_of::<$block>().is_multiple_of(align_of::<$block>())
            );

            // SAFETY: see the macro; an `f16`, an `f32` and an integer have no invalid value.
            unsafe impl Plain for $block {}
        )*

        /// A tensor's storage as candle reads it, which takes the tensor's bytes as they lie in the file.
        #[expect(non_camel_case_types, reason = "the names are those of the format")]
        pub(crate) enum Blocks {
            $($name(Vec<$block>),)*
        }

        impl Blocks {
            /// Whether candle has this type.
            pub(crate) fn are_known(ty: TensorType) -> bool {
                matches!(ty, $(TensorType::$name)|*)
            }

            /// Room for `count` blocks. `None` for a type that candle does not have.
            pub(crate) fn reserve(ty: TensorType, count: usize) -> Result<Option<Blocks>, Error> {
                Ok(match ty {
                    $(TensorType::$name => Some(Blocks::$name(reserve(count)?)),)*
                    _ => None,
                })
            }

            /// The first `bytes` bytes, in room that was reserved: zeros where nothing was written yet. A last block is
            /// whole, so there may be more.
            pub(crate) fn grown(&mut self, bytes: usize) -> &mut [u8] {
                match self {
                    $(Blocks::$name(blocks) => grown(blocks, bytes),)*
                }
            }

            /// As candle keeps them. Allocates the box of a vector, infallibly.
            pub(crate) fn boxed(self) -> Box<dyn QuantizedType> {
                match self {
                    $(Blocks::$name(blocks) => boxed(blocks),)*
                }
            }
        }
    };
}

plain! {
    F32 f32;
    F16 f16;
    Q4_0 BlockQ4_0;
    Q4_1 BlockQ4_1;
    Q5_0 BlockQ5_0;
    Q5_1 BlockQ5_1;
    Q8_0 BlockQ8_0;
    Q8_1 BlockQ8_1;
    Q2_K BlockQ2K;
    Q3_K BlockQ3K;
    Q4_K BlockQ4K;
    Q5_K BlockQ5K;
    Q6_K BlockQ6K;
    Q8_K BlockQ8K;
    BF16 bf16;
}

#[cfg(target_endian = "big")]
compile_error!("the bytes of a file are those of candle's blocks on little-endian machines only");

fn reserve<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut blocks = Vec::new();
    memory::reserve(&mut blocks, count)?;
    Ok(blocks)
}

fn grown<T: Plain>(blocks: &mut Vec<T>, bytes: usize) -> &mut [u8] {
    let count = bytes.div_ceil(size_of::<T>()).min(blocks.capacity());
    memory::resize_reserved(blocks, count, T::zeros());
    as_bytes(blocks)
}

fn as_bytes<T: Plain>(blocks: &mut [T]) -> &mut [u8] {
    let len = size_of_val(blocks);
    // SAFETY:
    // 1. The pointer is the slice's own, to `len` bytes of initialised blocks, aligned for them and so for bytes.
    // 2. All of them are initialised bytes, since a block has no padding (`Plain`).
    // 3. Whatever is written to them is a block again, since every pattern of bits is one (`Plain`).
    // 4. The exclusive borrow of the blocks lasts as long as the bytes: nobody else reads, writes, moves or frees them.
    unsafe { core::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast::<u8>(), len) }
}

#[expect(clippy::disallowed_methods, reason = "room for candle's records was reserved, and given back before")]
fn boxed<T: Plain>(blocks: Vec<T>) -> Box<dyn QuantizedType> {
    Box::new(blocks)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
mod tests {
    use super::*;
    use candle_core::quantized::{QStorage, QTensor};

    #[test]
    fn bytes_written_by_pieces_are_candles_blocks() {
        for number in [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 30] {
            let ty = TensorType::from_number(number);
            let (elements, size) = (ty.block_elements() as usize, 3 * ty.block_bytes() as usize);
            assert!(Blocks::are_known(ty));
            let mut blocks = Blocks::reserve(ty, 3).unwrap().unwrap();
            let byte = |at: usize| (at * 7 + 1) as u8;
            // Pieces that end inside of a block.
            for start in (0..size).step_by(5) {
                let end = size.min(start + 5);
                let place = &mut blocks.grown(end)[start..end];
                assert!(place.iter().all(|byte| *byte == 0));
                place.iter_mut().enumerate().for_each(|(at, place)| *place = byte(start + at));
            }
            assert_eq!(blocks.grown(usize::MAX).len(), size, "no more than was reserved");
            let tensor = QTensor::new(QStorage::Cpu(blocks.boxed()), (3, elements)).unwrap();
            let data = tensor.data().unwrap();
            assert!(data.iter().enumerate().all(|(at, data)| *data == byte(at)));
            assert_eq!(data.len(), size);
        }
    }
}
