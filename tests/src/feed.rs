//! Ways to bring a file in, and ways to cut it.

use gguf_admission::abi::Registry;
use gguf_admission::{AdmitError, Builtin, Error, Keep, Lend, Limits, Options, Session, Sink, State, Storage};

use crate::dice::Dice;
use crate::verdict::{Rejection, Verdict, parsed, sections, sections_of};

/// How a file is cut into chunks.
#[derive(Clone, Debug)]
pub enum Cuts {
    /// Not at all.
    Whole,
    /// Before this byte.
    At(usize),
    /// Byte by byte up to so many bytes before and behind this one, else not at all.
    Near(usize, usize),
    /// Into pieces of this size.
    Every(usize),
    /// At random: mostly into small pieces.
    Random(Dice),
}

impl Cuts {
    /// The size of the next chunk: `at` bytes are in, `left` are not, which is above 0.
    pub fn next(&mut self, at: usize, left: usize) -> usize {
        let size = match self {
            Cuts::Whole => left,
            Cuts::At(cut) if at < *cut => *cut - at,
            Cuts::At(_) => left,
            Cuts::Near(byte, around) if at + *around < *byte => *byte - *around - at,
            Cuts::Near(byte, around) if at < *byte + *around => 1,
            Cuts::Near(..) => left,
            Cuts::Every(size) => *size,
            Cuts::Random(dice) => {
                let most = [2, 9, 70, left + 1][dice.below(4)];
                1 + dice.below(most)
            }
        };
        size.clamp(1, left)
    }
}

/// How a file comes in.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// `Session::window` and `commit`.
    Window,
    /// `Session::push`.
    Push,
    /// `Registry::begin`, `window`, `push_chunk`, `finish`.
    Registry,
    /// `admit` over a stream of buffers.
    Stream,
    /// `admit_reader`.
    Reader,
}

impl Way {
    /// Every way.
    pub const ALL: [Way; 5] = [Way::Window, Way::Push, Way::Registry, Way::Stream, Way::Reader];
}

/// Brings `file` in and gives the verdict. The sections are as `sections` writes them; from a registry, whose report
/// has more, they are picked out: the same JSON with its members in another order.
pub fn verdict(
    way: Way,
    file: &[u8],
    length: Option<u64>,
    storage: Storage,
    limits: Limits,
    mut cuts: Cuts,
) -> Verdict {
    let options = || Options { length, limits, ..Options::into_sink(Builtin::new(storage)) };
    match way {
        Way::Window => {
            let mut session = session(length, storage, limits);
            let result = by_window(&mut session, file, &mut cuts);
            Verdict::of(result.as_ref().map(|()| session.model().expect("admitted")))
        }
        Way::Push => {
            let mut session = session(length, storage, limits);
            let result = by_push(&mut session, file, &mut cuts);
            Verdict::of(result.as_ref().map(|()| session.model().expect("admitted")))
        }
        Way::Registry => {
            let mut registry = Registry::new();
            let result = by_registry(&mut registry, file, length, storage, limits, &mut cuts);
            match result {
                Ok(handle) => {
                    let report = parsed(registry.report(handle).expect("a report"));
                    Verdict::Admitted(sections_of(&report).to_string())
                }
                Err((handle, error)) => {
                    let report = parsed(registry.report(handle).expect("a report"));
                    assert_eq!(report["error"]["code"], error.code().name());
                    Verdict::Rejected(Rejection::of(&error))
                }
            }
        }
        Way::Stream => {
            let mut chunks = Vec::new();
            let mut at = 0;
            while at < file.len() {
                let size = cuts.next(at, file.len() - at);
                chunks.push(Ok::<_, std::convert::Infallible>(&file[at..at + size]));
                at += size;
            }
            let stream = futures::stream::iter(chunks);
            Verdict::of_admission(futures::executor::block_on(gguf_admission::admit(stream, options())))
        }
        Way::Reader => {
            let result = gguf_admission::admit_reader(Cut { file, at: 0, cuts }, options());
            match result {
                Err(AdmitError::Source(error)) => panic!("{error}"),
                result => Verdict::of_admission(result),
            }
        }
    }
}

/// A session for a file.
pub fn session(length: Option<u64>, storage: Storage, limits: Limits) -> Session<Builtin> {
    Session::new(Builtin::new(storage), length, limits).expect("a length that can be declared")
}

/// The whole of `file` through `window` and `commit`, then `finish`.
pub fn by_window<S: Lend>(session: &mut Session<S>, file: &[u8], cuts: &mut Cuts) -> Result<(), Error> {
    let mut at = 0;
    while at < file.len() {
        let size = cuts.next(at, file.len() - at);
        let window = session.window()?;
        assert!(!window.is_empty(), "a window has at least 1 byte");
        let size = size.min(window.len());
        window[..size].copy_from_slice(&file[at..at + size]);
        if let Err(error) = session.commit(size) {
            assert_eq!((session.state(), session.position()), (State::Failed, at as u64));
            return Err(error);
        }
        at += size;
        assert_eq!(session.position(), at as u64);
    }
    session.finish()
}

/// The whole of `file` through `push`, then `finish`. The push that completes the header ends with it.
pub fn by_push<S: Sink>(session: &mut Session<S>, file: &[u8], cuts: &mut Cuts) -> Result<(), Error> {
    let mut at = 0;
    while at < file.len() {
        let size = cuts.next(at, file.len() - at);
        let mut chunk = &file[at..at + size];
        while !chunk.is_empty() {
            let before = session.state();
            let taken = match session.push(chunk) {
                Ok(taken) => taken,
                Err(error) => {
                    assert_eq!((session.state(), session.position()), (State::Failed, at as u64));
                    return Err(error);
                }
            };
            assert!(taken >= 1);
            at += taken;
            assert_eq!(session.position(), at as u64);
            if before == State::Open && session.state() != State::Open {
                assert_eq!(session.state(), State::HeaderReady, "the host may look before it pays");
                assert_eq!(session.header().expect("ready").layout().header_end, at as u64);
            }
            chunk = &chunk[taken..];
        }
    }
    session.finish()
}

/// The whole of `file` through a registry's session: its handle, or its handle and why it was rejected.
pub fn by_registry<S: Keep>(
    registry: &mut Registry<S>,
    file: &[u8],
    length: Option<u64>,
    storage: Storage,
    limits: Limits,
    cuts: &mut Cuts,
) -> Result<i32, (i32, Error)> {
    let handle = registry.begin(length.map_or(-1, u64::cast_signed), storage as i32).expect("a free slot");
    for id in gguf_admission::LimitId::ALL {
        registry.limit(handle, id as i32, limits.get(id).cast_signed()).expect("nothing is in yet");
    }
    let mut at = 0;
    while at < file.len() {
        let size = cuts.next(at, file.len() - at);
        let window = registry.window(handle).map_err(|error| (handle, error))?;
        let size = size.min(window.len());
        window[..size].copy_from_slice(&file[at..at + size]);
        registry.push_chunk(handle, at as i64, size as i32).map_err(|error| (handle, error))?;
        at += size;
    }
    match registry.finish(handle) {
        Ok(state) => {
            assert_eq!(state, State::Admitted);
            Ok(handle)
        }
        Err(error) => Err((handle, error)),
    }
}

/// The verdict as a registry's would be written: the members of the sections in one order.
pub fn ordered(verdict: &Verdict) -> Verdict {
    match verdict {
        Verdict::Admitted(text) => Verdict::Admitted(parsed(text.as_bytes()).to_string()),
        rejected => rejected.clone(),
    }
}

/// The sections of an admitted session, as text.
pub fn sections_in(session: &Session<impl Sink>) -> String {
    sections(session.model().expect("admitted"))
}

/// A reader that gives what the cuts say.
struct Cut<'a> {
    file: &'a [u8],
    at: usize,
    cuts: Cuts,
}

impl std::io::Read for Cut<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let left = self.file.len() - self.at;
        if left == 0 {
            return Ok(0);
        }
        let size = self.cuts.next(self.at, left).min(to.len());
        to[..size].copy_from_slice(&self.file[self.at..self.at + size]);
        self.at += size;
        Ok(size)
    }
}
