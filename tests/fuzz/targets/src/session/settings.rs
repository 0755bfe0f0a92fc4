//! The calls that set terms: limits, digests to compute, digests to require.

use gguf_admission::{Code, Error, LimitId, State};

use super::Host;
use crate::drive::CEILING;
use crate::source::Source;

impl Host {
    pub(super) fn limit(&mut self, handle: i32, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).unwrap_or(0);
        let id = i32::from(source.byte() % 10);
        let value = match source.below(4) {
            0 => -1,
            1 => source.lie(0).cast_signed(),
            _ => source.short() as i64,
        };
        // No session here may hold more than the ceiling.
        let value = if id == LimitId::Memory as i32 && value > 0 { value % CEILING as i64 } else { value };
        let settable = match state {
            Some(State::Open) => position == 0 || id == LimitId::Memory as i32,
            Some(State::HeaderReady) => id == LimitId::Memory as i32,
            _ => false,
        };
        let known = LimitId::from_number(id).is_some();
        let result = self.registry.limit(handle, id, value);
        match &result {
            Ok(effect) => {
                assert!(known && (value == -1 || (value >= 0 && settable)));
                assert_eq!(self.registry.limit(handle, id, -1).ok(), Some(*effect));
            }
            Err(error) => {
                let code = match state {
                    None => Code::Handle,
                    Some(_) if known && value >= 0 && !settable => Code::State,
                    Some(State::Receiving | State::Admitted | State::Failed) if value != -1 => Code::State,
                    _ => Code::Argument,
                };
                assert_eq!(error.code(), code, "{error}");
            }
        }
        result.map(|_| ())
    }

    pub(super) fn digests(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).unwrap_or(0);
        let known_masks = [0, 1, 2, 3, 6, 7];
        let mask = match source.chance(64) {
            true => source.lie(0) as i32,
            false => known_masks[usize::from(source.byte()) % known_masks.len()],
        };
        let result = self.registry.digests(handle, mask).map(|_| ());
        if let (Ok(()), Some(index)) = (&result, index) {
            let known = &mut self.known[index];
            assert!(known_masks.contains(&mask) && mask as u8 & known.expects == known.expects);
            assert!(mask & 4 != 0 || known.list.is_none());
            known.mask = mask as u8;
        } else if let Err(error) = &result {
            let code = match state {
                None => Code::Handle,
                Some(State::Open) if position == 0 => Code::Argument,
                _ => Code::State,
            };
            assert_eq!(error.code(), code, "{error}");
        }
        result
    }

    pub(super) fn expect(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let algorithm = i32::from(source.byte() % 5);
        let words = [source.long().cast_signed(), 0, -1, i64::MIN];
        let result = self.registry.expect_digest(handle, algorithm, words).map(|_| ());
        match (&result, index) {
            (Ok(()), Some(index)) => {
                let known = &mut self.known[index];
                assert_eq!(algorithm as u8 & known.mask & !known.expects, algorithm as u8);
                known.expects |= algorithm as u8;
                known.truthful = false;
            }
            (Err(error), _) => {
                let known = index.map(|index| &self.known[index]);
                let code = match state {
                    None => Code::Handle,
                    Some(State::Admitted | State::Failed) => Code::State,
                    _ if !(1..=2).contains(&algorithm) => Code::Argument,
                    _ if known.is_some_and(|known| known.mask & algorithm as u8 == 0) => Code::Argument,
                    _ => Code::State,
                };
                assert_eq!(error.code(), code, "{error}");
            }
            _ => {}
        }
        result
    }
}
