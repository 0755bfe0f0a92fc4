//! Feeds a file to a session in pieces, and holds the session to its promises after every step.

use gguf_admission::{Code, Error, Kind, Lend, LimitId, Limits, Model, Session, Sink, State};

use crate::naive::Fault;
use crate::source::Source;

/// No session of these targets may hold more, whatever its file declares.
pub(crate) const CEILING: u64 = 48 << 20;

/// How a file is cut.
#[derive(Clone)]
pub(crate) enum Cuts<'a> {
    /// Not at all.
    Whole,
    /// Every so many bytes.
    Every(usize),
    /// As the decisions say, over and over.
    Drawn(Source<'a>, Source<'a>),
    /// The last so many bytes in this way, those before not at all.
    Tail(usize, Box<Cuts<'a>>),
}

impl<'a> Cuts<'a> {
    /// Cuts drawn from decisions.
    pub(crate) fn drawn(from: &mut Source<'a>) -> Self {
        match from.below(4) {
            0 => Cuts::Every(1 + from.below(70)),
            1 => Cuts::Every(1 + from.short()),
            _ => {
                let sizes = Source::new(from.take(8));
                Cuts::Drawn(sizes.clone(), sizes)
            }
        }
    }

    /// Cuts drawn from decisions, of the last `count` bytes.
    pub(crate) fn tail(count: usize, from: &mut Source<'a>) -> Self {
        Cuts::Tail(count, Box::new(Cuts::drawn(from)))
    }

    /// The size of the next piece of the `left` bytes.
    pub(crate) fn next(&mut self, left: usize) -> usize {
        let size = match self {
            Cuts::Whole => left,
            Cuts::Every(size) => *size,
            Cuts::Tail(tail, cuts) => match left.checked_sub(*tail) {
                None | Some(0) => cuts.next(left),
                Some(before) => before,
            },
            Cuts::Drawn(sizes, all) => {
                if sizes.is_empty() {
                    *sizes = all.clone();
                }
                let size = usize::from(sizes.byte());
                // Mostly a few bytes, at times a lot.
                if size > 200 { size << 4 } else { 1 + size % 40 }
            }
        };
        size.clamp(1, left.max(1))
    }
}

/// Limits: mostly the defaults, else small ones near what a file of `length` bytes needs.
pub(crate) fn limits(from: &mut Source<'_>, storage: gguf_admission::Storage, length: usize) -> Limits {
    let mut limits = Limits::new(storage).with(LimitId::Memory, CEILING).with(LimitId::Window, 4096);
    if from.chance(64) {
        for _ in 0..1 + from.below(2) {
            match from.below(10) {
                0 => limits.set(LimitId::HeaderBytes, from.short() as u64 % (length as u64 + 9)),
                1 => limits.set(LimitId::MetadataEntries, from.below(9) as u64),
                2 => limits.set(LimitId::Tensors, from.below(7) as u64),
                3 => limits.set(LimitId::StringBytes, from.below(40) as u64),
                4 => limits.set(LimitId::ArrayItems, from.below(9) as u64),
                5 => limits.set(LimitId::TrailingBytes, from.below(60) as u64),
                6 => limits.set(LimitId::Window, from.short() as u64),
                7 => limits.set(LimitId::NameBytes, from.below(20) as u64),
                8 => limits.set(LimitId::Dimensions, from.below(10) as u64),
                _ => limits.set(LimitId::Memory, from.short() as u64 * 4),
            };
        }
    }
    limits
}

/// The declared length: mostly the real one, else none or a wrong one.
pub(crate) fn declared(from: &mut Source<'_>, length: usize) -> Option<u64> {
    let length = length as u64;
    match from.below(8) {
        0..3 => Some(length).filter(|length| *length > 0),
        3..6 => None,
        6 => Some(length + 1 + from.below(80) as u64),
        _ => length.checked_sub(1 + from.below(80) as u64).filter(|length| *length > 0),
    }
}

/// One step into a session: at most these bytes; how many were taken.
pub(crate) type Step<S> = fn(&mut Session<S>, &[u8]) -> Result<usize, Error>;

/// Pushes bytes where they lie.
pub(crate) fn push<S: Sink>(session: &mut Session<S>, bytes: &[u8]) -> Result<usize, Error> {
    session.push(bytes)
}

/// Lends a window, fills some of it, commits.
pub(crate) fn lend<S: Lend>(session: &mut Session<S>, bytes: &[u8]) -> Result<usize, Error> {
    let window = session.window()?;
    let len = window.len().min(bytes.len());
    assert!(len > 0, "a window has at least 1 byte");
    window[..len].copy_from_slice(&bytes[..len]);
    let address = window.as_ptr();
    assert_eq!(session.window()?.as_ptr(), address, "an unused window is lent again");
    assert!(session.lent().is_some_and(|lent| lent >= len));
    session.commit(len)?;
    Ok(len)
}

/// What became of a file.
#[expect(clippy::large_enum_variant, reason = "one is made for each file")]
pub(crate) enum End<S> {
    /// It was admitted.
    Admitted(Model<S>),
    /// It was rejected, once by the end of these bytes.
    Rejected(Fault),
    /// It needs more memory than [`CEILING`].
    TooLarge,
}

/// Feeds `file` to `session` and finishes it.
pub(crate) fn admit<S: Sink>(mut session: Session<S>, file: &[u8], mut cuts: Cuts<'_>, step: Step<S>) -> End<S> {
    let mut needed = u64::MAX;
    let mut steps = 0u64;
    let mut at = 0;
    loop {
        let before = (session.state(), session.position());
        let piece = if at == file.len() { 0 } else { cuts.next(file.len() - at) };
        let mut retries = 0;
        let taken = loop {
            steps += 1;
            let result = match piece {
                0 => session.finish().map(|()| 0),
                _ => step(&mut session, &file[at..at + piece]),
            };
            let error = match result {
                Ok(taken) => break taken,
                Err(error) => error,
            };
            match error.code().kind() {
                Kind::Rejected => return rejected(&session, &error),
                Kind::Retry => {}
                Kind::Misuse | Kind::Dead => panic!("{error}"),
            }
            assert_eq!((session.state(), session.position()), (before.0, before.1), "a retry changes nothing");
            assert_eq!(error.code(), Code::Budget, "{error}");
            let need = error.expected().and_then(|need| need.parse().ok()).unwrap_or(0);
            assert!(need > session.limits().get(LimitId::Memory), "{error}");
            if before.0 == State::HeaderReady {
                assert_eq!(need, session.needed(), "budget says what `needed` says");
            }
            // With exactly that much the same call goes through; a step with a window is two calls.
            retries += 1;
            assert!(retries <= 2, "{error}");
            if need > CEILING {
                return End::TooLarge;
            }
            session.set_limit(LimitId::Memory, need).expect("MEMORY can be raised until storage is reserved");
        };
        assert!(piece == 0 || (1..=piece).contains(&taken), "a push takes at least 1 byte");
        at += taken;
        assert_eq!(session.position(), at as u64);
        let (held, state) = (session.held(), session.state());
        let limit = session.limits().get(LimitId::Memory);
        assert!(held <= limit, "{held} bytes are held, {limit} allowed");
        if state == State::HeaderReady {
            needed = session.needed();
        }
        assert!(held <= needed, "{held} bytes are held, {needed} were announced");
        // No byte is looked at more than twice, but what a cut field starts with once more for each push.
        let work = session.work();
        assert!(work <= 2 * at as u64 + 64 * steps, "{work} bytes looked at for {at} bytes in {steps} steps");
        assert_eq!(session.header().is_some(), !matches!(state, State::Open | State::Failed));
        if state == State::Admitted {
            return End::Admitted(session.into_model().expect("an admitted session has a model"));
        }
    }
}

fn rejected<S: Sink>(session: &Session<S>, error: &Error) -> End<S> {
    assert_eq!(session.state(), State::Failed);
    assert_eq!(session.held(), 0, "a failed session holds nothing but the reason");
    assert_eq!(session.error().map(fault), Some(fault(error)));
    End::Rejected(fault(error))
}

/// What the verdicts are compared by.
pub(crate) fn fault(error: &Error) -> Fault {
    Fault { code: error.code().name(), offset: error.offset(), path: error.path().to_string() }
}
