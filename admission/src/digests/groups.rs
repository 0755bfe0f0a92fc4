//! The group hasher: BLAKE3 group by group, whose values are kept and give the file's BLAKE3 at the end.

use super::digest::{Digest, differs};
use super::evidence::{Evidence, GROUP_BYTES, Value, finished, groups_of, root};
use crate::contract::Code;
use crate::error::{Error, Path};
use crate::memory;

/// A list of values.
pub(crate) type Values = Vec<Value>;

/// Values under way.
///
/// Invariants: `values[..whole]` are those of the groups that are whole; behind them, up to `expected`, stand those
/// that are expected. `hasher` has the bytes of group `whole`, up to `taken`.
pub(crate) struct Groups {
    /// The declared length of the file.
    length: Option<u64>,
    hasher: blake3::Hasher,
    taken: u64,
    values: Values,
    whole: usize,
    expected: usize,
    /// Whether the expected list was held against the expected BLAKE3.
    judged: bool,
}

impl Groups {
    pub(super) fn new(length: Option<u64>) -> Self {
        Groups {
            length,
            hasher: blake3::Hasher::new(),
            taken: 0,
            values: Vec::new(),
            whole: 0,
            expected: 0,
            judged: false,
        }
    }

    /// The values of the groups that are whole, as bytes.
    pub(crate) fn so_far(&self) -> &[u8] {
        self.values.get(..self.whole).unwrap_or_default().as_flattened()
    }

    /// How many values are expected.
    pub(crate) fn expected(&self) -> usize {
        self.expected
    }

    /// The value that is expected of a group.
    pub(crate) fn expected_value(&self, group: u64) -> Option<&Value> {
        let group = usize::try_from(group).ok().filter(|group| *group < self.expected)?;
        self.values.get(group)
    }

    /// Lends the room for the first `groups` values, for the caller to fill. Before the first byte, once.
    pub(crate) fn expect(&mut self, groups: usize) -> Result<&mut [u8], Error> {
        memory::reserve(&mut self.values, groups)?;
        memory::zero_reserved(&mut self.values, groups);
        self.expected = groups;
        Ok(self.values.as_flattened_mut())
    }

    /// Takes over the values that are expected. Before the first byte, once.
    pub(crate) fn expect_these(&mut self, evidence: Evidence) {
        self.values = evidence.values;
        self.expected = self.values.len();
    }

    /// Holds a list that is complete against the BLAKE3 that is expected; once, whatever comes later.
    pub(super) fn judge(&mut self, blake3: Option<Digest>) -> Result<(), Error> {
        if core::mem::replace(&mut self.judged, true) {
            return Ok(());
        }
        let complete = self.expected > 0 && self.length.is_some_and(|length| self.expected as u64 == groups_of(length));
        match (blake3.filter(|_| complete), root(&self.values)) {
            (Some(expected), Some(found)) if expected != found => Err(differs(Path::Evidence, expected, found)),
            _ => Ok(()),
        }
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        held(self.values.capacity())
    }

    /// What `held` will be once there is room for the values of all groups of a file of `length` bytes.
    pub(crate) fn held_for(&self, length: u64) -> u64 {
        held(self.values.capacity().max(room(groups_of(length))))
    }

    /// What `held` will be once `extra` more bytes are in.
    pub(crate) fn held_with(&self, extra: usize) -> u64 {
        held(self.values.capacity().max(self.whole_with(extra)))
    }

    /// Reserves the values of the groups that `extra` more bytes make whole.
    pub(crate) fn reserve(&mut self, extra: usize) -> Result<(), Error> {
        let whole = self.whole_with(extra);
        memory::reserve(&mut self.values, whole)
    }

    /// A list with room for the values of all groups of a file of `length` bytes, where there is not enough yet: for
    /// [`move_to`](Groups::move_to), once nothing can be refused any more.
    pub(crate) fn reserve_all(&self, length: u64) -> Result<Option<Values>, Error> {
        let groups = room(groups_of(length));
        if groups <= self.values.capacity() {
            return Ok(None);
        }
        let mut values = Vec::new();
        memory::reserve(&mut values, groups)?;
        Ok(Some(values))
    }

    /// Moves the values to a list of [`reserve_all`](Groups::reserve_all).
    pub(crate) fn move_to(&mut self, mut values: Values) {
        self.values.iter().for_each(|value| memory::push_reserved(&mut values, *value));
        self.values = values;
    }

    /// How many groups will be whole once `extra` more bytes are in.
    fn whole_with(&self, extra: usize) -> usize {
        let end = self.taken.saturating_add(extra as u64);
        room(match self.length {
            Some(length) if end >= length => groups_of(length),
            None if end <= GROUP_BYTES => 0,
            _ => end.checked_div(GROUP_BYTES).unwrap_or(0),
        })
    }

    /// How many bytes may be taken at once: to the group's border, so that its value is compared before a byte behind
    /// it is looked at. Behind a group 0 of unknown length, 1: that byte shows that the group is not the whole file.
    pub(super) fn room(&self) -> u64 {
        if self.waits() {
            return 1;
        }
        let within = self.taken.checked_rem(GROUP_BYTES).unwrap_or(0);
        GROUP_BYTES.saturating_sub(within)
    }

    /// Whether all of group 0 is in, and the next byte decides whether it is the whole file.
    fn waits(&self) -> bool {
        self.taken == GROUP_BYTES && self.whole == 0
    }

    /// Takes bytes, no more than `room`, for which `reserve` made room.
    pub(super) fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.waits() {
            self.close(false)?;
        }
        self.hasher.update(bytes);
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        match self.length {
            Some(length) if self.taken == length => self.close(length <= GROUP_BYTES),
            _ if self.taken.is_multiple_of(GROUP_BYTES) && !(self.length.is_none() && self.whole == 0) => {
                self.close(false)
            }
            _ => Ok(()),
        }
    }

    /// The group under way is whole: compares its value, or keeps it, and starts the next one.
    fn close(&mut self, alone: bool) -> Result<(), Error> {
        let found = finished(&self.hasher, alone);
        match self.values.get(self.whole) {
            Some(expected) if *expected != found => {
                let group = self.whole as u64;
                let error = differs(Path::Group(group as u32), Digest(*expected), Digest(found));
                return Err(error.offset_is(group.saturating_mul(GROUP_BYTES)));
            }
            Some(_) => {}
            None => memory::push_reserved(&mut self.values, found),
        }
        self.whole = self.whole.saturating_add(1);
        self.start();
        Ok(())
    }

    fn start(&mut self) {
        use blake3::hazmat::HasherExt as _;
        // `reset` keeps the offset that a hasher began at, and counts from there.
        self.hasher = blake3::Hasher::new();
        if self.taken.is_multiple_of(GROUP_BYTES) {
            self.hasher.set_input_offset(self.taken);
        }
    }

    /// Ends the file: the evidence and the BLAKE3 that follows from it.
    pub(super) fn finish(&mut self) -> Result<(Evidence, Option<Digest>), Error> {
        let closed = (self.whole as u64).saturating_mul(GROUP_BYTES).min(self.taken);
        if closed < self.taken {
            self.close(self.whole == 0)?;
        }
        if self.expected > self.whole {
            let group = self.whole as u64;
            let error = Error::new(Code::Digest, format_args!("the file has {group} groups, the evidence more"))
                .on(Path::Group(group as u32))
                .with(format_args!("{} groups", self.expected), format_args!("{group}"));
            return Err(error.offset_is(group.saturating_mul(GROUP_BYTES)));
        }
        let root = root(&self.values);
        Ok((Evidence { values: core::mem::take(&mut self.values) }, root))
    }
}

fn held(values: usize) -> u64 {
    memory::size_of_items::<Value>(values) as u64
}

/// A number of values as a number of items in memory; one that no memory has room for stays that.
fn room(groups: u64) -> usize {
    usize::try_from(groups).unwrap_or(usize::MAX)
}
