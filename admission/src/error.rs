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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

/// `layout in tensors[3].offset at byte 420: ...`: the code, the field, its offset, the message. Field and offset are
/// left out where there is none.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let mut path: Text<64> = Text::new();
        path.put(format_args!("{}", self.path));
        // A field that is called as the code is would be said twice: `magic in magic`.
        let (outer, last) = path.rsplit_once('.').unwrap_or(("", &path));
        let outer = if last == self.code.name() { outer } else { &path };
        if !outer.is_empty() {
            write!(f, " in {outer}")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One path of each kind.
    fn paths() -> Vec<Path> {
        use Path::*;
        let paths = [
            None,
            Magic,
            Version,
            TensorCount,
            EntryCount,
            Key(3),
            ValueType(3),
            Value(3),
            Name(3),
            Dims(3),
            Dim(3, 1),
            Type(3),
            Offset(3),
            Padding,
            Trailing,
            Length,
            Sha256,
            Blake3,
            Evidence,
            Group(3),
            Memory,
        ];
        for (index, path) in paths.iter().enumerate() {
            // A kind that is new belongs into the list, too.
            let place = match path {
                None => 0,
                Magic => 1,
                Version => 2,
                TensorCount => 3,
                EntryCount => 4,
                Key(_) => 5,
                ValueType(_) => 6,
                Value(_) => 7,
                Name(_) => 8,
                Dims(_) => 9,
                Dim(..) => 10,
                Type(_) => 11,
                Offset(_) => 12,
                Padding => 13,
                Trailing => 14,
                Length => 15,
                Sha256 => 16,
                Blake3 => 17,
                Evidence => 18,
                Group(_) => 19,
                Memory => 20,
            };
            assert_eq!(place, index);
        }
        paths.into()
    }

    #[test]
    fn no_code_and_no_path_make_a_text_that_says_a_word_twice() {
        let shortened = [
            (Code::Magic, Path::Magic, "magic at byte 7: why"),
            (Code::Version, Path::Version, "version at byte 7: why"),
            (Code::Trailing, Path::Trailing, "trailing at byte 7: why"),
            (Code::Memory, Path::Memory, "memory at byte 7: why"),
            (Code::Offset, Path::Offset(3), "offset in tensors[3] at byte 7: why"),
        ];
        for code in Code::ALL {
            for path in paths() {
                let text = Error::at(*code, 7, path, format_args!("why")).to_string();
                let mut words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).collect();
                let all = words.len();
                words.sort_unstable();
                words.dedup();
                assert_eq!(words.len(), all, "{text}");
                let whole = match path {
                    Path::None => format!("{} at byte 7: why", code.name()),
                    _ => format!("{} in {path} at byte 7: why", code.name()),
                };
                let short = shortened.iter().find(|(of, on, _)| (of, *on) == (code, path));
                assert_eq!(text, short.map_or(whole, |(.., text)| (*text).to_owned()));
            }
        }
        assert_eq!(Error::memory(5).to_string(), "memory: no memory for 5 bytes");
        assert_eq!(Error::new(Code::State, format_args!("why")).to_string(), "state: why");
    }
}
