//! The registry under calls that no sane host makes: every answer is one that the table of calls and states allows, what
//! must not change does not, and a model that stands by keeps its bytes.

use std::collections::HashSet;

use gguf_admission::{Code, Error, Kind, LimitId, Limits, Registry, State, Storage};

use crate::build;
use crate::drive::CEILING;
use crate::naive::{self, Terms};
use crate::source::Source;

/// Calls as `input` says.
pub fn session(input: &[u8]) {
    let mut source = Source::new(input);
    let recipe = source.short() % 400;
    let file = build::build(&mut Source::new(source.take(recipe)));
    let mut host = Host {
        registry: Registry::new(),
        known: Vec::new(),
        given: HashSet::new(),
        active: 0,
        loaded: 0,
        file,
        good: build::build(&mut Source::new(&[2, 3])),
        canary: 0,
    };
    host.canary = host.admit_canary();
    for step in 0..120 {
        if source.is_empty() {
            break;
        }
        host.call(&mut source);
        if step % 8 == 0 {
            host.check_canary();
        }
    }
    host.check_canary();
    for known in std::mem::take(&mut host.known) {
        host.registry.release(known.handle).expect("it is live");
        assert_eq!(host.registry.release(known.handle).unwrap_err().code(), Code::Handle);
    }
    assert!(host.active == 0 || host.loaded == host.active || host.registry.active() == 0);
}

/// What is expected of a session.
struct Known {
    handle: i32,
    storage: Storage,
    declared: Option<u64>,
    /// Address and length of the window lent, and how much of it was written.
    lent: Option<(usize, usize)>,
    written: usize,
    /// Whether only true bytes were pushed, and no digest is required.
    truthful: bool,
    expects: u8,
    mask: u8,
}

/// All that can be seen of a session without changing it.
type Sight = (Option<State>, Option<i64>, Result<Vec<u8>, Code>);

struct Host {
    registry: Registry,
    known: Vec<Known>,
    given: HashSet<i32>,
    active: i32,
    loaded: i32,
    file: Vec<u8>,
    good: Vec<u8>,
    canary: i32,
}

impl Host {
    /// A resident model that nobody speaks of again.
    fn admit_canary(&mut self) -> i32 {
        let handle = self.registry.begin(self.good.len() as i64, 2).expect("there is room");
        self.given.insert(handle);
        let mut at = 0;
        while at < self.good.len() {
            let window = self.registry.window(handle).expect("there is memory");
            let len = window.len().min(self.good.len() - at);
            window[..len].copy_from_slice(&self.good[at..at + len]);
            self.registry.push_chunk(handle, at as i64, len as i32).expect("the file is good");
            at += len;
        }
        assert_eq!(self.registry.finish(handle).ok(), Some(State::Admitted));
        handle
    }

    fn check_canary(&mut self) {
        let canary = self.canary;
        assert_eq!(self.registry.state(canary), Some(State::Admitted));
        for index in 0.. {
            match self.registry.tensor(canary, index) {
                Ok(bytes) => assert!(self.good.windows(bytes.len().max(1)).any(|part| part.starts_with(bytes))),
                Err(error) => {
                    assert!(index > 0 && error.code() == Code::Argument, "{error}");
                    break;
                }
            }
        }
    }

    /// A handle: mostly of a live session, else a stale or a made-up one.
    fn handle(&self, source: &mut Source<'_>) -> i32 {
        let choice = source.byte();
        let canary = self.canary;
        let made_up = [0, -1, 1, i32::MAX, i32::MIN, 255, 320, self.loaded, self.active];
        let handle = match choice {
            0..236 => self.known.get(usize::from(choice) % self.known.len().max(1)).map_or(0, |known| known.handle),
            236..245 => made_up[usize::from(choice - 236) % made_up.len()],
            _ => self.known.first().map_or(256, |known| known.handle.wrapping_add(i32::from(choice) - 250)),
        };
        if handle == canary { 0 } else { handle }
    }

    /// The report too, if `closely`: it costs the most.
    fn see(&mut self, handle: i32, closely: bool) -> Sight {
        let position = self.registry.position(handle).ok();
        let report = match closely {
            true => self.registry.report(handle).map(<[u8]>::to_vec).map_err(|error| error.code()),
            false => Ok(Vec::new()),
        };
        (self.registry.state(handle), position, report)
    }

    fn call(&mut self, source: &mut Source<'_>) {
        let call = source.byte();
        match call % 20 {
            0 | 1 => return self.begin(source),
            2 => return self.load(source),
            3 => return self.free(),
            4 if call > 240 => return self.flood(),
            _ => {}
        }
        let handle = self.handle(source);
        let others: Vec<i32> = self.known.iter().map(|known| known.handle).filter(|other| *other != handle).collect();
        let watched = usize::from(call) % others.len().max(1);
        let before: Vec<Sight> = (0..).zip(&others).map(|(at, other)| self.see(*other, at == watched)).collect();
        let sight = self.see(handle, true);
        let index = self.known.iter().position(|known| known.handle == handle);

        let result = match call % 20 {
            4..=8 => self.feed(handle, index, source),
            9 => self.window(handle, index),
            10 => self.push(handle, index, source),
            11 | 12 => self.finish(handle, index),
            13 => self.metadata(handle, source),
            14 => self.tensor(handle, source),
            15 => self.activate(handle),
            16 => return self.release(handle),
            17 => self.limit(handle, source),
            18 => self.digests(handle, index, source),
            _ => self.expect(handle, index, source),
        };

        for (at, (other, sight)) in others.iter().zip(before).enumerate() {
            assert_eq!(self.see(*other, at == watched), sight, "another session changed");
        }
        let after = self.see(handle, true);
        match &result {
            Ok(()) => assert!(sight.0.is_some()),
            Err(error) => match error.code().kind() {
                Kind::Misuse | Kind::Retry => {
                    // A step of several calls may have come as far as lending a window.
                    assert_eq!((after.0, after.1), (sight.0, sight.1), "{error}");
                    if error.code().kind() == Kind::Misuse && !(4..=8).contains(&(call % 20)) {
                        assert_eq!(after, sight, "{error}");
                    }
                    self.same_window(index);
                }
                Kind::Rejected => {
                    assert_eq!(after.0, Some(State::Failed));
                    assert_eq!(after.1, sight.1, "the position is where the rejected chunk began");
                    let report = after.2.expect("a failed session has a report");
                    assert!(report.windows(8).any(|part| part == b"\"error\":"));
                    if let Some(index) = index {
                        self.known[index].lent = None;
                    }
                    self.verdict(index, Some(error));
                }
                Kind::Dead => panic!("{error}"),
            },
        }
        if sight.0.is_none() {
            assert_eq!(result.err().map(|error| error.code()), Some(Code::Handle));
        }
        assert_eq!(self.registry.active(), self.active);
    }

    fn begin(&mut self, source: &mut Source<'_>) {
        let length = match source.below(8) {
            0..3 => self.file.len() as i64,
            3..6 => -1,
            6 => self.file.len() as i64 + source.below(9) as i64 - 4,
            _ => source.lie(0).cast_signed(),
        };
        let sink = if source.chance(16) { i32::from(source.byte()) - 4 } else { 1 + source.below(2) as i32 };
        let good = (length == -1 || (1..1 << 53).contains(&length)) && (sink == 1 || sink == 2);
        match self.registry.begin(length, sink) {
            Ok(handle) => {
                assert!(good && handle >= 256);
                assert!(self.given.insert(handle), "handle {handle} was given before");
                let storage = if sink == 1 { Storage::Verify } else { Storage::Resident };
                let declared = u64::try_from(length).ok();
                self.known.push(Known {
                    handle,
                    storage,
                    declared,
                    lent: None,
                    written: 0,
                    truthful: true,
                    expects: 0,
                    mask: 1,
                });
                self.registry.limit(handle, LimitId::Memory as i32, CEILING as i64).expect("nothing was pushed");
                let window = if source.chance(16) { 1 << 20 } else { 4096 };
                self.registry.limit(handle, LimitId::Window as i32, window).expect("nothing was pushed");
            }
            Err(error) if !good => assert_eq!(error.code(), Code::Argument),
            Err(error) => assert!(error.code() == Code::Sessions && self.known.len() >= 60),
        }
    }

    /// Takes every slot, and gives them back.
    fn flood(&mut self) {
        let mut more = Vec::new();
        let error = loop {
            match self.registry.begin(-1, 1) {
                Ok(handle) => more.push(handle),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Code::Sessions);
        assert_eq!(self.registry.begin(0, 1).unwrap_err().code(), Code::Argument);
        assert_eq!(more.len() + self.known.len() + 1, gguf_admission::SLOTS);
        for handle in more {
            assert!(self.given.insert(handle));
            self.registry.release(handle).expect("it is live");
        }
    }

    fn load(&mut self, source: &mut Source<'_>) {
        let good = source.chance(128);
        let file = if good { &self.good } else { &self.file };
        let limits = Limits::new(Storage::Resident);
        let terms = Terms { declared: Some(file.len() as u64), limits: &limits, resident: true };
        let verdict = if file.is_empty() { None } else { Some(naive::judge(file, terms)) };
        match self.registry.load(file) {
            Ok(()) => {
                assert!(matches!(verdict, Some(Ok(_))));
                self.end_loaded();
                self.active = self.registry.active();
                self.loaded = self.active;
                assert!(self.given.insert(self.active), "a load has a handle of its own");
            }
            Err(error) => match verdict {
                None => assert_eq!(error.code(), Code::Argument),
                Some(verdict) => assert_eq!(verdict.err(), Some(crate::drive::fault(&error))),
            },
        }
        assert_eq!(self.registry.active(), self.active);
        assert_eq!(self.registry.active_model().is_some(), self.active != 0);
    }

    fn free(&mut self) {
        assert_eq!(self.registry.free_active(), self.active != 0);
        self.active = 0;
        self.end_loaded();
    }

    fn end_loaded(&mut self) {
        if self.loaded != 0 {
            assert!(self.registry.state(self.loaded).is_none(), "a loaded model ends when it is displaced");
        }
        self.loaded = 0;
    }

    fn release(&mut self, handle: i32) {
        let live = self.registry.state(handle).is_some();
        assert_eq!(self.registry.release(handle).is_ok(), live);
        assert_eq!(self.registry.state(handle), None);
        self.known.retain(|known| known.handle != handle);
        if handle == self.active {
            self.active = 0;
        }
        if handle == self.loaded {
            self.end_loaded();
        }
        assert_eq!(self.registry.active(), self.active);
    }

    /// Lends, fills with the file's next bytes, pushes some of them.
    fn feed(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
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

    fn window(&mut self, handle: i32, index: Option<usize>) -> Result<(), Error> {
        let state = self.registry.state(handle);
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

    fn same_window(&mut self, index: Option<usize>) {
        if let Some(known) = index.map(|index| &self.known[index])
            && let Some(lent) = known.lent
        {
            let window = self.registry.window(known.handle).expect("it stays lent");
            assert_eq!((window.as_ptr().addr(), window.len()), lent);
        }
    }

    fn push(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
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

    fn finish(&mut self, handle: i32, index: Option<usize>) -> Result<(), Error> {
        let state = self.registry.state(handle);
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
    fn verdict(&mut self, index: Option<usize>, error: Option<&Error>) {
        let Some(known) = index.map(|index| &self.known[index]).filter(|known| known.truthful) else { return };
        let (handle, storage) = (known.handle, known.storage);
        let mut limits = Limits::new(storage);
        for id in LimitId::ALL {
            let value = self.registry.limit(handle, id as i32, -1).expect("a limit can always be read");
            limits.set(id, value.cast_unsigned());
        }
        let position = self.registry.position(handle).expect("it is live") as usize;
        let terms = Terms { declared: known.declared, limits: &limits, resident: storage == Storage::Resident };
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

    fn metadata(&mut self, handle: i32, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let result = self.registry.metadata(handle, i32::from(source.byte()) - 3).map(|text| {
            assert!(core::str::from_utf8(text).is_ok_and(|text| !text.is_empty()));
        });
        if let (Some(State::Open | State::Failed), Err(error)) = (state, &result) {
            assert_eq!(error.code(), Code::State);
        } else if let Err(error) = &result {
            assert!(matches!(error.code(), Code::Argument | Code::Handle | Code::Budget), "{error}");
        }
        result
    }

    fn tensor(&mut self, handle: i32, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let result = self.registry.tensor(handle, i32::from(source.byte()) - 3).map(|_| ());
        match &result {
            Ok(()) => assert_eq!(state, Some(State::Admitted)),
            Err(error) if state.is_some_and(|state| state != State::Admitted) => assert_eq!(error.code(), Code::State),
            Err(error) => assert!(matches!(error.code(), Code::Argument | Code::State | Code::Handle), "{error}"),
        }
        result
    }

    fn activate(&mut self, handle: i32) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let changes = self.registry.changes();
        let result = self.registry.activate(handle);
        match &result {
            Ok(after) => {
                assert_eq!((state, *after), (Some(State::Admitted), State::Admitted));
                assert_eq!(self.registry.changes() > changes, self.active != handle);
                if self.active != handle {
                    self.active = handle;
                    self.end_loaded();
                }
            }
            Err(error) => assert_eq!(error.code(), if state.is_some() { Code::State } else { Code::Handle }),
        }
        result.map(|_| ())
    }

    fn limit(&mut self, handle: i32, source: &mut Source<'_>) -> Result<(), Error> {
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
        let known = (1..=8).contains(&id);
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

    fn digests(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let position = self.registry.position(handle).unwrap_or(0);
        let mask = if source.chance(64) { source.lie(0) as i32 } else { i32::from(source.byte() & 3) };
        let result = self.registry.digests(handle, mask).map(|_| ());
        if let (Ok(()), Some(index)) = (&result, index) {
            let known = &mut self.known[index];
            assert!((0..4).contains(&mask) && mask as u8 & known.expects == known.expects);
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

    fn expect(&mut self, handle: i32, index: Option<usize>, source: &mut Source<'_>) -> Result<(), Error> {
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
