//! What is said of one file.

use std::ffi::OsString;
use std::io;

use gguf_admission::{Digests, Error, Header, Path, Session, Value, Verify};
use serde::Serialize;

use crate::exit::Exit;
use crate::feed::{self, Finding};
use crate::label;

/// Longest name of an architecture that is shown.
const SHOWN_BYTES: u64 = 64;

pub(crate) struct Verdict {
    pub(crate) file: OsString,
    pub(crate) outcome: Outcome,
    /// Of the file, where it is known.
    pub(crate) length: Option<u64>,
    pub(crate) digests: Digests,
    pub(crate) architecture: Option<String>,
    pub(crate) tensors: Option<usize>,
    /// What the profile found; `None` where none was chosen, or the file did not come so far.
    pub(crate) findings: Option<Vec<Finding>>,
}

pub(crate) enum Outcome {
    Admitted,
    /// The header is good; nothing was asked of the data.
    HeaderReady,
    Rejected(Fault),
    Unread(String),
}

/// Why a file was refused: code, place and words are those of docs/abi-v2.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) offset: Option<u64>,
    pub(crate) path: Option<String>,
    pub(crate) message: String,
}

/// Why a check ended early.
pub(crate) enum Stop {
    Refused(Fault),
    /// The profile found an error, and these findings in all.
    Unfit(Fault, Vec<Finding>),
    Unread(io::Error),
}

impl Verdict {
    /// Of a file that was not read, or not to its end.
    pub(crate) fn stopped(file: OsString, length: Option<u64>, stop: Stop) -> Self {
        let (outcome, findings) = match stop {
            Stop::Refused(fault) => (Outcome::Rejected(fault), None),
            Stop::Unfit(fault, findings) => (Outcome::Rejected(fault), Some(findings)),
            Stop::Unread(error) => (Outcome::Unread(error.to_string()), None),
        };
        Verdict { file, outcome, length, digests: Digests::default(), architecture: None, tensors: None, findings }
    }

    /// Of a session that is admitted, or has its header.
    pub(crate) fn passed(file: OsString, session: &Session<Verify>) -> Self {
        let outcome = if session.model().is_some() { Outcome::Admitted } else { Outcome::HeaderReady };
        Verdict {
            file,
            outcome,
            length: session.length(),
            digests: session.model().map(|model| *model.digests()).unwrap_or_default(),
            architecture: session.header().and_then(architecture),
            tensors: session.header().map(Header::tensor_count),
            findings: session.findings().map(feed::list),
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self.outcome {
            Outcome::Admitted | Outcome::HeaderReady => Exit::Good,
            Outcome::Rejected(_) => Exit::Refused,
            Outcome::Unread(_) => Exit::Unread,
        }
    }

    /// One line of JSON. Every field is there in every line, `null` where there is nothing to say.
    pub(crate) fn json(&self) -> String {
        let fault = match &self.outcome {
            Outcome::Rejected(fault) => Some(fault),
            _ => None,
        };
        let (verdict, code, message) = match &self.outcome {
            Outcome::Admitted => ("admitted", None, None),
            Outcome::HeaderReady => ("header_ready", None, None),
            Outcome::Rejected(fault) => ("rejected", Some(fault.code), Some(fault.message.as_str())),
            Outcome::Unread(message) => ("unread", Some("read"), Some(message.as_str())),
        };
        let line = Line {
            file: &self.file.to_string_lossy(),
            verdict,
            code,
            offset: fault.and_then(|fault| fault.offset),
            path: fault.and_then(|fault| fault.path.as_deref()),
            message,
            length: self.length,
            digests: Hex {
                sha256: self.digests.sha256.map(|digest| digest.to_string()),
                blake3: self.digests.blake3.map(|digest| digest.to_string()),
            },
            architecture: self.architecture.as_deref(),
            tensors: self.tensors,
            findings: self.findings.as_deref(),
        };
        label::json(&serde_json::to_string(&line).expect("strings and numbers are JSON"))
    }
}

impl Fault {
    pub(crate) fn of(error: &Error) -> Self {
        Fault {
            code: error.code().name(),
            offset: error.offset(),
            path: (error.path() != Path::None).then(|| error.path().to_string()),
            message: error.message().to_owned(),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        // Running out of memory says nothing of the file.
        match error.code() {
            gguf_admission::Code::Memory => Stop::Unread(io::Error::new(io::ErrorKind::OutOfMemory, error.to_string())),
            _ => Stop::Refused(Fault::of(&error)),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Unread(error)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    verdict: &'a str,
    code: Option<&'a str>,
    offset: Option<u64>,
    path: Option<&'a str>,
    message: Option<&'a str>,
    length: Option<u64>,
    digests: Hex,
    architecture: Option<&'a str>,
    tensors: Option<usize>,
    findings: Option<&'a [Finding]>,
}

#[derive(Serialize)]
struct Hex {
    sha256: Option<String>,
    blake3: Option<String>,
}

/// `general.architecture`, escaped and cut.
pub(crate) fn architecture(header: &Header) -> Option<String> {
    match header.value("general.architecture") {
        Some(Value::String(name)) => Some(label::text(&name.first(SHOWN_BYTES).to_vec().ok()?)),
        _ => None,
    }
}
