//! The calls that bring a file's bytes, and what its end must be.

use gguf_admission::{Code, Error, Kind, LimitId, Limits, State, Storage};

use super::Host;
use crate::naive::{self, Terms};
use crate::source::Source;

impl Host {
    /// Lends, fills with the file's next bytes, pushes some of them.
    pub(super) fn feed(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
        self.window(handle, index)?;
        let position = self.registry.position(handle)?;
        let left = self.file.get(position as usize..).unwrap_or_default().to_vec();
        let window = self.registry.window(handle)?;
        let len = window.len().min(left.len());
        window[..len].copy_from_slice(&left[..len]);
        let known = &mut self.known[index.expect("only a live session lends")];
        known.written = known.written.max(len);
        let len = if source.chance(128) { len } else { len.min(1 + source.below(50)) };
        if len == 0 { Ok(()) } else { self.push_exactly(handle, index, position, len as i32) }
    }

    pub(super) fn window(&mut self, handle: i32, index: Option<usize>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        if let (Some(index), Some(State::Open | State::HeaderReady | State::Receiving)) = (index, state) {
            self.known[index].room = None;
        }
        let result = self.registry.window(handle).map(|window| (window.as_ptr().addr(), window.len()));
        match &result {
            Ok((address, len)) => {
                assert!(*len > 0);
                let known = &mut self.known[index.expect("only a live session lends")];
                let before = known.lent.replace((*address, *len));
                match before {
                    Some(before) => assert_eq!(before, (*address, *len), "the same slice"),
                    None => known.written = 0,
                }
            }
            Err(error) => match state {
                None => assert_eq!(error.code(), Code::Handle),
                Some(State::Admitted | State::Failed) => assert_eq!(error.code(), Code::State),
                Some(State::Open | State::HeaderReady) => assert_eq!(error.code(), Code::Budget),
                Some(State::Receiving) => panic!("{error}"),
            },
        }
        result.map(|_| ())
    }

    pub(super) fn same_window(&mut self, index: Option<usize>) {
        if let Some(known) = index.map(|index| &mut self.known[index])
            && let Some(lent) = known.lent
        {
            known.room = None;
            let window = self.registry.window(known.handle).expect("it stays lent");
            assert_eq!((window.as_ptr().addr(), window.len()), lent);
        }
    }

    pub(super) fn push(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
        let position = self.registry.position(handle).unwrap_or(0);
        let offset = if source.chance(64) { source.lie(position as u64).cast_signed() } else { position };
        let len = match source.below(4) {
            0 => source.lie(0) as i32,
            _ => source.short() as i32 - 3,
        };
        self.push_exactly(handle, index, offset, len)
    }

    fn push_exactly(&mut self, handle: i32, index: Option<usize>, offset: i64, len: i32) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).ok();
        let known = index.map(|index| &self.known[index]);
        let lent = known.and_then(|known| known.lent).map_or(0, |(_, len)| len as i64);
        let fresh = known.is_some_and(|known| known.written == 0);
        // The order of the checks is part of the contract.
        let misuse = match state {
            None => Some(Code::Handle),
            Some(State::Admitted | State::Failed) => Some(Code::State),
            _ if len <= 0 => Some(Code::Argument),
            _ if Some(offset) != position => Some(Code::Offset),
            _ if i64::from(len) > lent => Some(Code::Window),
            _ if len >= 16 && fresh => Some(Code::Unwritten),
            _ => None,
        };
        let result = self.registry.push_chunk(handle, offset, len);
        if let Some(misuse) = misuse {
            let error = result.expect_err("it is misuse");
            assert_eq!(error.code(), misuse, "{error}");
            return Err(error);
        }
        let known = &mut self.known[index.expect("it is live")];
        known.truthful &= len as usize <= known.written;
        known.room = None;
        match result {
            Ok(state) => {
                known.lent = None;
                assert!(matches!(state, State::Open | State::HeaderReady | State::Receiving));
                let after = self.registry.position(handle).ok();
                assert_eq!(after, position.map(|position| position + i64::from(len)));
                Ok(())
            }
            Err(error) => {
                assert!(error.code() == Code::Budget || error.code().kind() == Kind::Rejected, "{error}");
                Err(error)
            }
        }
    }

    pub(super) fn finish(&mut self, handle: i32, index: Option<usize>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        if let (Some(index), Some(State::HeaderReady | State::Receiving)) = (index, state) {
            self.known[index].room = None;
        }
        let result = self.registry.finish(handle);
        match (&result, state) {
            (Ok(after), Some(State::HeaderReady | State::Receiving)) => {
                assert_eq!(*after, State::Admitted);
                if let Some(index) = index {
                    self.known[index].lent = None;
                }
                self.verdict(index, None);
            }
            (Err(error), None) => assert_eq!(error.code(), Code::Handle),
            (Err(error), Some(State::Admitted | State::Failed)) => assert_eq!(error.code(), Code::State),
            (Err(error), Some(State::Open)) => assert_eq!(error.code(), Code::Truncated),
            (Err(error), Some(State::HeaderReady)) if error.code() == Code::Budget => {}
            (Err(error), _) => assert!(matches!(error.code(), Code::Truncated | Code::Digest), "{error}"),
            (Ok(_), _) => panic!("finish in {state:?}"),
        }
        result.map(|_| ())
    }

    /// A file that was told truly gets the verdict of the naive judge.
    pub(super) fn verdict(&mut self, index: Option<usize>, error: Option<&Error>) {
        let Some(known) = index.map(|index| &self.known[index]).filter(|known| known.truthful) else { return };
        let (handle, storage) = (known.handle, known.storage);
        let mut limits = Limits::new(storage);
        for id in LimitId::ALL {
            let value = self.registry.limit(handle, id as i32, -1).expect("a limit can always be read");
            limits.set(id, value.cast_unsigned());
        }
        let position = self.registry.position(handle).expect("it is live") as usize;
        let terms = Terms { declared: known.declared, limits: &limits, resident: storage == Storage::Resident };
        if naive::is_at_bound(&self.file, terms) {
            return;
        }
        match error {
            // At a `finish` the file is what was pushed; a rejecting push has at least seen the fault.
            None => assert_eq!(naive::judge(&self.file[..position], terms).err(), None),
            Some(error) => {
                let fault = Some(crate::drive::fault(error));
                let ends = [position, self.file.len()].map(|end| naive::judge(&self.file[..end], terms).err());
                assert!(ends.contains(&fault), "{fault:?} is neither of {ends:?}");
            }
        }
    }
}
