//! Every bound that a host can set, with the reason for its value.

use super::storage::Storage;

/// Which limit: the number is the ABI's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitId {
    /// Bytes from the file's start to the end of the last tensor record.
    HeaderBytes = 1,
    /// Metadata entries.
    MetadataEntries = 2,
    /// Tensors.
    Tensors = 3,
    /// Bytes of one string.
    StringBytes = 4,
    /// Elements of one array.
    ArrayItems = 5,
    /// Bytes that a session may hold.
    Memory = 6,
    /// Bytes of a window once the header is known.
    Window = 7,
    /// Bytes allowed after the last padding.
    TrailingBytes = 8,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// 4 GiB less the room that a module needs for itself: no wasm32 memory can hold more.
pub(crate) const MEMORY_BOUND: u64 = 4096 * MIB - 16 * MIB;

/// The largest integer that a JSON number carries exactly in JavaScript: 2^53 - 1.
pub(crate) const EXACT: u64 = (1 << 53) - 1;

impl LimitId {
    /// Every limit, in the order of its id.
    pub const ALL: [LimitId; 8] = [
        LimitId::HeaderBytes,
        LimitId::MetadataEntries,
        LimitId::Tensors,
        LimitId::StringBytes,
        LimitId::ArrayItems,
        LimitId::Memory,
        LimitId::Window,
        LimitId::TrailingBytes,
    ];

    /// The limit with this id.
    pub fn from_number(id: i32) -> Option<Self> {
        LimitId::ALL.into_iter().find(|limit| *limit as i32 == id)
    }

    /// The lowest and the highest value that takes effect.
    pub const fn bounds(self) -> (u64, u64) {
        match self {
            // The largest real header known is 16 MB; offsets inside a header fit 32 bits.
            LimitId::HeaderBytes => (0, 256 * MIB),
            LimitId::MetadataEntries => (0, 65_536),
            // Each costs 20 bytes of index.
            LimitId::Tensors => (0, 1 << 20),
            LimitId::StringBytes => (0, 64 * MIB),
            LimitId::ArrayItems => (0, 64 << 20),
            LimitId::Memory => (0, MEMORY_BOUND),
            // Below 4 KiB the calls cost more than the bytes; above 64 MiB one call takes long.
            LimitId::Window => (4 * KIB, 64 * MIB),
            LimitId::TrailingBytes => (0, MIB),
        }
    }

    const fn default(self, storage: Storage) -> u64 {
        match self {
            LimitId::HeaderBytes => 64 * MIB,
            // Real files have 20 to 60 entries and up to some thousand tensors.
            LimitId::MetadataEntries => 4_096,
            LimitId::Tensors => 65_536,
            // Chat templates reach some 10 KiB, vocabularies 262,144 items.
            LimitId::StringBytes => MIB,
            LimitId::ArrayItems => 4 << 20,
            LimitId::Memory => match storage {
                Storage::Verify => 256 * MIB,
                Storage::Resident => MEMORY_BOUND,
            },
            LimitId::Window => MIB,
            LimitId::TrailingBytes => 0,
        }
    }
}

/// The limits of one session; every value is inside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([u64; 8]);

impl Limits {
    /// The defaults; MEMORY's depends on whether the model is kept.
    pub fn new(storage: Storage) -> Self {
        let mut limits = Limits([0; 8]);
        for id in LimitId::ALL {
            limits.set(id, id.default(storage));
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
