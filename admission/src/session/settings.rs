//! What a host may set on a session, and until when.

use super::session::Session;
use crate::contract::{Code, LimitId, State};
use crate::digests::{Algorithm, Digest};
use crate::error::Error;
use crate::sink::Sink;

impl<S: Sink> Session<S> {
    /// Sets a limit, clamped to its bounds, and gives the value in effect. All but MEMORY only before the first byte,
    /// MEMORY until storage is reserved.
    pub fn set_limit(&mut self, id: LimitId, value: u64) -> Result<u64, Error> {
        let settable = match self.state {
            State::Open => self.position() == 0 || id == LimitId::Memory,
            State::HeaderReady => id == LimitId::Memory,
            _ => false,
        };
        if !settable {
            return Err(self.misplaced("limit"));
        }
        Ok(self.limits.set(id, value))
    }

    /// Chooses the digests to compute, as a mask of [`Algorithm`]s, and with 4 beside BLAKE3 the evidence; before the
    /// first byte.
    pub fn set_digests(&mut self, mask: u8) -> Result<(), Error> {
        if self.state != State::Open || self.position() > 0 {
            return Err(self.misplaced("digests"));
        }
        let is_known = mask <= 3 || (mask <= 7 && mask & Algorithm::Blake3 as u8 != 0);
        if !is_known || !self.data.hashers.restart(mask, self.length) {
            return Err(Error::new(Code::Argument, format_args!("a mask of digests that keeps the expected ones"))
                .with(format_args!("0 to 3, 6 or 7"), format_args!("{mask}")));
        }
        Ok(())
    }

    /// Requires a digest, once for each algorithm that is computed, before the end.
    pub fn expect_digest(&mut self, algorithm: Algorithm, digest: Digest) -> Result<(), Error> {
        if self.state.is_over() {
            return Err(self.misplaced("expect_digest"));
        }
        if !self.data.hashers.computes(algorithm) {
            return Err(Error::new(Code::Argument, format_args!("{algorithm:?} is not computed")));
        }
        let expected = self.data.hashers.expected(algorithm);
        if expected.is_some() {
            return Err(Error::new(Code::State, format_args!("{algorithm:?} is expected already")));
        }
        *expected = Some(digest);
        Ok(())
    }
}
