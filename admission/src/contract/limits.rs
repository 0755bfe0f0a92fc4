//! Every bound that a host can set, with the reason for its value.

use super::storage::Storage;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a memory can hold: of 32 bits, as a guest's is, 4 GiB less the room that a module needs for itself; of 64 bits
/// the largest file that there can be.
pub(crate) const MEMORY_BOUND: u64 = if usize::BITS > 32 { EXACT } else { 4096 * MIB - 16 * MIB };

/// The window lent while the header comes in: it bounds what a file can cost before anything of it is known.
pub const OPEN_WINDOW: usize = 64 * 1024;

/// The largest integer that a JSON number carries exactly in JavaScript: 2^53 - 1.
pub(crate) const EXACT: u64 = (1 << 53) - 1;

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $low:expr, $high:expr, $default:expr;)*) => {
        /// Which limit: the number is the ABI's id.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum LimitId {
            $($(#[$doc])* $variant = $id,)*
        }

        impl LimitId {
            /// Every limit, in the order of its id: 1, 2, 3 and so on.
            pub const ALL: [LimitId; [$($id,)*].len()] = [$(LimitId::$variant,)*];

            /// The name in the contract and in messages.
            pub const fn name(self) -> &'static str {
                match self {
                    $(LimitId::$variant => $name,)*
                }
            }

            /// The lowest and the highest value that takes effect. MEMORY's highest is what this machine's addresses
            /// can reach: 4,080 MiB in a guest, 2^53 - 1 in a 64-bit process.
            pub const fn bounds(self) -> (u64, u64) {
                match self {
                    $(LimitId::$variant => ($low, $high),)*
                }
            }

            const fn default(self) -> u64 {
                match self {
                    $(LimitId::$variant => $default,)*
                }
            }
        }
    };
}

// One row a limit: id, name, the lowest and the highest value, the default.
limits! {
    /// Bytes from the file's start to the end of the last tensor record.
    // The largest real header known is 16 MB; offsets inside a header fit 32 bits.
    HeaderBytes = 1, "HEADER_BYTES", 0, 256 * MIB, 64 * MIB;
    /// Metadata entries.
    // Real files have 20 to 60.
    MetadataEntries = 2, "METADATA_ENTRIES", 0, 65_536, 4_096;
    /// Tensors.
    // Real files have up to some thousand. Each costs `RECORD_BYTES` of index.
    Tensors = 3, "TENSORS", 0, 1 << 20, 65_536;
    /// Bytes of one string.
    // Chat templates reach some 10 KiB; `tokenizer.huggingface.json`, a key that the format names, some 10 MB.
    StringBytes = 4, "STRING_BYTES", 0, 64 * MIB, 16 * MIB;
    /// Elements of one array.
    // Vocabularies reach 262,144 items.
    ArrayItems = 5, "ARRAY_ITEMS", 0, 64 << 20, 4 << 20;
    /// Bytes that a session may hold.
    // A model that is kept may take all there is: see `Limits::new`.
    Memory = 6, "MEMORY", 0, MEMORY_BOUND, 256 * MIB;
    /// Bytes of a window once the header is known.
    // Below 4 KiB the calls cost more than the bytes; above 64 MiB one call takes long.
    Window = 7, "WINDOW", 4 * KIB, 64 * MIB, MIB;
    /// Bytes allowed after the last padding.
    TrailingBytes = 8, "TRAILING_BYTES", 0, MIB, 0;
    /// Bytes of a tensor's name.
    // llama.cpp holds 63; the files of image models have names of up to some hundred.
    NameBytes = 9, "NAME_BYTES", 1, 4_096, 63;
    /// Dimensions of a tensor.
    // llama.cpp holds 4; the files of video models have 5.
    Dimensions = 10, "DIMENSIONS", 0, 8, 4;
}

impl LimitId {
    /// The limit with this id.
    pub fn from_number(id: i32) -> Option<Self> {
        LimitId::ALL.into_iter().find(|limit| *limit as i32 == id)
    }
}

/// The limits of one session; every value is inside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([u64; LimitId::ALL.len()]);

impl Limits {
    /// The defaults; MEMORY's depends on whether the model is kept: it is then the highest value.
    pub fn new(storage: Storage) -> Self {
        let mut limits = Limits(LimitId::ALL.map(LimitId::default));
        if storage == Storage::Resident {
            limits.set(LimitId::Memory, MEMORY_BOUND);
        }
        limits
    }

    /// The value in effect.
    pub fn get(&self, id: LimitId) -> u64 {
        self.0.get(Self::slot(id)).copied().unwrap_or(0)
    }

    /// Sets a limit, clamped to its bounds, and gives the value in effect.
    pub fn set(&mut self, id: LimitId, value: u64) -> u64 {
        let (low, high) = id.bounds();
        let value = value.clamp(low, high);
        if let Some(slot) = self.0.get_mut(Self::slot(id)) {
            *slot = value;
        }
        value
    }

    /// The same limits with one changed.
    pub fn with(mut self, id: LimitId, value: u64) -> Self {
        self.set(id, value);
        self
    }

    fn slot(id: LimitId) -> usize {
        (id as usize).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_one_and_defaults_lie_in_their_bounds() {
        for (index, id) in LimitId::ALL.into_iter().enumerate() {
            assert_eq!((id as usize, LimitId::from_number(id as i32)), (index + 1, Some(id)));
            let (low, high) = id.bounds();
            assert!((low..=high).contains(&id.default()), "{}", id.name());
        }
    }
}
