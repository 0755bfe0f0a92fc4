//! The evidence of a file: one value for each group of 2^20 bytes, which proves those bytes without the others.

use core::fmt;

use blake3::hazmat::{HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::digest::Digest;
use crate::contract::Code;
use crate::error::Error;
use crate::memory;

/// Bytes of a group. Only the last group of a file can be shorter.
pub const GROUP_BYTES: u64 = 1 << 20;

/// The value of one group.
pub(crate) type Value = [u8; 32];

/// No slice of a 32-bit memory holds more values: those of a file of 64 TiB. It is the bound everywhere, so that every
/// guest can expect what a server computed.
pub(crate) const MOST_GROUPS: u64 = i32::MAX as u64 / size_of::<Value>() as u64;

/// The evidence of a file, or that of its first groups.
///
/// BLAKE3 hashes a file as a tree, and a group of 2^20 bytes is a part of that tree. The *value* of a group is the
/// chaining value of its part, so the values of all groups give the file's BLAKE3. A file of one group has one value,
/// which is its BLAKE3.
#[derive(Default, PartialEq, Eq)]
pub struct Evidence {
    pub(super) values: Vec<Value>,
}

/// How many groups; not their values, which may be megabytes.
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("groups", &self.len()).finish_non_exhaustive()
    }
}

impl Evidence {
    /// Reads values as [`as_bytes`](Evidence::as_bytes) gives them: 32 bytes each, in file order, at least one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (given, rest) = bytes.as_chunks();
        if given.is_empty() || !rest.is_empty() || given.len() as u64 > MOST_GROUPS {
            return Err(Error::new(Code::Argument, format_args!("evidence is 32 bytes for each group"))
                .with(format_args!("a multiple of 32 bytes"), format_args!("{}", bytes.len())));
        }
        let mut values = Vec::new();
        memory::reserve(&mut values, given.len())?;
        given.iter().for_each(|value| memory::push_reserved(&mut values, *value));
        Ok(Evidence { values })
    }

    /// The values one after another, and nothing else.
    pub fn as_bytes(&self) -> &[u8] {
        self.values.as_flattened()
    }

    /// How many groups it speaks of.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it speaks of none. Only [`default`](Evidence::default) makes such a one.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The BLAKE3 of the file that has these values and this length; `None` where such a file has another number of
    /// them.
    pub fn root(&self, length: u64) -> Option<Digest> {
        if self.values.len() as u64 == groups_of(length) { root(&self.values) } else { None }
    }

    /// Whether `bytes` are group `group` of the file, all of it.
    ///
    /// Evidence of one value can be that of a file of one group, or of the first group of a longer file: bytes that
    /// either of them proves are that group.
    pub fn check(&self, group: usize, bytes: &[u8]) -> bool {
        let Some(value) = self.values.get(group) else {
            return false;
        };
        let within = !bytes.is_empty() && bytes.len() as u64 <= GROUP_BYTES;
        let is_part = || value_of(group as u64, bytes, false) == *value;
        within && (is_part() || (self.values.len() == 1 && value_of(0, bytes, true) == *value))
    }

    /// The value of a group.
    pub(crate) fn value(&self, group: u64) -> Option<&Value> {
        self.values.get(usize::try_from(group).ok()?)
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        memory::size_of_items::<Value>(self.values.capacity()) as u64
    }
}

/// How many groups a file of `length` bytes has.
pub(crate) const fn groups_of(length: u64) -> u64 {
    length.div_ceil(GROUP_BYTES)
}

/// The value of group `group`, 1 to [`GROUP_BYTES`] bytes; `alone` where it is the whole file.
pub(crate) fn value_of(group: u64, bytes: &[u8], alone: bool) -> Value {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(group.saturating_mul(GROUP_BYTES));
    hasher.update(bytes);
    finished(&hasher, alone)
}

/// The value of the bytes that a group's hasher took.
pub(super) fn finished(hasher: &blake3::Hasher, alone: bool) -> Value {
    if alone { hasher.finalize().into() } else { hasher.finalize_non_root() }
}

/// The BLAKE3 of a file with these values; `None` where there are none.
pub(super) fn root(values: &[Value]) -> Option<Digest> {
    match values {
        [] => None,
        [alone] => Some(Digest(*alone)),
        _ => {
            let (left, right) = halves(values);
            Some(Digest(merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).into()))
        }
    }
}

/// The chaining value of a part of the tree, from those of its groups. As deep as the number of groups has bits.
fn subtree(values: &[Value]) -> Value {
    match values {
        // Both halves of two values or more have at least one.
        [] => Value::default(),
        [group] => *group,
        _ => {
            let (left, right) = halves(values);
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// The left half is the largest power of two that leaves something for the right one.
fn halves(values: &[Value]) -> (&[Value], &[Value]) {
    let left = values.len().div_ceil(2).next_power_of_two();
    values.split_at_checked(left).unwrap_or((values, &[]))
}
