//! What a reader asks of a header beyond the format: a versioned table of rules over vocabulary and hyper-parameters.

mod findings;
mod keys;
mod llama;
mod shape;
mod vocabulary;

pub use findings::{Finding, Findings, Rule, Severity};

use crate::error::Error;
use crate::format::Header;

/// Which table of rules. The number is the ABI's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// What llama.cpp, and the readers that follow it, ask of a text model: rules L1 to L9 of docs/profiles.md.
    Llama = 1,
}

/// What a finding does. The number is the ABI's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Findings stand in the report.
    Report = 1,
    /// The first finding of severity error rejects the file.
    Refuse = 2,
}

impl Profile {
    /// The profile with this id.
    pub fn from_number(id: i32) -> Option<Self> {
        (id == Profile::Llama as i32).then_some(Profile::Llama)
    }

    /// The word that hosts choose it by.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Llama => "llama",
        }
    }
}

/// A profile that was chosen, with room for all that it can find.
pub(crate) struct Judge {
    profile: Profile,
    level: Level,
    findings: Findings,
    /// Header bytes looked at.
    work: u64,
}

impl Judge {
    /// Reserves room for every finding that is kept: nothing is allocated later.
    pub(crate) fn new(profile: Profile, level: Level) -> Result<Self, Error> {
        Ok(Judge { profile, level, findings: Findings::reserved()?, work: 0 })
    }

    /// Chooses anew, before a header was judged.
    pub(crate) fn choose(&mut self, profile: Profile, level: Level) {
        (self.profile, self.level) = (profile, level);
    }

    pub(crate) fn into_findings(self) -> Findings {
        self.findings
    }

    /// Bytes that a judge asks the allocator for.
    pub(crate) fn room() -> u64 {
        Findings::room()
    }

    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// Judges a whole header that keeps every rule of the format. At level [`Refuse`](Level::Refuse) the first finding
    /// of severity error is the answer.
    pub(crate) fn judge(&mut self, header: &Header) -> Result<(), Error> {
        self.work = match self.profile {
            Profile::Llama => llama::judge(header, &mut self.findings),
        };
        match (self.level, self.findings.first_error()) {
            (Level::Refuse, Some(finding)) => Err(finding.refusal()),
            _ => Ok(()),
        }
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }
}
