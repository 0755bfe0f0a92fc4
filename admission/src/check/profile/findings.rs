//! What a profile found, bounded whatever the file holds.

use crate::contract::Code;
use crate::error::{Error, Path};
use crate::memory;
use crate::text::Text;
use core::fmt;

/// Findings of one rule that are kept; all are counted.
const KEPT_OF_A_RULE: usize = 6;

const RULES: usize = 9;

/// The most findings that are kept.
const KEPT: usize = RULES * KEPT_OF_A_RULE;

/// A rule of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of docs/profiles.md")]
#[non_exhaustive]
pub enum Rule {
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    L7,
    L8,
    L9,
}

impl Rule {
    /// The name in reports and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::L1 => "L1",
            Rule::L2 => "L2",
            Rule::L3 => "L3",
            Rule::L4 => "L4",
            Rule::L5 => "L5",
            Rule::L6 => "L6",
            Rule::L7 => "L7",
            Rule::L8 => "L8",
            Rule::L9 => "L9",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The reader would refuse the file, crash, or read it wrongly.
    Error,
    /// The reader would load it.
    Warning,
}

impl Severity {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One place where a file breaks a rule of a profile.
#[derive(Clone, Debug)]
pub struct Finding {
    rule: Rule,
    severity: Severity,
    path: Path,
    offset: Option<u64>,
    message: Text<128>,
}

impl Finding {
    /// The rule that is broken.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The field; [`Path::None`] for one that is missing.
    pub fn path(&self) -> Path {
        self.path
    }

    /// The file offset of the field's first byte, of an array's element that of the element.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// A sentence for people. Text from the file is escaped and cut.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn refusal(&self) -> Error {
        let message = format_args!("{}: {}", self.rule.name(), &*self.message);
        match self.offset {
            Some(offset) => Error::at(Code::Profile, offset, self.path, message),
            None => Error::new(Code::Profile, message),
        }
    }

    /// Where it stands among the findings: by rule, then in file order, a missing field first.
    fn place(&self) -> (Rule, u64) {
        (self.rule, self.offset.unwrap_or(0))
    }
}

/// The findings of a file, by rule and then in file order: at most six a rule are kept, all are counted.
///
/// Invariants: `kept.len() <= 54`, its capacity, once reserved; `kept.len() <= count`; `kept` is in order.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    count: u64,
}

impl Findings {
    pub(super) fn reserved() -> Result<Self, Error> {
        let mut kept = Vec::new();
        memory::reserve(&mut kept, KEPT)?;
        Ok(Findings { kept, count: 0 })
    }

    /// Those that are kept.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn room() -> u64 {
        memory::size_of_items::<Finding>(KEPT) as u64
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        memory::size_of_items::<Finding>(self.kept.capacity()) as u64
    }

    pub(super) fn first_error(&self) -> Option<&Finding> {
        self.kept.iter().find(|finding| finding.severity == Severity::Error)
    }

    pub(super) fn error(&mut self, rule: Rule, path: Path, offset: Option<u64>, message: fmt::Arguments<'_>) {
        self.add(rule, Severity::Error, path, offset, message);
    }

    pub(super) fn warning(&mut self, rule: Rule, path: Path, offset: Option<u64>, message: fmt::Arguments<'_>) {
        self.add(rule, Severity::Warning, path, offset, message);
    }

    #[inline(never)]
    fn add(&mut self, rule: Rule, severity: Severity, path: Path, offset: Option<u64>, message: fmt::Arguments<'_>) {
        self.count = self.count.saturating_add(1);
        let mut finding = Finding { rule, severity, path, offset, message: Text::new() };
        let of_rule = self.kept.iter().filter(|kept| kept.rule == rule).count();
        let at = self.kept.partition_point(|kept| kept.place() <= finding.place());
        let last_of_rule = self.kept.partition_point(|kept| kept.rule <= rule);
        if of_rule == KEPT_OF_A_RULE {
            if at == last_of_rule {
                return;
            }
            // It stands before one that is kept: the last of its rule makes room.
            self.kept.remove(last_of_rule.saturating_sub(1));
        }
        finding.message.put(message);
        memory::push_reserved(&mut self.kept, finding);
        if let Some(tail) = self.kept.get_mut(at..) {
            tail.rotate_right(1);
        }
    }
}
