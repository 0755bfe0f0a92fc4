//! The digests under way, and those that the file must have.

use sha2::Digest as _;

use super::digest::{Algorithm, Digest, Digests, differs};
use super::evidence::Evidence;
use super::groups::Groups;
use crate::error::Error;

/// The bit of a mask that asks for evidence; it needs that of BLAKE3.
pub(crate) const EVIDENCE: u8 = 4;

/// Digests under way.
pub(crate) struct Hashers {
    sha256: Option<sha2::Sha256>,
    blake3: Blake3,
    expected: Digests,
}

/// BLAKE3 under way: not at all, over the whole file, or group by group.
enum Blake3 {
    None,
    Whole(blake3::Hasher),
    Groups(Groups),
}

impl Hashers {
    /// The algorithms of `mask`: 1 SHA-256, 2 BLAKE3, 3 both, 0 none; and 4, with 2, for evidence. `length` is the
    /// declared length of the file.
    pub(crate) fn new(mask: u8, length: Option<u64>) -> Self {
        Hashers {
            sha256: (mask & Algorithm::Sha256 as u8 != 0).then(sha2::Sha256::new),
            blake3: match (mask & Algorithm::Blake3 as u8 != 0, mask & EVIDENCE != 0) {
                (false, _) => Blake3::None,
                (true, false) => Blake3::Whole(blake3::Hasher::new()),
                (true, true) => Blake3::Groups(Groups::new(length)),
            },
            expected: Digests::default(),
        }
    }

    /// Starts anew with other algorithms, where nothing that is expected is dropped. Before the first byte.
    pub(crate) fn restart(&mut self, mask: u8, length: Option<u64>) -> bool {
        let mut fresh = Hashers::new(mask, length);
        fresh.expected = self.expected;
        let drops = Algorithm::ALL
            .into_iter()
            .any(|algorithm| !fresh.computes(algorithm) && self.expected.get(algorithm).is_some())
            || (fresh.groups().is_none() && self.groups().is_some_and(|groups| groups.expected() > 0));
        if drops {
            return false;
        }
        if fresh.groups().is_some() && self.groups().is_some() {
            // What is expected stays where it is.
            core::mem::swap(&mut fresh.blake3, &mut self.blake3);
        }
        *self = fresh;
        true
    }

    pub(crate) fn computes(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Sha256 => self.sha256.is_some(),
            Algorithm::Blake3 => !matches!(self.blake3, Blake3::None),
        }
    }

    pub(crate) fn expected(&mut self, algorithm: Algorithm) -> &mut Option<Digest> {
        self.expected.get_mut(algorithm)
    }

    /// The values of the evidence, where it is computed.
    pub(crate) fn groups(&self) -> Option<&Groups> {
        match &self.blake3 {
            Blake3::Groups(groups) => Some(groups),
            _ => None,
        }
    }

    pub(crate) fn groups_mut(&mut self) -> Option<&mut Groups> {
        match &mut self.blake3 {
            Blake3::Groups(groups) => Some(groups),
            _ => None,
        }
    }

    /// Holds a list of expected values that is complete against the BLAKE3 that is expected. The first call does.
    pub(crate) fn judge_evidence(&mut self) -> Result<(), Error> {
        let blake3 = self.expected.blake3;
        self.groups_mut().map_or(Ok(()), |groups| groups.judge(blake3))
    }

    /// The first bytes of `bytes`: as many as may be taken at once.
    pub(crate) fn clip<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let room = self.groups().map_or(u64::MAX, Groups::room);
        usize::try_from(room).ok().and_then(|room| bytes.get(..room)).unwrap_or(bytes)
    }

    /// Takes the next bytes, no more than `clip` left. An error says which group they show to be another.
    pub(crate) fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        match &mut self.blake3 {
            Blake3::None => Ok(()),
            Blake3::Whole(hasher) => {
                hasher.update(bytes);
                Ok(())
            }
            Blake3::Groups(groups) => groups.update(bytes),
        }
    }

    /// The digests and the evidence, or the first thing that is not as expected.
    pub(crate) fn finish(&mut self) -> Result<(Digests, Option<Evidence>), Error> {
        let (evidence, blake3) = match &mut self.blake3 {
            Blake3::None => (None, None),
            Blake3::Whole(hasher) => (None, Some(Digest(hasher.finalize().into()))),
            Blake3::Groups(groups) => groups.finish().map(|(evidence, root)| (Some(evidence), root))?,
        };
        let sha256 = self.sha256.as_ref().map(|sha256| Digest(sha256.clone().finalize().into()));
        let digests = Digests { sha256, blake3 };
        for algorithm in Algorithm::ALL {
            if let (Some(expected), Some(found)) = (self.expected.get(algorithm), digests.get(algorithm))
                && expected != found
            {
                return Err(differs(algorithm.path(), expected, found));
            }
        }
        Ok((digests, evidence))
    }
}
