//! The next bytes of a file, given to its session; between header and data, what the profile found is looked at.

use gguf_admission::{Findings, Path, Session, Severity, State, Verify};
use serde::Serialize;

use crate::verdict::{Fault, Stop};

/// What a profile found at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) level: &'static str,
    pub(crate) path: Option<String>,
    pub(crate) offset: Option<u64>,
    pub(crate) message: String,
}

/// Takes all of `bytes`. Data follows only for a file in which the profile found no error.
pub(crate) fn push_all(session: &mut Session<Verify>, mut bytes: &[u8]) -> Result<(), Stop> {
    while !bytes.is_empty() {
        // It takes no byte beyond the header in the call that reaches its end.
        let taken = session.push(bytes)?;
        if session.state() == State::HeaderReady {
            judge(session)?;
        }
        bytes = &bytes[taken..];
    }
    Ok(())
}

/// The first error that the profile found, with everything else that it found.
pub(crate) fn judge(session: &Session<Verify>) -> Result<(), Stop> {
    let Some(findings) = session.findings() else { return Ok(()) };
    let Some(first) = findings.kept().iter().find(|finding| finding.severity() == Severity::Error) else {
        return Ok(());
    };
    let fault = Fault {
        code: gguf_admission::Code::Profile.name(),
        offset: first.offset(),
        path: (first.path() != Path::None).then(|| first.path().to_string()),
        message: format!("{}: {}", first.rule().name(), first.message()),
    };
    Err(Stop::Unfit(fault, list(findings)))
}

/// What was found, as it is told.
pub(crate) fn list(findings: &Findings) -> Vec<Finding> {
    let told = findings.kept().iter().map(|finding| Finding {
        rule: finding.rule().name(),
        level: finding.severity().name(),
        path: (finding.path() != Path::None).then(|| finding.path().to_string()),
        offset: finding.offset(),
        message: finding.message().to_owned(),
    });
    told.collect()
}
