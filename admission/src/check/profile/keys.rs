//! The entries that a profile asks for, found in one walk over the keys.

use crate::error::Path;
use crate::format::{Array, Entry, Header, Value};
use crate::store::Bytes;

/// An entry and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    index: usize,
    entry: Entry<'a>,
}

impl<'a> Field<'a> {
    pub(super) fn new(index: usize, entry: Entry<'a>) -> Self {
        Field { index, entry }
    }

    #[inline(never)]
    pub(super) fn named(header: &'a Header, key: &str) -> Option<Self> {
        let index = header.entry_index(key)?;
        Some(Field { index, entry: header.entry(index)? })
    }

    pub(super) fn key(&self) -> Bytes<'a> {
        self.entry.key
    }

    #[inline(never)]
    pub(super) fn value(&self) -> Value<'a> {
        self.entry.value()
    }

    pub(super) fn type_name(&self) -> &'static str {
        self.entry.value_type().name()
    }

    /// The path and the offset of its value.
    pub(super) fn path(&self) -> Path {
        Path::Value(u32::try_from(self.index).unwrap_or(u32::MAX))
    }

    pub(super) fn offset(&self) -> Option<u64> {
        Some(self.entry.value_offset())
    }

    pub(super) fn string(&self) -> Option<Bytes<'a>> {
        match self.value() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn array(&self) -> Option<Array<'a>> {
        match self.value() {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The value, if it is an integer of any type that is not negative.
    pub(super) fn natural(&self) -> Option<u64> {
        self.value().natural()
    }
}

/// The hyper-parameters of an architecture: entries whose keys begin with its name and a dot.
#[derive(Default)]
pub(super) struct Hyper<'a> {
    pub(super) block_count: Option<Field<'a>>,
    pub(super) head_count: Option<Field<'a>>,
    pub(super) head_count_kv: Option<Field<'a>>,
    pub(super) feed_forward_length: Option<Field<'a>>,
    pub(super) embedding_length: Option<Field<'a>>,
    pub(super) key_length: Option<Field<'a>>,
    pub(super) expert_count: Option<Field<'a>>,
    pub(super) expert_used_count: Option<Field<'a>>,
    /// Whether some of its layers do without attention.
    pub(super) recurrent: bool,
}

impl<'a> Hyper<'a> {
    pub(super) fn read(header: &'a Header, architecture: Bytes<'a>) -> Self {
        let mut hyper = Hyper::default();
        for (index, entry) in header.entries().enumerate() {
            let Some(name) = entry.key.after(architecture).and_then(|rest| rest.after_text(".")) else { continue };
            let field = Some(Field { index, entry });
            for (known, slot) in [
                ("block_count", &mut hyper.block_count),
                ("attention.head_count", &mut hyper.head_count),
                ("attention.head_count_kv", &mut hyper.head_count_kv),
                ("feed_forward_length", &mut hyper.feed_forward_length),
                ("embedding_length", &mut hyper.embedding_length),
                ("attention.key_length", &mut hyper.key_length),
                ("expert_count", &mut hyper.expert_count),
                ("expert_used_count", &mut hyper.expert_used_count),
            ] {
                if name == *known {
                    *slot = field;
                }
            }
            hyper.recurrent |= ["ssm.", "wkv.", "shortconv."].iter().any(|part| name.after_text(part).is_some());
        }
        hyper
    }
}
