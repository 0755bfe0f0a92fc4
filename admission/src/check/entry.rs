//! A metadata entry: its key, its type, its value.

use super::fields::{Bounds, Fields, Stop};
use crate::contract::{Code, LimitId};
use crate::error::{Error, Path};
use crate::format::{ALIGNMENT_KEY, ALIGNMENTS, KEY_BYTES, ValueType};

/// An entry being read.
pub(super) struct EntryReader {
    pub(super) step: EntryStep,
    /// Whether it is `general.alignment`.
    aligns: bool,
}

/// The field of an entry that comes next.
#[derive(Clone, Copy)]
pub(super) enum EntryStep {
    Key,
    ValueType,
    Value(ValueType),
    ItemType,
    ItemCount(ValueType),
    Strings { left: u64 },
    Items(Items),
}

/// The elements of a fixed-size array, up to `end`.
#[derive(Clone, Copy)]
pub(super) struct Items {
    count_at: u64,
    end: u64,
    bools: bool,
    /// Elements before this were looked at (bools only).
    seen: u64,
    /// The first that is neither 0 nor 1: a fault only once the whole array is in the file.
    fault: Option<u64>,
}

/// The step behind a field; none at the end of the entry.
type Next = Result<Option<EntryStep>, Stop>;

impl EntryReader {
    pub(super) fn new() -> Self {
        EntryReader { step: EntryStep::Key, aligns: false }
    }

    /// Takes one field (or a run of elements); `true` behind the last.
    pub(super) fn take(&mut self, fields: &mut Fields, bounds: Bounds<'_>) -> Result<bool, Stop> {
        let next = match self.step {
            EntryStep::Key => self.key(fields, bounds),
            EntryStep::ValueType => self.value_type(fields, bounds),
            EntryStep::Value(ty) => self.value(ty, fields, bounds),
            EntryStep::ItemType => item_type(fields, bounds),
            EntryStep::ItemCount(of) => item_count(of, fields, bounds),
            EntryStep::Strings { left } => self.strings(left, fields, bounds),
            EntryStep::Items(items) => self.items(items, fields),
        }?;
        match next {
            Some(step) => self.step = step,
            None => return Ok(true),
        }
        Ok(false)
    }

    /// The path of the next field; `known` keys were read.
    pub(super) fn path(&self, known: u32) -> Path {
        let this = known.saturating_sub(1);
        match self.step {
            EntryStep::Key => Path::Key(known),
            EntryStep::ValueType => Path::ValueType(this),
            EntryStep::Value(_)
            | EntryStep::ItemType
            | EntryStep::ItemCount(_)
            | EntryStep::Strings { .. }
            | EntryStep::Items(_) => Path::Value(this),
        }
    }

    /// The first byte of the field that a file lacks which ends here; `at` is where the next bytes would stand.
    pub(super) fn lacks(&self, at: u64) -> u64 {
        if let EntryStep::Items(items) = self.step { items.count_at } else { at }
    }

    fn key(&mut self, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        let end = fields.name(KEY_BYTES, "", bounds)?;
        let Fields { header, at, work, .. } = fields;
        self.aligns = header.pages.string(*at) == *ALIGNMENT_KEY;
        if !header.entries.insert(&header.pages, *at, work) {
            return Err(fields.twice().into());
        }
        fields.at = end;
        Ok(Some(EntryStep::ValueType))
    }

    fn value_type(&mut self, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        let ty = fields.value_type(bounds)?;
        if self.aligns && ty != ValueType::U32 {
            return Err(fields
                .fault(Code::Header, format_args!("{ALIGNMENT_KEY} is not a u32"))
                .with(format_args!("u32"), format_args!("{}", ty.name()))
                .into());
        }
        fields.skip(4);
        Ok(Some(if ty == ValueType::Array { EntryStep::ItemType } else { EntryStep::Value(ty) }))
    }

    fn value(&mut self, ty: ValueType, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        if ty == ValueType::String {
            fields.at = fields.string(bounds)?;
            return Ok(None);
        }
        fields.fixed(ty.size(), bounds)?;
        if ty == ValueType::Bool && fields.header.pages.byte(fields.at) > 1 {
            return Err(bad_bool(fields, fields.at).into());
        }
        if self.aligns {
            align(fields)?;
        }
        fields.skip(ty.size());
        Ok(None)
    }

    fn strings(&mut self, mut left: u64, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        loop {
            left = fields.strings(left, bounds);
            if left == 0 {
                return Ok(None);
            }
            fields.at = fields.string(bounds).inspect_err(|_| self.step = EntryStep::Strings { left })?;
            left = left.saturating_sub(1);
        }
    }

    fn items(&mut self, mut items: Items, fields: &mut Fields) -> Next {
        let here = fields.header.pages.len();
        if items.bools {
            items.look(fields);
            self.step = EntryStep::Items(items);
        }
        if here < items.end {
            return Err(Stop::More);
        }
        if let Some(at) = items.fault {
            return Err(bad_bool(fields, at).into());
        }
        fields.at = items.end;
        Ok(None)
    }
}

impl Items {
    /// Looks for the first bad bool among the elements that have come since the last look.
    fn look(&mut self, fields: &mut Fields) {
        let end = fields.header.pages.len().min(self.end);
        let unseen = fields.header.pages.bytes(self.seen, end.saturating_sub(self.seen));
        if self.fault.is_none() {
            let mut at = self.seen;
            for run in unseen.runs() {
                if let Some(index) = run.iter().position(|byte| *byte > 1) {
                    self.fault = Some(at.saturating_add(index as u64));
                    break;
                }
                at = at.saturating_add(run.len() as u64);
            }
            let looked = unseen.len();
            fields.look(looked);
        }
        self.seen = end;
    }
}

fn item_type(fields: &mut Fields, bounds: Bounds<'_>) -> Next {
    let of = fields.value_type(bounds)?;
    if of == ValueType::Array {
        return Err(fields.fault(Code::Header, format_args!("an array of arrays is not read")).into());
    }
    fields.skip(4);
    Ok(Some(EntryStep::ItemCount(of)))
}

fn item_count(of: ValueType, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
    let count = fields.count(LimitId::ArrayItems, bounds)?;
    let (count_at, first) = (fields.at, fields.at.saturating_add(8));
    if of == ValueType::String {
        fields.at = first;
        return Ok(Some(EntryStep::Strings { left: count }));
    }
    let end = first.saturating_add(count.saturating_mul(of.size()));
    fields.may_reach(end, bounds)?;
    fields.at = first;
    Ok(Some(EntryStep::Items(Items { count_at, end, bools: of == ValueType::Bool, seen: first, fault: None })))
}

fn align(fields: &mut Fields) -> Result<(), Error> {
    let alignment = fields.header.pages.u32(fields.at);
    if !alignment.is_power_of_two() || !ALIGNMENTS.contains(&alignment) {
        let (low, high) = (ALIGNMENTS.start(), ALIGNMENTS.end());
        return Err(fields
            .fault(Code::Header, format_args!("an alignment of {alignment}"))
            .with(format_args!("a power of two from {low} to {high}"), format_args!("{alignment}")));
    }
    fields.header.alignment = u64::from(alignment);
    Ok(())
}

fn bad_bool(fields: &Fields, at: u64) -> Error {
    let byte = fields.header.pages.byte(at);
    Error::at(Code::Header, at, fields.path, format_args!("a bool is 0 or 1"))
        .with(format_args!("0 or 1"), format_args!("{byte}"))
}
