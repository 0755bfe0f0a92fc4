//! The registry under calls that no sane host makes: every answer is one that the table of calls and states allows,
//! what must not change does not, and a model that stands by keeps its bytes.

mod feeding;
mod models;
mod proofs;
mod settings;

use std::collections::HashSet;

use gguf_admission::abi::Registry;
use gguf_admission::{Code, Kind, LimitId, State, Storage};

use crate::build;
use crate::drive::CEILING;
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
    /// How many values of evidence are expected.
    list: Option<u64>,
    /// The group that is lent.
    room: Option<u64>,
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
        match call % 24 {
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

        let result = match call % 24 {
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
            19 => self.evidence(handle, index),
            20 => self.expect_evidence(handle, index, source),
            21 => self.lend_group(handle, index, source),
            22 => self.check_group(handle, index, source),
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
                    if error.code().kind() == Kind::Misuse && !(4..=8).contains(&(call % 24)) {
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
                        self.known[index].room = None;
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
                    list: None,
                    room: None,
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
        assert_eq!(more.len() + self.known.len() + 1, gguf_admission::abi::SLOTS);
        for handle in more {
            assert!(self.given.insert(handle));
            self.registry.release(handle).expect("it is live");
        }
    }
}
