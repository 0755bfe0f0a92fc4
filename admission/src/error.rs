//! The one error of the crate. It is made without allocating, so that running out of memory can be told. Only a cause
//! of the caller's own is boxed.

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::contract::{Code, LimitId};
use crate::text::Text;

/// Why a call was refused or a file rejected: the code, where in the file, and what was expected there.
///
/// Code, offset and path depend on the file's bytes, the limits and the declared length alone: not on how the file
/// was cut into chunks. `message` is for people and may change.
#[derive(Clone)]
pub struct Error {
    code: Code,
    offset: Option<u64>,
    path: Path,
    message: Text<200>,
    expected: Text<72>,
    found: Text<72>,
    cause: Option<Cause>,
}

/// What a caller's own code failed with.
#[derive(Clone)]
struct Cause(Arc<dyn std::error::Error + Send + Sync>);

/// An error is only ever read, and nothing of it is changed half.
impl UnwindSafe for Cause {}
impl RefUnwindSafe for Cause {}

/// Which field of the file (or of the transfer) an [`Error`] speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// None: the call itself was wrong.
    None,
    /// Bytes 0 to 3.
    Magic,
    /// Bytes 4 to 7.
    Version,
    /// Bytes 8 to 15.
    TensorCount,
    /// Bytes 16 to 23.
    EntryCount,
    /// The key of a metadata entry.
    Key(u32),
    /// The value type of a metadata entry.
    ValueType(u32),
    /// The value of a metadata entry.
    Value(u32),
    /// The name of a tensor.
    Name(u32),
    /// The dimension count of a tensor.
    Dims(u32),
    /// One dimension of a tensor.
    Dim(u32, u32),
    /// The element type of a tensor.
    Type(u32),
    /// The data offset of a tensor.
    Offset(u32),
    /// Zero bytes between the header, the tensors and the file's end.
    Padding,
    /// Bytes after the last padding.
    Trailing,
    /// The declared length of the file.
    Length,
    /// The file's SHA-256.
    Sha256,
    /// The file's BLAKE3.
    Blake3,
    /// The evidence that was expected, as a whole.
    Evidence,
    /// The value of one group.
    Group(u32),
    /// The memory that admission needs.
    Memory,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::None => Ok(()),
            Path::Magic => f.write_str("magic"),
            Path::Version => f.write_str("version"),
            Path::TensorCount => f.write_str("tensorCount"),
            Path::EntryCount => f.write_str("entryCount"),
            Path::Key(i) => write!(f, "metadata[{i}].key"),
            Path::ValueType(i) => write!(f, "metadata[{i}].type"),
            Path::Value(i) => write!(f, "metadata[{i}].value"),
            Path::Name(i) => write!(f, "tensors[{i}].name"),
            Path::Dims(i) => write!(f, "tensors[{i}].dims"),
            Path::Dim(i, k) => write!(f, "tensors[{i}].dims[{k}]"),
            Path::Type(i) => write!(f, "tensors[{i}].type"),
            Path::Offset(i) => write!(f, "tensors[{i}].offset"),
            Path::Padding => f.write_str("padding"),
            Path::Trailing => f.write_str("trailing"),
            Path::Length => f.write_str("length"),
            Path::Sha256 => f.write_str("digests.sha256"),
            Path::Blake3 => f.write_str("digests.blake3"),
            Path::Evidence => f.write_str("evidence"),
            Path::Group(i) => write!(f, "evidence[{i}]"),
            Path::Memory => f.write_str("memory"),
        }
    }
}

impl Error {
    /// An error of the given code; a [`Sink`](crate::Sink) makes its own refusals with it.
    pub fn new(code: Code, message: fmt::Arguments<'_>) -> Self {
        let mut error = Error {
            code,
            offset: None,
            path: Path::None,
            message: Text::new(),
            expected: Text::new(),
            found: Text::new(),
            cause: None,
        };
        error.message.put(message);
        error
    }

    /// A fault of the file: what it is, where it stands, in which field.
    pub fn at(code: Code, offset: u64, path: Path, message: fmt::Arguments<'_>) -> Self {
        let mut error = Error::new(code, message);
        error.offset = Some(offset);
        error.path = path;
        error
    }

    /// An argument of a call is `found`, against its rule.
    pub(crate) fn argument(rule: &str, found: i64) -> Self {
        Error::new(Code::Argument, format_args!("{rule}")).with(format_args!("{rule}"), format_args!("{found}"))
    }

    /// The allocator could not give `bytes`.
    pub fn memory(bytes: u64) -> Self {
        Error::new(Code::Memory, format_args!("no memory for {bytes} bytes")).on(Path::Memory)
    }

    /// Limit MEMORY is `limit`, and `needed` is needed.
    pub(crate) fn budget(needed: u64, limit: u64) -> Self {
        Error::new(Code::Budget, format_args!("{needed} bytes are needed, limit {} is {limit}", LimitId::Memory.name()))
            .on(Path::Memory)
            .with(format_args!("{needed}"), format_args!("{limit}"))
    }

    /// A field says `found` where a limit allows `most`.
    pub(crate) fn over(at: u64, path: Path, limit: LimitId, most: u64, found: u64) -> Self {
        Error::at(Code::Limit, at, path, format_args!("{found} is above limit {}", limit.name()))
            .with(format_args!("at most {most}"), format_args!("{found}"))
    }

    /// The file has `length` bytes, and the field at `at` needs it to go on to `end`.
    pub(crate) fn truncated(at: u64, path: Path, end: u64, length: u64) -> Self {
        Error::at(Code::Truncated, at, path, format_args!("the file ends at byte {length}, before byte {end}"))
            .with(format_args!("at least {end} bytes"), format_args!("{length}"))
    }

    /// A byte where none is allowed.
    pub(crate) fn trailing(at: u64) -> Self {
        Error::at(Code::Trailing, at, Path::Trailing, format_args!("the file goes on after its end at byte {at}"))
    }

    pub(crate) fn on(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// What should have stood there, and what did.
    pub fn with(mut self, expected: fmt::Arguments<'_>, found: fmt::Arguments<'_>) -> Self {
        self.expected.put(expected);
        self.found.put(found);
        self
    }

    /// Says what caused it: that is its [`source`](std::error::Error::source). Boxes the cause, so it allocates.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use std::io;
    ///
    /// use gguf_admission::{Code, Error};
    ///
    /// let full = io::Error::from(io::ErrorKind::StorageFull);
    /// let error = Error::new(Code::Limit, format_args!("the tensors could not be kept")).caused_by(full);
    /// let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    /// assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
    /// ```
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Cause(cause.into().into()));
        self
    }

    pub(crate) fn message_is(mut self, message: fmt::Arguments<'_>) -> Self {
        self.message = Text::new();
        self.message.put(message);
        self
    }

    pub(crate) fn offset_is(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// What went wrong; programs match on it.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The file offset of the first byte of the field at fault, where there is one.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// The field at fault.
    pub fn path(&self) -> Path {
        self.path
    }

    /// A sentence for people. Text from the file is escaped and cut.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What should have stood there, where that can be said.
    pub fn expected(&self) -> Option<&str> {
        (!self.expected.is_empty()).then_some(&self.expected)
    }

    /// What stood there, where that can be said.
    pub fn found(&self) -> Option<&str> {
        (!self.found.is_empty()).then_some(&self.found)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.name())?;
        if self.path != Path::None {
            write!(f, " in {}", self.path)?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": {}", &*self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `source` is what a caller's own code failed with, where that is the reason.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &*cause.0 as &(dyn std::error::Error + 'static))
    }
}
