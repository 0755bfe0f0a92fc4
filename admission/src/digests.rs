//! The digests of the file's bytes, and those that it must have.

use core::fmt;

use sha2::Digest as _;

use crate::contract::Code;
use crate::error::{Error, Path};

/// A digest algorithm; the number is the ABI's, and its bit in a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256 = 1,
    /// BLAKE3, 256 bits.
    Blake3 = 2,
}

/// A 256-bit digest.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// The digests of an admitted file: those that were computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256 over every byte of the file.
    pub sha256: Option<Digest>,
    /// BLAKE3 over every byte of the file.
    pub blake3: Option<Digest>,
}

/// Digests under way.
pub(crate) struct Hashers {
    sha256: Option<sha2::Sha256>,
    blake3: Option<blake3::Hasher>,
    expected: Digests,
}

impl Hashers {
    /// The algorithms of `mask`: 1 SHA-256, 2 BLAKE3, 3 both, 0 none.
    pub(crate) fn new(mask: u8) -> Self {
        Hashers {
            sha256: (mask & Algorithm::Sha256 as u8 != 0).then(sha2::Sha256::new),
            blake3: (mask & Algorithm::Blake3 as u8 != 0).then(blake3::Hasher::new),
            expected: Digests::default(),
        }
    }

    /// Starts anew with other algorithms, where none that is expected is dropped.
    pub(crate) fn restart(&mut self, mask: u8) -> bool {
        let mut fresh = Hashers::new(mask);
        fresh.expected = self.expected;
        let drops = (fresh.sha256.is_none() && self.expected.sha256.is_some())
            || (fresh.blake3.is_none() && self.expected.blake3.is_some());
        if !drops {
            *self = fresh;
        }
        !drops
    }

    pub(crate) fn computes(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Sha256 => self.sha256.is_some(),
            Algorithm::Blake3 => self.blake3.is_some(),
        }
    }

    pub(crate) fn expected(&mut self, algorithm: Algorithm) -> &mut Option<Digest> {
        match algorithm {
            Algorithm::Sha256 => &mut self.expected.sha256,
            Algorithm::Blake3 => &mut self.expected.blake3,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(blake3) = &mut self.blake3 {
            blake3.update(bytes);
        }
    }

    /// The digests, or the first that is not the expected one.
    pub(crate) fn finish(&self) -> Result<Digests, Error> {
        let found = Digests {
            sha256: self.sha256.as_ref().map(|sha256| Digest(sha256.clone().finalize().into())),
            blake3: self.blake3.as_ref().map(|blake3| Digest(*blake3.finalize().as_bytes())),
        };
        for (path, expected, found) in
            [(Path::Sha256, self.expected.sha256, found.sha256), (Path::Blake3, self.expected.blake3, found.blake3)]
        {
            if let (Some(expected), Some(found)) = (expected, found)
                && expected != found
            {
                return Err(Error::new(Code::Digest, format_args!("these are not the bytes that were expected"))
                    .on(path)
                    .with(format_args!("{expected}"), format_args!("{found}")));
            }
        }
        Ok(found)
    }
}
