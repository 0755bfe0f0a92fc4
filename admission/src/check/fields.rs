//! One field of the header after the other: whether it is here, within its limits, and what it says.
//!
//! Every field is judged in one order: its limits, whether the file can hold it, its own bound.

use core::fmt;

use crate::contract::{Code, LimitId, Limits};
use crate::error::{Error, Path};
use crate::format::{DEFAULT_ALIGNMENT, Header, ValueType};
use crate::store::split_string;

/// How far before a length that makes no sense a byte that was replaced is looked for: further than the longest value
/// of a fixed size.
const REWRITTEN_WITHIN: u64 = 16;

const REWRITTEN: &str = "no length: the file looks as if it was read as UTF-8 text and written back";

/// What the fields are measured against.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) limits: &'a Limits,
    /// The declared length of the file.
    pub(crate) length: Option<u64>,
}

/// Why a field was not taken.
pub(super) enum Stop {
    /// Its bytes are not here yet. Nothing has changed: it is taken again when more have come.
    More,
    /// The file breaks a rule.
    Fault(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fault(error)
    }
}

/// The header as far as it was read, and the place of the field that comes next.
///
/// Invariant: `at <= header.pages.len()`, but inside an array of strings or a long field it may be far ahead.
pub(super) struct Fields {
    pub(super) header: Header,
    /// The first byte of the field that comes next.
    pub(super) at: u64,
    /// What the field is called.
    pub(super) path: Path,
    /// Bytes looked at.
    pub(super) work: u64,
    /// A field that ends here, or before it, is whole, and inside the limit and the file.
    reach: u64,
}

impl Fields {
    /// The fields of a header of which nothing is there yet.
    pub(super) fn new() -> Self {
        let header = Header { alignment: DEFAULT_ALIGNMENT, ..Header::default() };
        Fields { header, at: 0, path: Path::Magic, work: 0, reach: 0 }
    }

    /// Takes bytes that were reserved.
    pub(super) fn append(&mut self, bytes: &[u8], bounds: Bounds<'_>) {
        self.header.pages.append(bytes);
        let most = bounds.limits.get(LimitId::HeaderBytes).min(bounds.length.unwrap_or(u64::MAX));
        self.reach = self.header.pages.len().min(most);
    }

    pub(super) fn u32(&mut self, bounds: Bounds<'_>) -> Result<u32, Stop> {
        self.fixed(4, bounds)?;
        Ok(self.header.pages.u32(self.at))
    }

    pub(super) fn u64(&mut self, bounds: Bounds<'_>) -> Result<u64, Stop> {
        self.fixed(8, bounds)?;
        Ok(self.header.pages.u64(self.at))
    }

    /// A field of `size` bytes is here. They count as looked at.
    pub(super) fn fixed(&mut self, size: u64, bounds: Bounds<'_>) -> Result<(), Stop> {
        self.reaches(self.at.saturating_add(size), bounds)?;
        self.look(size);
        Ok(())
    }

    /// A count within its limit.
    pub(super) fn count(&mut self, id: LimitId, bounds: Bounds<'_>) -> Result<u64, Stop> {
        let count = self.u64(bounds)?;
        self.within(id, count, bounds)?;
        Ok(count)
    }

    /// The type of a value, or of the elements of an array.
    pub(super) fn value_type(&mut self, bounds: Bounds<'_>) -> Result<ValueType, Stop> {
        let number = self.u32(bounds)?;
        let Some(ty) = ValueType::from_number(number) else {
            return Err(self
                .fault(Code::Header, format_args!("there is no value type {number}"))
                .with(format_args!("0 to 12"), format_args!("{number}"))
                .into());
        };
        Ok(ty)
    }

    /// The end of the string that begins here, once all of it is here. Its length counts as looked at.
    pub(super) fn string(&mut self, bounds: Bounds<'_>) -> Result<u64, Stop> {
        let len = self.u64(bounds)?;
        self.within(LimitId::StringBytes, len, bounds).map_err(|error| self.no_length(error, len, bounds))?;
        let end = self.at.saturating_add(8).saturating_add(len);
        self.reaches(end, bounds)?;
        Ok(end)
    }

    /// Goes behind strings that begin here, `left` of them at most, and gives how many are left. It stops before the
    /// first that [`string`](Fields::string) has to look at: one that is cut, lies across pages or breaks a rule.
    pub(super) fn strings(&mut self, left: u64, bounds: Bounds<'_>) -> u64 {
        let most = bounds.limits.get(LimitId::StringBytes);
        let here = self.header.pages.bytes(self.at, self.reach.saturating_sub(self.at)).run(0);
        let (mut rest, mut taken) = (here, 0u64);
        while taken < left
            && let Some((text, behind)) = split_string(rest)
            && text.len() as u64 <= most
        {
            rest = behind;
            taken = taken.saturating_add(1);
        }
        self.skip(here.len().saturating_sub(rest.len()) as u64);
        self.look(taken.saturating_mul(8));
        left.saturating_sub(taken)
    }

    /// The end of the string that begins here, if it may be the name of something: 1 to `most` bytes of plain text.
    /// `above` is said of one that is longer.
    pub(super) fn name(&mut self, most: u64, above: &str, bounds: Bounds<'_>) -> Result<u64, Stop> {
        let end = self.string(bounds).map_err(|stop| self.if_rewritten(stop))?;
        let len = self.header.pages.u64(self.at);
        if len == 0 || len > most {
            let error = self
                .fault(Code::Header, format_args!("a name of {len} bytes{}", if len > most { above } else { "" }))
                .with(format_args!("1 to {most} bytes"), format_args!("{len}"));
            return Err(self.if_rewritten(error.into()));
        }
        self.look(end.saturating_sub(self.at));
        let text = self.header.pages.string(self.at);
        if !text.is_plain_text() {
            let message = format_args!("{text:?} is not UTF-8, or has control characters");
            return Err(self.fault(Code::Header, message).into());
        }
        Ok(end)
    }

    /// The name that begins here is there already.
    pub(super) fn twice(&self) -> Error {
        self.fault(Code::Header, format_args!("{:?} is there twice", self.header.pages.string(self.at)))
    }

    /// The field that begins here goes on to `end`: within the limit and the file, and all of it is here.
    pub(super) fn reaches(&self, end: u64, bounds: Bounds<'_>) -> Result<(), Stop> {
        if end <= self.reach {
            return Ok(());
        }
        self.may_reach(end, bounds)?;
        Err(Stop::More)
    }

    /// The field that begins here may go on to `end`.
    pub(super) fn may_reach(&self, end: u64, bounds: Bounds<'_>) -> Result<(), Error> {
        self.within(LimitId::HeaderBytes, end, bounds)?;
        match bounds.length {
            Some(length) if end > length => Err(Error::truncated(self.at, self.path, end, length)),
            _ => Ok(()),
        }
    }

    /// Goes on behind a field of `size` bytes.
    pub(super) fn skip(&mut self, size: u64) {
        self.at = self.at.saturating_add(size);
    }

    /// Bytes that were looked at.
    pub(super) fn look(&mut self, bytes: u64) {
        self.work = self.work.saturating_add(bytes);
    }

    /// A fault of the field that begins here.
    pub(super) fn fault(&self, code: Code, message: fmt::Arguments<'_>) -> Error {
        Error::at(code, self.at, self.path, message)
    }

    /// Whether the length that begins here looks like one of a file that was read as text and written back: it has
    /// EF BF BD where the file had a byte that is no UTF-8, and that moves what follows.
    fn is_rewritten(&self) -> bool {
        let before = self.at.min(REWRITTEN_WITHIN);
        let around = self.header.pages.bytes(self.at.saturating_sub(before), before.saturating_add(8));
        around.contains(b"\xef\xbf\xbd")
    }

    /// Says so of a fault in the length of a name, if it does.
    fn if_rewritten(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Fault(error) if self.is_rewritten() => error.message_is(format_args!("{REWRITTEN}")).into(),
            other => other,
        }
    }

    /// Says what a length above its limit looks like where raising the limit cannot help.
    fn no_length(&self, error: Error, len: u64, bounds: Bounds<'_>) -> Error {
        let end = self.at.saturating_add(8).saturating_add(len);
        if self.is_rewritten() {
            error.message_is(format_args!("{REWRITTEN}"))
        } else if bounds.length.is_some_and(|length| end > length) {
            error.message_is(format_args!(
                "a string of {len} bytes: more than the file has, and above limit STRING_BYTES"
            ))
        } else {
            error
        }
    }

    fn within(&self, id: LimitId, value: u64, bounds: Bounds<'_>) -> Result<(), Error> {
        let most = bounds.limits.get(id);
        if value > most { Err(Error::over(self.at, self.path, id, most, value)) } else { Ok(()) }
    }
}
