//! `admit_into`: what its tee is given, when, and that nothing counts on any end but the good one.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use futures::executor::block_on;
use futures::io::AsyncWrite;
use futures::stream::{self, Stream};
use gguf_admission::{AdmitError, Code, Header, Model, Options, Refusal, Sink, admit_into};
use gguf_tests::sinks::{Call, Log, Weights};
use gguf_tests::writer::file_of;

/// What happened, in order: to the tee, and when the stream was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Polled,
    Written(Vec<u8>),
    Flushed,
    /// Closed, and whether the sink was committed then.
    Closed(bool),
    Dropped,
}

type Events = Arc<Mutex<Vec<Event>>>;

/// Takes at most `most` bytes at a time, pends before each answer, and fails in the call it is told to (the first is
/// 1).
struct Tee {
    events: Events,
    sink: Log,
    most: usize,
    fails: usize,
    calls: usize,
    ready: bool,
}

impl Tee {
    fn answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ready = !self.ready;
        if self.ready {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.calls += 1;
        Poll::Ready(if self.calls == self.fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) })
    }

    fn note(&self, event: Event) {
        self.events.lock().expect("no panic").push(event);
    }
}

impl AsyncWrite for Tee {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(!bytes.is_empty());
        let size = bytes.len().min(self.most);
        self.answer(context).map_ok(|()| {
            self.note(Event::Written(bytes[..size].to_vec()));
            size
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.answer(context).map_ok(|()| self.note(Event::Flushed))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let committed = self.sink.read().calls.contains(&Call::Commit);
        self.answer(context).map_ok(|()| self.note(Event::Closed(committed)))
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.note(Event::Dropped);
    }
}

/// Gives pieces of a file, then an error where it is told to; pends before each item.
struct Source {
    items: VecDeque<Result<Bytes, io::Error>>,
    events: Events,
    ready: bool,
}

impl Stream for Source {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready = !self.ready;
        if self.ready {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.events.lock().expect("no panic").push(Event::Polled);
        Poll::Ready(self.items.pop_front())
    }
}

/// One admission: what is told about it.
struct Case {
    events: Events,
    sink: Log,
}

impl Case {
    fn new() -> (Self, Weights) {
        let (weights, sink) = Weights::new();
        (Case { events: Events::default(), sink }, weights)
    }

    fn source(&self, file: &[u8], size: usize) -> Source {
        let items = file.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Source { items, events: self.events.clone(), ready: false }
    }

    fn tee(&self, most: usize, fails: usize) -> Tee {
        Tee { events: self.events.clone(), sink: self.sink.clone(), most, fails, calls: 0, ready: false }
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no panic").clone()
    }

    fn written(&self) -> Vec<u8> {
        let bytes = |event| if let Event::Written(bytes) = event { bytes } else { Vec::new() };
        self.events().into_iter().flat_map(bytes).collect()
    }

    /// Nothing counts: the tee was dropped and never closed, the sink rolled back and not committed.
    fn is_undone(&self) {
        let events = self.events();
        assert_eq!(events.iter().filter(|event| **event == Event::Dropped).count(), 1);
        assert!(!events.iter().any(|event| matches!(event, Event::Closed(_))), "{events:?}");
        let calls = &self.sink.read().calls;
        assert_eq!(calls.last(), Some(&Call::Rollback));
        assert!(!calls.contains(&Call::Commit));
    }
}

fn file() -> Vec<u8> {
    file_of(&[100, 0, 33], 32)
}

#[test]
fn a_tee_gets_the_file_as_it_was_judged_and_is_closed_behind_the_commit() {
    let file = file();
    for size in [1, 7, 1000] {
        for most in [1, 5, 1000] {
            let (case, weights) = Case::new();
            let admission = admit_into(case.source(&file, size), Options::into_sink(weights), case.tee(most, 0));
            let (model, tee) = block_on(admission).expect("a good file");
            assert_eq!((model.length(), case.written()), (file.len() as u64, file.clone()));
            let events = case.events();
            assert_eq!(events[events.len() - 3..], [Event::Polled, Event::Flushed, Event::Closed(true)]);
            // Between two polls of the stream all of a piece is taken, and no more.
            let mut pieces = events.split(|event| *event == Event::Polled).skip(1);
            for piece in file.chunks(size) {
                let taken = pieces.next().expect("a piece").iter();
                let bytes = taken.flat_map(|event| if let Event::Written(bytes) = event { &bytes[..] } else { &[] });
                assert!(bytes.eq(piece));
            }
            drop(tee);
        }
    }
}

#[test]
fn a_file_that_breaks_at_any_byte_leaves_nothing_that_counts() {
    let file = file();
    for at in 0..file.len() {
        // A byte that is wrong; many are padding, the magic, a count, a name. Tensor bytes may be anything.
        let mut broken = file.clone();
        broken[at] ^= 0x80;
        let (case, weights) = Case::new();
        // With its length a lie about sizes is known at the header.
        let options = Options { length: Some(file.len() as u64), ..Options::into_sink(weights) };
        match block_on(admit_into(case.source(&broken, 10), options, case.tee(4, 0))) {
            Ok((model, _)) => assert_eq!(model.length(), file.len() as u64),
            Err(AdmitError::Refused(_)) => {
                case.is_undone();
                let written = case.written();
                let whole_pieces = written.len().is_multiple_of(10) || written.len() == broken.len();
                assert!(broken.starts_with(&written) && whole_pieces, "byte {at}");
                // What the first piece shows, the tee never sees.
                assert!(at >= 4 || written.is_empty(), "byte {at}");
            }
            Err(error) => panic!("{error}"),
        }
        // An end that is too early; the last padding, of 31 bytes, may be missing.
        if at >= file.len() - 31 {
            continue;
        }
        let (case, weights) = Case::new();
        let admission = admit_into(case.source(&file[..at], 10), Options::into_sink(weights), case.tee(4, 0));
        let Err(AdmitError::Refused(error)) = block_on(admission) else { panic!("it is cut") };
        assert_eq!(error.code(), Code::Truncated);
        case.is_undone();
        assert_eq!(case.written(), file[..at]);
    }
}

#[test]
fn a_failure_of_the_stream_at_any_item_leaves_nothing_that_counts() {
    let file = file();
    for good in 0..=file.chunks(10).count() {
        let (case, weights) = Case::new();
        let mut source = case.source(&file, 10);
        source.items.truncate(good);
        source.items.push_back(Err(io::ErrorKind::ConnectionReset.into()));
        let result = block_on(admit_into(source, Options::into_sink(weights), case.tee(4, 0)));
        assert!(matches!(result, Err(AdmitError::Source(error)) if error.kind() == io::ErrorKind::ConnectionReset));
        case.is_undone();
    }
}

#[test]
fn a_tee_that_fails_at_any_call_ends_the_admission_and_the_stream_is_asked_no_more() {
    let file = file();
    for fails in 1.. {
        let (case, weights) = Case::new();
        let result = block_on(admit_into(case.source(&file, 10), Options::into_sink(weights), case.tee(4, fails)));
        let Err(error) = result else {
            assert!(fails > file.len() / 4, "every write, the flush and the close failed once");
            break;
        };
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert!(matches!(error, AdmitError::Tee(_)));
        let events = case.events();
        assert_eq!(events.last(), Some(&Event::Dropped), "nothing follows");
        assert!(!events.iter().any(|event| matches!(event, Event::Closed(_))));
        let flushed = events.contains(&Event::Flushed);
        // A close that fails comes behind the commit: the model is dropped. All before it is rolled back.
        let end = if flushed { Call::Commit } else { Call::Rollback };
        assert_eq!(case.sink.read().calls.last(), Some(&end), "{events:?}");
    }
}

#[test]
fn a_future_that_is_dropped_at_any_poll_leaves_nothing_that_counts() {
    let file = file();
    // A future that was never polled has not opened anything.
    for polls in 1.. {
        let (case, weights) = Case::new();
        let mut future =
            Box::pin(admit_into(case.source(&file, 20), Options::into_sink(weights), case.tee(usize::MAX, 0)));
        let mut context = Context::from_waker(Waker::noop());
        if (0..polls).any(|_| future.as_mut().poll(&mut context).is_ready()) {
            assert!(polls > 2 * file.chunks(20).count());
            break;
        }
        drop(future);
        let events = case.events();
        assert_eq!(events.last(), Some(&Event::Dropped));
        assert!(!events.iter().any(|event| matches!(event, Event::Closed(_))), "{events:?}");
        if !events.contains(&Event::Flushed) {
            case.is_undone();
        }
    }
}

#[test]
fn a_header_that_is_refused_leaves_nothing_that_counts() {
    let file = file();
    let (case, weights) = Case::new();
    let options = Options::into_sink(weights).on_header(|_| Err("not this one".into()));
    let Err(AdmitError::Refused(error)) = block_on(admit_into(case.source(&file, 9), options, case.tee(4, 0))) else {
        panic!("it was refused")
    };
    assert_eq!(error.message(), "not this one");
    case.is_undone();
    assert!(case.written().len() < file.len() - 133, "none of the data");
}

#[test]
fn a_tee_that_lies_about_what_it_took_is_an_error() {
    struct Liar(Option<usize>);
    impl AsyncWrite for Liar {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(self.0.unwrap_or(bytes.len() + 1)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let file = file();
    for (says, kind) in [(Some(0), io::ErrorKind::WriteZero), (None, io::ErrorKind::InvalidData)] {
        let body = stream::iter([Ok::<_, io::Error>(&file[..])]);
        let result = block_on(admit_into(body, Options::verify(), Liar(says)));
        assert!(matches!(result, Err(AdmitError::Tee(error)) if error.kind() == kind), "{says:?}");
    }
}

/// Compiles only if the future is `Send` wherever its parts are.
#[test]
fn admit_into_is_send_where_its_parts_are() {
    fn is_send<O>(future: impl Future<Output = O> + Send) -> impl Future<Output = O> {
        future
    }
    async fn hold<S, F, T, B, W>(stream: T, options: Options<S, F>, tee: W) -> Option<Model<S>>
    where
        S: Sink + Send,
        F: FnOnce(&Header) -> Result<(), Refusal> + Send,
        T: Stream<Item = Result<B, io::Error>> + Send,
        B: Buf + Send,
        W: AsyncWrite + Unpin + Send,
    {
        Some(is_send(admit_into(stream, options, tee)).await.ok()?.0)
    }
    let file = file();
    let body = stream::iter([Ok::<_, io::Error>(&file[..])]);
    assert!(block_on(hold(body, Options::verify(), Vec::new())).is_some());
}
