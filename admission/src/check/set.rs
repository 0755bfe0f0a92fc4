//! Whether the shards of a split model belong together: their headers, and nothing else, are looked at.

use core::fmt;

use crate::contract::Code;
use crate::error::{Error, Path};
use crate::format::{Header, Value};

/// The most shards of a set.
pub const SHARDS: usize = 64;

/// The headers of shards that belong together.
///
/// Invariants: `shards[n]` has `split.no` n; `shards[0]`, the lead, is always there; all say the same `split.count`, at
/// most 64, and `split.tensors.count`; no two tensors have the same name; there are at most as many tensors as they
/// say, and exactly as many in a set that is complete.
#[derive(Clone)]
pub struct Set<'a> {
    shards: [Option<&'a Header>; SHARDS],
    says: Says,
}

/// What a header says of its set.
#[derive(Clone, Copy)]
struct Says {
    no: Field,
    count: Field,
    tensors: Field,
}

/// A number and where it stands.
#[derive(Clone, Copy)]
struct Field {
    value: u64,
    path: Path,
    offset: u64,
}

impl fmt::Debug for Set<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = self.shards.iter().flatten().count();
        f.debug_struct("Set").field("count", &self.says.count.value).field("joined", &joined).finish_non_exhaustive()
    }
}

impl<'a> Set<'a> {
    /// A set of which `lead` is the first shard: it says `split.no` 0 and a `split.count` of 1 to 64.
    pub fn new(lead: &'a Header) -> Result<Self, Error> {
        let says = Says::read(lead)?;
        if says.count.value > SHARDS as u64 {
            let message = format_args!("a set of {} shards, above {SHARDS}", says.count.value);
            return Err(Error::at(Code::Limit, says.count.offset, says.count.path, message)
                .with(format_args!("at most {SHARDS}"), format_args!("{}", says.count.value)));
        }
        if says.no.value != 0 {
            return Err(says.no.unfit("0, as the lead", 0));
        }
        let mut set = Set { shards: [None; SHARDS], says };
        set.enter(lead, says)?;
        Ok(set)
    }

    /// Adds a shard, or tells why it does not fit: in this order its keys, its `split.count`, its `split.no`, the
    /// number of tensors, their names. The set is as it was then.
    pub fn join(&mut self, header: &'a Header) -> Result<(), Error> {
        let says = Says::read(header)?;
        if says.count.value != self.says.count.value {
            return Err(says.count.unfit("the lead's", self.says.count.value));
        }
        if says.no.value >= says.count.value {
            let message = format_args!("split.no is {} of {} shards", says.no.value, says.count.value);
            return Err(Error::at(Code::Set, says.no.offset, says.no.path, message));
        }
        if self.shard(says.no.value as usize).is_some() {
            let message = format_args!("shard {} is there already", says.no.value);
            return Err(Error::at(Code::Set, says.no.offset, says.no.path, message));
        }
        self.enter(header, says)
    }

    /// Adds a shard that has joined before.
    pub(crate) fn rejoin(&mut self, header: &'a Header) {
        if let Ok(says) = Says::read(header) {
            self.put(header, says);
        }
    }

    fn put(&mut self, header: &'a Header, says: Says) {
        if let Some(place) = self.shards.get_mut(says.no.value as usize) {
            *place = Some(header);
        }
    }

    fn enter(&mut self, header: &'a Header, says: Says) -> Result<(), Error> {
        if says.tensors.value != self.says.tensors.value {
            return Err(says.tensors.unfit("the lead's", self.says.tensors.value));
        }
        let tensors = self.tensor_count().saturating_add(header.tensor_count() as u64);
        let is_last = self.len().saturating_add(1) == self.count();
        if tensors > says.tensors.value || (is_last && tensors < says.tensors.value) {
            let message =
                format_args!("the shards have {tensors} tensors, split.tensors.count is {}", says.tensors.value);
            return Err(Error::at(Code::Set, says.tensors.offset, says.tensors.path, message)
                .with(format_args!("{}", says.tensors.value), format_args!("{tensors}")));
        }
        let shared = |no| Some((header.first_shared_tensor(self.shard(no)?)?, no));
        if let Some((index, other)) = self.joined().filter_map(shared).min()
            && let Some(name) = header.tensor_name(index)
        {
            let path = Path::Name(u32::try_from(index).unwrap_or(u32::MAX));
            let message = format_args!("{name:?} is a tensor of shard {other} too");
            return Err(Error::at(Code::Set, header.name_offset(index).unwrap_or(0), path, message));
        }
        self.put(header, says);
        Ok(())
    }

    /// How many shards the set has when it is complete: 1 to 64.
    pub fn count(&self) -> usize {
        self.says.count.value as usize
    }

    /// How many tensors it has then.
    pub fn tensors(&self) -> u64 {
        self.says.tensors.value
    }

    /// The header of shard `no`, if it has joined.
    pub fn shard(&self, no: usize) -> Option<&'a Header> {
        self.shards.get(no).copied().flatten()
    }

    /// The number of the shard with this very header.
    pub(crate) fn number_of(&self, header: &Header) -> Option<usize> {
        self.joined().find(|no| self.shard(*no).is_some_and(|shard| core::ptr::eq(shard, header)))
    }

    /// The numbers of the shards that have joined, ascending.
    pub fn joined(&self) -> impl Iterator<Item = usize> {
        self.shards.iter().enumerate().filter_map(|(no, shard)| shard.map(|_| no))
    }

    /// Whether every shard has joined.
    pub fn is_complete(&self) -> bool {
        self.len() == self.count()
    }

    fn len(&self) -> usize {
        self.joined().count()
    }

    fn tensor_count(&self) -> u64 {
        self.shards.iter().flatten().map(|header| header.tensor_count() as u64).sum()
    }
}

impl Says {
    fn read(header: &Header) -> Result<Says, Error> {
        let no = field(header, "split.no", "u16", |value| match value {
            Value::U16(value) => Some(u64::from(value)),
            _ => None,
        })?;
        let count = field(header, "split.count", "u16 above 0", |value| match value {
            Value::U16(value) if value > 0 => Some(u64::from(value)),
            _ => None,
        })?;
        let tensors = field(header, "split.tensors.count", "i32 of 0 or more", |value| match value {
            Value::I32(value) => u64::try_from(value).ok(),
            _ => None,
        })?;
        Ok(Says { no, count, tensors })
    }
}

/// The number under a key, in the type that the format has for it.
#[inline(never)]
fn field(header: &Header, key: &str, rule: &str, read: fn(Value<'_>) -> Option<u64>) -> Result<Field, Error> {
    let found = header.entry_index(key).and_then(|index| Some((index, header.entry(index)?)));
    let Some((index, entry)) = found else {
        return Err(Error::new(Code::Set, format_args!("{key} is missing: this is no shard of a set")));
    };
    let (path, offset) = (Path::Value(u32::try_from(index).unwrap_or(u32::MAX)), entry.value_offset());
    match read(entry.value()) {
        Some(value) => Ok(Field { value, path, offset }),
        None => Err(Error::at(Code::Set, offset, path, format_args!("{key} is no {rule}"))),
    }
}

impl Field {
    fn unfit(self, of: &str, expected: u64) -> Error {
        let message = format_args!("{} is not {of}, {expected}", self.value);
        Error::at(Code::Set, self.offset, self.path, message)
            .with(format_args!("{expected}"), format_args!("{}", self.value))
    }
}
