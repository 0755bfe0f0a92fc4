//! Why there is no model, as a value, and as the JavaScript error that it turns into.

use std::fmt;

use gguf_admission::{AdmitError, Kind, Path};
use wasm_bindgen::JsValue;

use crate::foreign::{define, message_of};

/// Why an admission ended without a model.
///
/// As a [`JsValue`] it is an `Error` named `AdmissionError` with the fields `code`, `kind`, `status`, `offset`, `path`,
/// `expected`, `found` and `state` (null where there is nothing to say), and `cause` where another error was behind it;
/// but [`Error::Aborted`] is what it holds itself.
#[derive(Clone, Debug)]
pub enum Error {
    /// The file was rejected, or the sink or the allocator refused it.
    Refused(gguf_admission::Error),
    /// The bytes could not be had.
    Source(SourceError),
    /// The signal said stop, and this is its reason; or the source was aborted by another, and this is what it failed
    /// with: an `AbortError`, or of a fetched response whatever its own request was aborted with.
    Aborted(JsValue),
}

/// Why the bytes could not be had.
#[derive(Clone, Debug)]
pub struct SourceError {
    code: &'static str,
    message: String,
    status: Option<u16>,
    offset: Option<u64>,
    path: Option<Path>,
    expected: Option<String>,
    found: Option<String>,
    cause: Option<JsValue>,
}

impl Error {
    /// The word that programs match on: a [`Code`](gguf_admission::Code)'s name, a [`SourceError::code`], or `aborted`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Refused(error) => error.code().name(),
            Error::Source(error) => error.code,
            Error::Aborted(_) => "aborted",
        }
    }

    /// The file offset of the first byte at fault, where there is one.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Error::Refused(error) => error.offset(),
            Error::Source(error) => error.offset,
            Error::Aborted(_) => None,
        }
    }

    /// The field of the file, or of the transfer, at fault, where there is one.
    pub fn path(&self) -> Option<Path> {
        match self {
            Error::Refused(error) => Some(error.path()).filter(|path| *path != Path::None),
            Error::Source(error) => error.path,
            Error::Aborted(_) => None,
        }
    }
}

impl SourceError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        SourceError {
            code,
            message: message.into(),
            status: None,
            offset: None,
            path: None,
            expected: None,
            found: None,
            cause: None,
        }
    }

    /// The source is not as long as the caller says.
    pub(crate) fn length(declared: u64, actual: u64) -> Self {
        let message = format!("the source holds {actual} bytes, the option length says {declared}");
        SourceError {
            path: Some(Path::Length),
            expected: Some(declared.to_string()),
            found: Some(actual.to_string()),
            ..SourceError::new("length", message)
        }
    }

    /// A web page, by its content type, came instead of a model.
    pub(crate) fn page(content_type: &str, refused: gguf_admission::Error) -> Self {
        let message = format!("the server sent a web page ({content_type}), not a GGUF file");
        SourceError {
            offset: refused.offset(),
            expected: Some("GGUF".into()),
            found: Some(content_type.into()),
            cause: Some(Error::from(refused).into()),
            ..SourceError::new("html", message)
        }
    }

    /// What the stream, or the engine, threw.
    pub(crate) fn thrown(cause: JsValue) -> Self {
        let why = message_of(&cause);
        SourceError { cause: Some(cause), ..SourceError::new("source", why) }
    }

    /// Of `what` an answer was wanted, and this was thrown.
    pub(crate) fn unreadable(what: &str, cause: JsValue) -> Self {
        let message = format!("{what} cannot be read: {}", message_of(&cause));
        SourceError::new("source", message).because(cause)
    }

    pub(crate) fn because(self, cause: JsValue) -> Self {
        SourceError { cause: Some(cause), ..self }
    }

    pub(crate) fn called(self, code: &'static str) -> Self {
        SourceError { code, ..self }
    }

    pub(crate) fn at(self, offset: u64) -> Self {
        SourceError { offset: Some(offset), ..self }
    }

    pub(crate) fn answered(self, status: u16) -> Self {
        SourceError { status: Some(status), expected: Some("200".into()), found: Some(status.to_string()), ..self }
    }

    pub(crate) fn found(self, found: Option<String>) -> Self {
        SourceError { found, ..self }
    }

    /// `source` (the stream failed or brought something that is no bytes), `locked` (another has, or had, the stream),
    /// `length` (the source holds another number of bytes than the option says), `http` (the server's status is no
    /// success, or is hidden), `range` (the response holds a part of a file), `html` (a web page came instead of a
    /// model), `unsupported` (not a thing that bytes can be read from, or not a signal that can
    /// be heard).
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status, with the code `http`.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What was thrown, with the codes `source` and `unsupported`; the refusal of the page, with `html`.
    pub fn cause(&self) -> Option<&JsValue> {
        self.cause.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(error) => error.fmt(f),
            Error::Source(error) => error.fmt(f),
            Error::Aborted(reason) => write!(f, "aborted: {}", message_of(reason)),
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl std::error::Error for SourceError {}

impl From<gguf_admission::Error> for Error {
    fn from(error: gguf_admission::Error) -> Self {
        Error::Refused(error)
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Error::Source(error)
    }
}

impl From<AdmitError<Error>> for Error {
    fn from(error: AdmitError<Error>) -> Self {
        match error {
            AdmitError::Source(error) => error,
            AdmitError::Refused(error) => Error::Refused(error),
            AdmitError::Tee(error) => Error::Source(SourceError::new("source", error.to_string())),
        }
    }
}

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        match error {
            Error::Refused(error) => refused(&error),
            Error::Source(error) => failed(error),
            Error::Aborted(reason) => reason,
        }
    }
}

/// What an error says to programs, beside its message.
struct Detail<'a> {
    code: &'a str,
    kind: &'a str,
    status: Option<f64>,
    offset: Option<u64>,
    path: Option<Path>,
    expected: Option<&'a str>,
    found: Option<&'a str>,
    state: &'a str,
}

impl Detail<'_> {
    /// An `Error` of JavaScript with these fields.
    fn into_error(self, message: &str) -> js_sys::Error {
        let Detail { code, kind, status, offset, path, expected, found, state } = self;
        let error = js_sys::Error::new(message);
        for (name, value) in [
            ("name", "AdmissionError".into()),
            ("code", code.into()),
            ("kind", kind.into()),
            ("status", or_null(status)),
            ("offset", or_null(offset.map(|offset| offset as f64))),
            ("path", or_null(path.map(|path| path.to_string()))),
            ("expected", or_null(expected)),
            ("found", or_null(found)),
            ("state", state.into()),
        ] {
            define(&error, name, &value);
        }
        error
    }
}

fn refused(error: &gguf_admission::Error) -> JsValue {
    let kind = error.code().kind();
    let detail = Detail {
        code: error.code().name(),
        kind: kind.name(),
        status: Some(error.code().status().into()),
        offset: error.offset(),
        path: Some(error.path()).filter(|path| *path != Path::None),
        expected: error.expected(),
        found: error.found(),
        state: if kind == Kind::Rejected { "failed" } else { "none" },
    };
    detail.into_error(error.message()).into()
}

fn failed(error: SourceError) -> JsValue {
    let detail = Detail {
        code: error.code,
        kind: if error.code == "unsupported" { "misuse" } else { "source" },
        status: error.status.map(f64::from),
        offset: error.offset,
        path: error.path,
        expected: error.expected.as_deref(),
        found: error.found.as_deref(),
        state: "none",
    };
    let thrown = detail.into_error(&error.message);
    if let Some(cause) = &error.cause {
        define(&thrown, "cause", cause);
    }
    thrown.into()
}

fn or_null(value: Option<impl Into<JsValue>>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}
