//! The fields of a metadata entry.

use super::{Bounds, EntryStep, Items, Parser, Step};
use crate::contract::{Code, LimitId};
use crate::error::{Error, Path};
use crate::format::ValueType;

const MAX_KEY: u64 = 65_535;
const MAX_ALIGNMENT: u32 = 1 << 20;
const ALIGNMENT_KEY: &str = "general.alignment";

impl Parser {
    /// Takes one field of an entry (or a run of string elements).
    pub(super) fn entry_step(&mut self, step: EntryStep, bounds: Bounds<'_>) -> Result<bool, Error> {
        match step {
            EntryStep::Key => {
                let Some(end) = self.string(bounds)? else {
                    return Ok(false);
                };
                self.named(end, MAX_KEY)?;
                let key = self.header.pages.string(self.at);
                self.aligns = key == *ALIGNMENT_KEY;
                self.go_to(end, Step::Entry(EntryStep::ValueType))
            }
            EntryStep::ValueType => {
                if !self.fixed(4, bounds)? {
                    return Ok(false);
                }
                let number = self.header.pages.u32(self.at);
                let Some(ty) = ValueType::from_number(number) else {
                    return Err(self
                        .fault(Code::Header, format_args!("there is no value type {number}"))
                        .with(format_args!("0 to 12"), format_args!("{number}")));
                };
                if self.aligns && ty != ValueType::U32 {
                    return Err(self
                        .fault(Code::Header, format_args!("{ALIGNMENT_KEY} is not a u32"))
                        .with(format_args!("u32"), format_args!("{}", ty.name())));
                }
                self.go(
                    4,
                    if ty == ValueType::Array {
                        Step::Entry(EntryStep::ItemType)
                    } else {
                        Step::Entry(EntryStep::Value(ty))
                    },
                )
            }
            EntryStep::Value(ValueType::String) => {
                let Some(end) = self.string(bounds)? else {
                    return Ok(false);
                };
                self.at = end;
                self.record_end()
            }
            EntryStep::Value(ty) => {
                if !self.fixed(ty.size(), bounds)? {
                    return Ok(false);
                }
                if ty == ValueType::Bool {
                    let byte = self.header.pages.byte(self.at);
                    if byte > 1 {
                        return Err(bad_bool(self.at, self.path(), byte));
                    }
                }
                if self.aligns {
                    self.align()?;
                }
                self.at = self.at.saturating_add(ty.size());
                self.record_end()
            }
            EntryStep::ItemType => {
                if !self.fixed(4, bounds)? {
                    return Ok(false);
                }
                let number = self.header.pages.u32(self.at);
                match ValueType::from_number(number) {
                    None => Err(self
                        .fault(Code::Header, format_args!("there is no value type {number}"))
                        .with(format_args!("0 to 12"), format_args!("{number}"))),
                    Some(ValueType::Array) => {
                        Err(self.fault(Code::Header, format_args!("an array of arrays is not read")))
                    }
                    Some(ty) => self.go(4, Step::Entry(EntryStep::ItemCount(ty))),
                }
            }
            EntryStep::ItemCount(of) => {
                let Some(count) = self.count(LimitId::ArrayItems, "ARRAY_ITEMS", bounds)? else {
                    return Ok(false);
                };
                let first = self.at.saturating_add(8);
                if of == ValueType::String {
                    return self.go_to(first, Step::Entry(EntryStep::Strings { left: count }));
                }
                let end = first.saturating_add(count.saturating_mul(of.size()));
                self.need(end, bounds)?;
                let items = Items { count_at: self.at, end, bools: of == ValueType::Bool, seen: first, fault: None };
                self.go_to(first, Step::Entry(EntryStep::Items(items)))
            }
            EntryStep::Strings { mut left } => {
                while left > 0 {
                    let Some(end) = self.string(bounds)? else {
                        self.step = Step::Entry(EntryStep::Strings { left });
                        return Ok(false);
                    };
                    self.at = end;
                    left = left.saturating_sub(1);
                }
                self.record_end()
            }
            EntryStep::Items(mut items) => {
                let here = self.header.pages.len();
                if items.bools {
                    let unseen = self.header.pages.bytes(items.seen, here.min(items.end).saturating_sub(items.seen));
                    if items.fault.is_none() {
                        let mut at = items.seen;
                        for run in unseen.runs() {
                            if let Some(index) = run.iter().position(|byte| *byte > 1) {
                                items.fault = Some(at.saturating_add(index as u64));
                                break;
                            }
                            at = at.saturating_add(run.len() as u64);
                        }
                        self.work = self.work.saturating_add(unseen.len());
                    }
                    items.seen = here.min(items.end);
                }
                self.step = Step::Entry(EntryStep::Items(items));
                if here < items.end {
                    return Ok(false);
                }
                if let Some(at) = items.fault {
                    return Err(bad_bool(at, self.path(), self.header.pages.byte(at)));
                }
                self.at = items.end;
                self.record_end()
            }
        }
    }

    fn align(&mut self) -> Result<(), Error> {
        let alignment = self.header.pages.u32(self.at);
        if !alignment.is_power_of_two() || !(8..=MAX_ALIGNMENT).contains(&alignment) {
            return Err(self
                .fault(Code::Header, format_args!("an alignment of {alignment}"))
                .with(format_args!("a power of two from 8 to {MAX_ALIGNMENT}"), format_args!("{alignment}")));
        }
        self.header.alignment = u64::from(alignment);
        Ok(())
    }
}

fn bad_bool(at: u64, path: Path, byte: u8) -> Error {
    Error::at(Code::Header, at, path, format_args!("a bool is 0 or 1"))
        .with(format_args!("0 or 1"), format_args!("{byte}"))
}
