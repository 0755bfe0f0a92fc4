//! The types that the format knows of tensor elements.

use super::rules::SIZE;

macro_rules! tensor_types {
    ($($number:literal $name:ident, $elements:literal in $bytes:literal;)*) => {
        /// The element type of a tensor: blocks of so many elements in so many bytes.
        ///
        /// ```
        /// use gguf_admission::TensorType;
        ///
        /// /// The kernel for a type.
        /// fn kernel(ty: TensorType) -> Option<&'static str> {
        ///     Some(match ty {
        ///         TensorType::F32 | TensorType::F16 => "plain",
        ///         TensorType::Q4_K | TensorType::Q6_K => "quantised",
        ///         _ => return None,
        ///     })
        /// }
        ///
        /// assert_eq!(kernel(TensorType::from_number(12)), Some("quantised"));
        /// assert_eq!((TensorType::Q4_K.block_elements(), TensorType::Q4_K.block_bytes()), (256, 144));
        /// // Type 4 was withdrawn. No header has it, and its number is kept.
        /// assert_eq!(TensorType::from_number(4), TensorType::Unknown(4));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[expect(non_camel_case_types, missing_docs, reason = "the names are those of the format")]
        pub enum TensorType {
            $($name,)*
            /// None that the format has, or one that was withdrawn. A file with it is rejected, so no tensor of a
            /// header has it.
            Unknown(u32),
        }

        impl TensorType {
            /// Every type that is admitted, in the order of its number.
            pub const ALL: &'static [TensorType] = &[$(TensorType::$name,)*];

            /// The type with this number in a file.
            pub const fn from_number(number: u32) -> Self {
                match number {
                    $($number => TensorType::$name,)*
                    unknown => TensorType::Unknown(unknown),
                }
            }

            /// The number in the file.
            pub const fn number(self) -> u32 {
                match self {
                    $(TensorType::$name => $number,)*
                    TensorType::Unknown(number) => number,
                }
            }

            /// The name that the format gives it; `unknown` for one that it does not have.
            pub const fn name(self) -> &'static str {
                match self {
                    $(TensorType::$name => stringify!($name),)*
                    TensorType::Unknown(_) => "unknown",
                }
            }

            /// Elements and bytes of a block.
            const fn block(self) -> (u16, u16) {
                match self {
                    $(TensorType::$name => ($elements, $bytes),)*
                    TensorType::Unknown(_) => (0, 0),
                }
            }
        }
    };
}

tensor_types! {
    0 F32, 1 in 4;
    1 F16, 1 in 2;
    2 Q4_0, 32 in 18;
    3 Q4_1, 32 in 20;
    6 Q5_0, 32 in 22;
    7 Q5_1, 32 in 24;
    8 Q8_0, 32 in 34;
    9 Q8_1, 32 in 36;
    10 Q2_K, 256 in 84;
    11 Q3_K, 256 in 110;
    12 Q4_K, 256 in 144;
    13 Q5_K, 256 in 176;
    14 Q6_K, 256 in 210;
    15 Q8_K, 256 in 292;
    16 IQ2_XXS, 256 in 66;
    17 IQ2_XS, 256 in 74;
    18 IQ3_XXS, 256 in 98;
    19 IQ1_S, 256 in 50;
    20 IQ4_NL, 32 in 18;
    21 IQ3_S, 256 in 110;
    22 IQ2_S, 256 in 82;
    23 IQ4_XS, 256 in 136;
    24 I8, 1 in 1;
    25 I16, 1 in 2;
    26 I32, 1 in 4;
    27 I64, 1 in 8;
    28 F64, 1 in 8;
    29 IQ1_M, 256 in 56;
    30 BF16, 1 in 2;
    34 TQ1_0, 256 in 54;
    35 TQ2_0, 256 in 66;
    39 MXFP4, 32 in 17;
    40 NVFP4, 64 in 36;
    41 Q1_0, 128 in 18;
    42 Q2_0, 64 in 18;
}

impl TensorType {
    /// Elements of a block: the first dimension of a tensor is a multiple of it. 0 for an unknown type, else at least
    /// 1.
    pub const fn block_elements(self) -> u64 {
        self.block().0 as u64
    }

    /// Bytes of a block. 0 for an unknown type, else at least 1.
    pub const fn block_bytes(self) -> u64 {
        self.block().1 as u64
    }

    /// The type with this number, if it is admitted.
    pub(crate) fn known(number: u32) -> Option<Self> {
        Some(TensorType::from_number(number)).filter(|ty| !matches!(ty, TensorType::Unknown(_)))
    }

    /// The size of a tensor in bytes; `None` when it is above 2^63 - 1, or the type is unknown. Whether the first
    /// dimension is a multiple of the block is the caller's to test.
    pub(crate) fn byte_size(self, dims: &[u64]) -> Option<u64> {
        let (first, rest) = dims.split_first().unwrap_or((&1, &[]));
        let row = first.checked_div(self.block_elements())?;
        if row == 0 || rest.contains(&0) {
            return Some(0);
        }
        let size = rest.iter().try_fold(row.checked_mul(self.block_bytes())?, |size, dim| size.checked_mul(*dim))?;
        (size <= SIZE).then_some(size)
    }

    /// Whether the number once had a meaning that was withdrawn.
    pub(crate) fn is_removed(number: u32) -> bool {
        matches!(number, 4 | 5 | 31 | 32 | 33 | 36 | 37 | 38)
    }
}
