//! `admit` over async streams that behave badly.

use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use futures::executor::block_on;
use futures::stream::{self, Stream};
use gguf_admission::{
    AdmitError, Code, Digest, Error, Header, Model, Options, Path, Refusal, Resident, Session, SetModel, Sink, Verify,
    admit, admit_reader,
};
use gguf_tests::sinks::{Call, Weights};
use gguf_tests::verdict::sections;
use gguf_tests::writer::Writer;

/// Two tensors, with the padding between and behind them.
fn file() -> Vec<u8> {
    let mut writer = Writer::new(2, 1);
    writer.entry_string(b"general.architecture", b"llama").tensor(b"a", 100, 32).tensor(b"b", 33, 32);
    writer.pad(32).data(0, 100, 32).data(1, 33, 32);
    writer.bytes
}

type Item = Result<Bytes, &'static str>;

/// Gives what it is told to, pending once before each item; panics when it is polled behind an end or an error.
struct Source {
    items: VecDeque<Item>,
    ready: bool,
    over: bool,
    polls: Rc<Cell<usize>>,
    dropped: Rc<Cell<bool>>,
}

impl Source {
    fn new(items: impl IntoIterator<Item = Item>) -> Self {
        let (polls, dropped) = Default::default();
        Source { items: items.into_iter().collect(), ready: false, over: false, polls, dropped }
    }
}

impl Stream for Source {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        assert!(!self.over, "polled after its end");
        self.polls.set(self.polls.get() + 1);
        self.ready = !self.ready;
        if self.ready {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let item = self.items.pop_front();
        self.over = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.dropped.set(true);
    }
}

fn pieces(file: &[u8], size: usize) -> impl Iterator<Item = Item> + '_ {
    file.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece)))
}

/// The SHA-256 that the report tells.
fn sha256(file: &[u8]) -> Digest {
    admit_reader(file, Options::verify()).expect("a good file").digests().sha256.expect("computed")
}

#[test]
fn a_stream_of_any_pieces_is_the_file() {
    let file = file();
    let whole = sections(&admit_reader(&file[..], Options::resident()).expect("a good file"));
    for size in [1, 2, 31, 200, 1000] {
        let model = block_on(admit(Source::new(pieces(&file, size)), Options::resident())).expect("a good file");
        assert_eq!(sections(&model), whole);
    }
}

#[test]
fn a_buffer_of_several_chunks_is_read_whole() {
    let file = file();
    let parts: VecDeque<Bytes> = file.chunks(17).map(Bytes::copy_from_slice).collect();
    let chained = parts
        .into_iter()
        .fold(Box::new(Bytes::new()) as Box<dyn Buf>, |before, next| Box::new(before.chain(next)) as Box<dyn Buf>);
    let items = [Ok::<_, io::Error>(chained)];
    let model = block_on(admit(stream::iter(items), Options::resident())).expect("a good file");
    assert_eq!(model.tensor(1).expect("resident").len(), 33);
}

#[test]
fn empty_buffers_mean_nothing() {
    let file = file();
    let empty = || std::iter::repeat_n(Ok(Bytes::new()), 3);
    let items = pieces(&file, 10).flat_map(|piece| empty().chain([piece])).chain(empty());
    block_on(admit(Source::new(items), Options::verify())).expect("a good file");
}

#[test]
fn an_error_of_the_source_at_any_item_is_handed_on_and_rolls_the_sink_back() {
    let file = file();
    let count = pieces(&file, 20).count();
    for good in 0..=count {
        let (sink, log) = Weights::new();
        let source = Source::new(pieces(&file, 20).take(good).chain([Err("gone"), Ok(Bytes::from_static(b"more"))]));
        let (polls, dropped) = (source.polls.clone(), source.dropped.clone());
        let error = block_on(admit(source, Options::into_sink(sink))).expect_err("the source failed");
        assert!(matches!(error, AdmitError::Source("gone")), "{error:?}");
        assert_eq!(polls.get(), 2 * (good + 1), "not polled after the error");
        assert!(dropped.get());
        let calls = &log.read().calls;
        assert_eq!(calls.iter().filter(|call| **call == Call::Rollback).count(), 1);
        assert!(!calls.contains(&Call::Commit));
    }
}

#[test]
fn a_file_that_is_refused_ends_the_stream_at_once() {
    let mut file = file();
    file[0] = b'F';
    let source = Source::new(pieces(&file, 2));
    let (polls, dropped) = (source.polls.clone(), source.dropped.clone());
    let error = block_on(admit(source, Options::verify())).expect_err("a bad magic");
    let AdmitError::Refused(error) = error else { panic!("{error:?}") };
    assert_eq!(error.code(), Code::Magic);
    assert_eq!(polls.get(), 4, "known after 4 bytes");
    assert!(dropped.get());
}

#[test]
fn a_future_that_is_dropped_at_any_point_rolls_the_sink_back() {
    let file = file();
    let count = pieces(&file, 20).count();
    for polled in 0..=count {
        let (sink, log) = Weights::new();
        let source = Source::new(pieces(&file, 20));
        let dropped = source.dropped.clone();
        let mut future = Box::pin(admit(source, Options::into_sink(sink)));
        for _ in 0..polled {
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(future);
        assert!(dropped.get());
        let record = log.read();
        // A future that was never polled never opened a session.
        let rollbacks = record.calls.iter().filter(|call| **call == Call::Rollback).count();
        assert_eq!(rollbacks, usize::from(polled > 0), "{polled} polls: {:?}", record.calls);
        assert!(record.tensors.is_empty() && !record.calls.contains(&Call::Commit));
    }
}

#[test]
fn a_wrong_length_is_refused_as_soon_as_it_shows() {
    let file = file();
    let size = file.len() as u64;
    for (length, code) in [(size - 32, Code::Truncated), (size - 1, Code::Trailing), (size + 1, Code::Trailing)] {
        let source = Source::new(pieces(&file, 16));
        let options = Options { length: Some(length), ..Options::verify() };
        let Err(AdmitError::Refused(error)) = block_on(admit(source, options)) else {
            panic!("a length of {length}");
        };
        assert_eq!(error.code(), code, "{error}");
    }
    let options = Options { length: Some(0), ..Options::verify() };
    let Err(AdmitError::Refused(error)) = block_on(admit(Source::new([]), options)) else {
        panic!("a length of 0");
    };
    assert_eq!(error.code(), Code::Truncated);
}

#[test]
fn an_expected_digest_is_computed_and_compared() {
    let file = file();
    let right = sha256(&file);
    let model = block_on(admit(
        Source::new(pieces(&file, 50)),
        Options { digests: 0, sha256: Some(right), ..Options::verify() },
    ))
    .expect("the right digest");
    assert_eq!(model.digests().sha256, Some(right));
    let blake3 = block_on(admit(Source::new(pieces(&file, 50)), Options { digests: 2, ..Options::verify() }))
        .expect("a good file")
        .digests()
        .blake3;
    let right = Options { blake3, ..Options::verify() };
    block_on(admit(Source::new(pieces(&file, 7)), right)).expect("the right digest");
    for wrong_sha256 in [true, false] {
        let (sink, log) = Weights::new();
        let wrong = Some(Digest([1; 32]));
        let (sha256, blake3) = if wrong_sha256 { (wrong, wrong) } else { (None, wrong) };
        let options = Options { sha256, blake3, ..Options::into_sink(sink) };
        let Err(AdmitError::Refused(error)) = block_on(admit(Source::new(pieces(&file, 50)), options)) else {
            panic!("a wrong digest");
        };
        let path = if wrong_sha256 { "digests.sha256" } else { "digests.blake3" };
        assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Digest, path));
        assert_eq!(error.expected().map(str::len), Some(64));
        assert_eq!(log.read().calls.last(), Some(&Call::Rollback));
    }
}

#[test]
fn an_interrupted_read_is_tried_again() {
    struct Interrupted<'a>(&'a [u8], bool);
    impl io::Read for Interrupted<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let size = to.len().min(40);
            self.0.read(&mut to[..size])
        }
    }
    admit_reader(Interrupted(&file(), false), Options::resident()).expect("a good file");
}

/// Compiles only if the future is `Send` wherever its parts are.
#[test]
fn admit_is_send_where_its_parts_are() {
    fn is_send(_: impl Send) {}
    fn hold<S, F, T, B, E>(stream: T, options: Options<S, F>)
    where
        S: Sink + Send,
        F: FnOnce(&Header) -> Result<(), Refusal> + Send,
        T: Stream<Item = Result<B, E>> + Send,
        B: Buf + Send,
        E: Send,
    {
        is_send(admit(stream, options));
    }
    hold(stream::iter([Ok::<_, io::Error>(Bytes::new())]), Options::resident());
}

/// Compiles only if an error can go up through any thread, and a model be read by many at once.
#[test]
fn errors_and_models_go_to_any_thread() {
    fn goes<T: Send + Sync + 'static>() {}
    fn is_error<T: std::error::Error>() {}
    goes::<Error>();
    goes::<AdmitError<io::Error>>();
    goes::<Header>();
    goes::<Model<Resident>>();
    goes::<SetModel<Resident>>();
    goes::<Session<Verify>>();
    is_error::<AdmitError<io::Error>>();
    is_error::<AdmitError<AdmitError<io::Error>>>();
}

/// How often the header was seen, and what became of the file.
fn shown(
    file: &[u8],
    size: usize,
    length: bool,
    answer: Result<(), Refusal>,
) -> (usize, Result<u64, Error>, Vec<Call>) {
    let (sink, log) = Weights::new();
    let mut seen = 0;
    let length = length.then_some(file.len() as u64);
    let options = Options { length, ..Options::into_sink(sink) }.on_header(|header| {
        seen += 1;
        assert_eq!(header.tensor_count(), 2);
        assert_eq!(log.read().calls, [Call::Check], "nothing is reserved yet");
        answer
    });
    let result = match block_on(admit(Source::new(pieces(file, size)), options)) {
        Ok(model) => Ok(model.length()),
        Err(AdmitError::Refused(error)) => Err(error),
        Err(error) => panic!("{error}"),
    };
    let calls = log.read().calls.clone();
    (seen, result, calls)
}

#[test]
fn a_header_is_shown_once_before_anything_is_reserved_and_a_refusal_is_the_source_of_the_error() {
    #[derive(Debug, PartialEq)]
    struct Unsupported(u32);
    impl std::fmt::Display for Unsupported {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "unsupported: {}", self.0)
        }
    }
    impl std::error::Error for Unsupported {}

    let file = file();
    for size in [1, 7, 1000] {
        for length in [true, false] {
            let (seen, result, calls) = shown(&file, size, length, Ok(()));
            assert_eq!((seen, result.expect("a good file")), (1, file.len() as u64));
            assert_eq!(calls.last(), Some(&Call::Commit));

            let (seen, result, calls) = shown(&file, size, length, Err(Unsupported(3).into()));
            let error = AdmitError::<io::Error>::Refused(result.expect_err("it was refused"));
            assert_eq!((seen, calls), (1, vec![Call::Check, Call::Rollback]));
            let refused = error.source().expect("the error").downcast_ref::<Error>().expect("of the crate");
            assert_eq!((refused.code(), refused.message()), (Code::Limit, "unsupported: 3"));
            assert_eq!(refused.source().and_then(|source| source.downcast_ref()), Some(&Unsupported(3)));

            // An error of the crate is that error, with its place.
            let own = Error::at(Code::Limit, 24, Path::Key(0), format_args!("not this one"));
            let error = shown(&file, size, length, Err(own.into())).1.expect_err("it was refused");
            assert_eq!((error.offset(), error.path(), error.source().is_none()), (Some(24), Path::Key(0), true));
        }
    }
    // What breaks a rule is not shown.
    let mut broken = file.clone();
    broken[0] = b'F';
    assert_eq!(shown(&broken, 7, true, Ok(())).0, 0);
    // Without data, the header is seen at the file's last byte.
    let mut writer = Writer::new(0, 1);
    writer.entry_string(b"general.architecture", b"llama");
    let mut seen = false;
    let options = Options::verify().on_header(|header| {
        seen = header.str("general.architecture")? == "llama";
        Ok(())
    });
    admit_reader(&writer.bytes[..], options).expect("a good file");
    assert!(seen);
}
