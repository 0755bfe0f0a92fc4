//! A digest, and the words for it.

use core::fmt;
use core::str::FromStr;

use crate::contract::Code;
use crate::error::{Error, Path};

/// A digest algorithm; the number is the ABI's, and its bit in a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256.
    Sha256 = 1,
    /// BLAKE3, 256 bits.
    Blake3 = 2,
}

impl Algorithm {
    /// Every algorithm, in the order of its number.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Blake3];

    /// The algorithm with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Algorithm::ALL.into_iter().find(|algorithm| *algorithm as i32 == number)
    }

    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Blake3 => "blake3",
        }
    }

    pub(super) const fn path(self) -> Path {
        match self {
            Algorithm::Sha256 => Path::Sha256,
            Algorithm::Blake3 => Path::Blake3,
        }
    }
}

/// A 256-bit digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// Lower-case hexadecimal.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 64 hexadecimal digits, of either case, and nothing else.
impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(hex: &str) -> Result<Self, ParseDigestError> {
        let mut digits = hex.chars();
        let mut digest = Digest([0; 32]);
        for (index, byte) in digest.0.iter_mut().enumerate() {
            for digit in 0..2usize {
                let at = index.saturating_mul(2).saturating_add(digit);
                let found = digits.next().ok_or(ParseDigestError(Fault::Length(at)))?;
                let nibble = found.to_digit(16).ok_or(ParseDigestError(Fault::Digit(at, found)))?;
                *byte = *byte << 4 | nibble as u8;
            }
        }
        match digits.count() {
            0 => Ok(digest),
            more => Err(ParseDigestError(Fault::Length(more.saturating_add(DIGITS)))),
        }
    }
}

/// The digests of an admitted file: those that were computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Digests {
    /// SHA-256 over every byte of the file.
    pub sha256: Option<Digest>,
    /// BLAKE3 over every byte of the file.
    pub blake3: Option<Digest>,
}

impl Digests {
    /// The digest of this algorithm.
    pub const fn get(&self, algorithm: Algorithm) -> Option<Digest> {
        match algorithm {
            Algorithm::Sha256 => self.sha256,
            Algorithm::Blake3 => self.blake3,
        }
    }

    pub(super) fn get_mut(&mut self, algorithm: Algorithm) -> &mut Option<Digest> {
        match algorithm {
            Algorithm::Sha256 => &mut self.sha256,
            Algorithm::Blake3 => &mut self.blake3,
        }
    }
}

/// Why a text is no [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDigestError(Fault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// So many characters.
    Length(usize),
    /// What stands where a digit should, and after how many.
    Digit(usize, char),
}

const DIGITS: usize = 64;

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a digest is {DIGITS} hexadecimal digits, found ")?;
        match self.0 {
            Fault::Length(length) => write!(f, "{length}"),
            Fault::Digit(at, found) => write!(f, "{found:?} after {at}"),
        }
    }
}

impl core::error::Error for ParseDigestError {}

/// What was found is not what is expected.
pub(super) fn differs(path: Path, expected: Digest, found: Digest) -> Error {
    Error::new(Code::Digest, format_args!("these are not the bytes that were expected"))
        .on(path)
        .with(format_args!("{expected}"), format_args!("{found}"))
}
