//! `admit` over async streams that behave badly.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use futures::executor::block_on;
use futures::stream::{self, Stream};
use gguf_admission::{AdmitError, Code, Digest, Options, admit, admit_reader};
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
        let error = block_on(admit(source, Options::into_sink(sink))).err().expect("the source failed");
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
    let error = block_on(admit(source, Options::verify())).err().expect("a bad magic");
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
