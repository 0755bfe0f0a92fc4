//! The calls of evidence: the values, what they must be, and groups that are proven apart from the file.

use gguf_admission::{Code, Error, GROUP_BYTES, State};

use super::{Host, Known};
use crate::source::Source;

/// No list has more values.
const MOST_GROUPS: u64 = (1 << 26) - 1;

impl Host {
    pub(super) fn evidence(&mut self, handle: i32, index: Option<usize>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).ok();
        let known = index.map(|index| &self.known[index]);
        let computes = known.is_some_and(|known| known.mask & 4 != 0);
        let declared = known.and_then(|known| known.declared).map(u64::cast_signed);
        let result = self.registry.evidence(handle).map(<[u8]>::len);
        match &result {
            // No file here is longer than a group: its value is there once it is known that it is whole.
            Ok(len) => {
                let whole = state == Some(State::Admitted) || declared == position;
                assert!(computes && *len == if whole { 32 } else { 0 }, "{len} bytes in {state:?}");
            }
            Err(error) => {
                let code = match state {
                    None => Code::Handle,
                    Some(State::Failed) => Code::State,
                    _ => Code::Argument,
                };
                assert!(error.code() == code && (code != Code::Argument || !computes), "{error}");
            }
        }
        result.map(|_| ())
    }

    pub(super) fn expect_evidence(
        &mut self,
        handle: i32,
        index: Option<usize>,
        source: &mut Source<'_>,
    ) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).unwrap_or(0);
        let groups = if source.chance(64) { source.lie(1) as i32 } else { 1 + i32::from(source.byte() % 4) };
        let known = index.map(|index| &self.known[index]);
        let most =
            known.and_then(|known| known.declared).map_or(MOST_GROUPS, |length| groups_of(length).min(MOST_GROUPS));
        let misuse = match (state, known) {
            (None, _) | (_, None) => Some(if state.is_none() { Code::Handle } else { Code::State }),
            (Some(State::Open), Some(_)) if position > 0 => Some(Code::State),
            (Some(State::Open), Some(known)) if known.mask & 4 == 0 => Some(Code::Argument),
            (Some(State::Open), Some(known)) if known.list.is_some() => Some(Code::State),
            (Some(State::Open), _) if groups < 1 || groups as u64 > most => Some(Code::Argument),
            (Some(State::Open), _) => None,
            _ => Some(Code::State),
        };
        let result = self.registry.expect_evidence(handle, groups).map(|room| {
            assert!(room.len() == 32 * groups as usize && room.iter().all(|byte| *byte == 0));
        });
        match (&result, misuse, index) {
            (Ok(()), None, Some(index)) => {
                self.known[index].list = Some(groups as u64);
                // No file has a value of 32 zeros.
                self.known[index].truthful = false;
            }
            (Err(error), None, _) => assert_eq!(error.code(), Code::Budget),
            (Err(error), Some(code), _) => assert_eq!(error.code(), code, "{error}"),
            _ => panic!("a list of {groups} values is expected in {state:?}"),
        }
        result
    }

    pub(super) fn lend_group(
        &mut self,
        handle: i32,
        index: Option<usize>,
        source: &mut Source<'_>,
    ) -> Result<(), Error> {
        let (group, size) = self.provable(handle, index, source);
        let state = self.registry.state(handle);
        let result = self.registry.lend_group(handle, group).map(|room| {
            assert!(room.iter().all(|byte| *byte == 0));
            room.len() as u64
        });
        match (&result, size) {
            (Ok(len), Ok(size)) => {
                assert_eq!(*len, size);
                self.known[index.expect("it is live")].room = Some(group as u64);
            }
            // A list that is complete does not give the BLAKE3 that is expected.
            (Err(error), Ok(_)) if error.code() == Code::Digest => assert_eq!(error.path().to_string(), "evidence"),
            (Err(error), Ok(_)) => {
                assert_eq!(error.code(), Code::Budget, "{error}");
                assert!(matches!(state, Some(State::Open | State::HeaderReady)));
            }
            (Err(error), Err(code)) => assert_eq!(error.code(), code, "{error}"),
            (Ok(_), Err(code)) => panic!("group {group} is lent, and not {code:?}"),
        }
        result.map(|_| ())
    }

    pub(super) fn check_group(
        &mut self,
        handle: i32,
        index: Option<usize>,
        source: &mut Source<'_>,
    ) -> Result<(), Error> {
        let (group, size) = self.provable(handle, index, source);
        let len = match size {
            Ok(size) if source.chance(224) => size as i32,
            _ => source.lie(0) as i32,
        };
        let known = index.map(|index| &self.known[index]);
        let lent = known.and_then(|known| known.room);
        let misuse = match size {
            Err(code) => Some(code),
            Ok(size) if i64::from(len) != size as i64 => Some(Code::Argument),
            Ok(_) if lent != Some(group as u64) => Some(Code::Window),
            Ok(_) => None,
        };
        let result = self.registry.check_group(handle, group, len);
        match (&result, misuse) {
            // Room that was never written to is no group of a file here: it begins with `GGUF`.
            (Ok(proven), None) => {
                assert!(!proven);
                self.known[index.expect("it is live")].room = None;
            }
            (Err(error), Some(code)) => assert_eq!(error.code(), code, "{error}"),
            (result, misuse) => panic!("{result:?}, and not {misuse:?}"),
        }
        result.map(|_| ())
    }

    /// A group to speak of, and its length or why it cannot be proven.
    fn provable(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> (i32, Result<u64, Code>) {
        let group = if source.chance(64) { source.lie(0) as i32 } else { i32::from(source.byte() % 3) };
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).unwrap_or(0).cast_unsigned();
        let admitted = state == Some(State::Admitted);
        let length = |known: &Known| if admitted { Some(position) } else { known.declared };
        let known = index.map(|index| &self.known[index]);
        let size = match (state, known.filter(|known| known.mask & 4 != 0).and_then(length)) {
            (None, _) => Err(Code::Handle),
            (Some(State::Failed), _) | (_, None) => Err(Code::State),
            (_, Some(length)) if group < 0 || group as u64 >= groups_of(length) => Err(Code::Argument),
            (_, Some(length)) => {
                let values = known.and_then(|known| known.list).unwrap_or(0);
                match admitted || (group as u64) < values {
                    true => Ok((length - group as u64 * GROUP_BYTES).min(GROUP_BYTES)),
                    false => Err(Code::State),
                }
            }
        };
        (group, size)
    }
}

fn groups_of(length: u64) -> u64 {
    length.div_ceil(GROUP_BYTES)
}
