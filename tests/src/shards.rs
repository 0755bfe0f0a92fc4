//! Files of a set of shards.

use crate::writer::Writer;

/// What a shard says of its set.
#[derive(Clone, Copy)]
pub struct Says {
    /// `split.no`.
    pub no: u16,
    /// `split.count`.
    pub count: u16,
    /// `split.tensors.count`.
    pub total: i32,
}

/// The number of the value type u16.
pub const U16: u32 = 2;
/// The number of the value type i32.
pub const I32: u32 = 5;

/// A shard with the given tensors of 32 bytes. Its keys: `split.no`, `split.count`, `split.tensors.count`.
pub fn shard(says: Says, names: &[&str]) -> Vec<u8> {
    let mut writer = Writer::new(names.len() as u64, 3);
    writer.key(b"split.no", U16).bytes.extend(says.no.to_le_bytes());
    writer.key(b"split.count", U16).bytes.extend(says.count.to_le_bytes());
    writer.key(b"split.tensors.count", I32).bytes.extend(says.total.to_le_bytes());
    for name in names {
        writer.tensor(name.as_bytes(), 32, 32);
    }
    writer.pad(32);
    for index in 0..names.len() {
        writer.data(index, 32, 32);
    }
    writer.bytes
}
