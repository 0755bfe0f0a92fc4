//! Sinks of a runtime's own: what each is told, in which order, and how each history ends.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as _;
use std::io::Read;

use gguf_admission::{Code, LimitId, Limits, Options, Session, State, Storage, admit_reader};
use gguf_tests::dice::Dice;
use gguf_tests::feed::{self, Cuts};
use gguf_tests::sinks::{Call, Log, Told, Weights};
use gguf_tests::writer::{Writer, file_of};

/// A file whose first, middle and last tensors are empty, so that some are whole without a byte.
fn weights_file(alignment: usize) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let sizes = [0, 5, 0, 64, 1, 0];
    let contents = file_of(&sizes, alignment);
    let mut session = feed::session(None, Storage::Resident, Limits::new(Storage::Resident));
    feed::by_push(&mut session, &contents, &mut Cuts::Whole).expect("a good file");
    let model = session.model().expect("admitted");
    let tensors = model.header().tensors().map(|tensor| {
        let at = tensor.offset as usize;
        (tensor.name().to_string(), contents[at..at + tensor.bytes as usize].to_vec())
    });
    (contents.clone(), tensors.collect())
}

/// What every history of calls has in common: reserved at most once with success, writes in order, told of each whole
/// tensor once and in order, and in the end `commit` or `rollback`, once.
fn check_calls(log: &Log, end: Call, tensors: Option<usize>) {
    let record = log.read();
    let count = |wanted: Call| record.calls.iter().filter(|call| **call == wanted).count();
    let ends = [Call::Commit, Call::Rollback].map(count);
    match end {
        Call::Commit => assert_eq!(ends, [1, 0], "{:?}", record.calls),
        // A commit that failed is followed by the rollback.
        _ => assert!(ends[1] == 1 && ends[0] <= 1, "{:?}", record.calls),
    }
    assert_eq!(record.calls.last(), Some(&end), "nothing follows the end");
    assert!(count(Call::Check) <= 1 && count(Call::Reserve) <= 2);
    let mut position = None;
    for call in &record.calls {
        if let Call::Write(offset, _, len) = call {
            assert!(*len > 0);
            assert_eq!(position.unwrap_or(*offset), *offset, "writes come in file order, without a gap");
            position = Some(offset + *len as u64);
        }
    }
    let whole: Vec<_> =
        record.calls.iter().filter_map(|call| if let Call::Whole(i) = call { Some(*i) } else { None }).collect();
    match tensors {
        Some(count) => assert_eq!(whole, (0..count).collect::<Vec<_>>(), "{:?}", record.calls),
        None => assert!(whole.iter().copied().eq(0..whole.len()), "{:?}", record.calls),
    }
}

fn own_session(sink: Weights, length: Option<u64>) -> Session<Weights> {
    Session::new(sink, length, Limits::new(Storage::Resident).with(LimitId::Window, 4096)).expect("a length")
}

#[test]
fn a_sink_of_the_caller_s_gets_every_tensor_however_the_file_is_cut() {
    for alignment in [8, 32] {
        let (contents, tensors) = weights_file(alignment);
        for cuts in [Cuts::Whole, Cuts::Every(1), Cuts::Every(7), Cuts::Random(Dice::new(5))] {
            let (sink, log) = Weights::new();
            let mut session = own_session(sink, None);
            feed::by_push(&mut session, &contents, &mut cuts.clone()).expect("a good file");
            assert_eq!(log.read().tensors, tensors, "{cuts:?}");
            check_calls(&log, Call::Commit, Some(tensors.len()));
            drop(session.into_model().expect("admitted"));
            check_calls(&log, Call::Commit, Some(tensors.len()));
        }
    }
}

#[test]
fn a_lending_sink_of_the_caller_s_is_told_of_every_tensor_however_the_file_is_cut() {
    for sizes in [&[0usize, 5, 0, 64, 1, 0][..], &[5], &[0], &[0, 0], &[64, 0]] {
        // With one of these keys the header ends at the data start: an empty tensor follows without a byte between.
        for key in 1..=8 {
            let mut writer = Writer::new(sizes.len() as u64, 2);
            writer.entry_u32(b"general.alignment", 8).entry_u8(&b"kkkkkkkk"[..key], 1);
            for (index, size) in sizes.iter().enumerate() {
                writer.tensor(&[b't', b'0' + index as u8], *size as u64, 8);
            }
            writer.pad(8);
            for (index, size) in sizes.iter().enumerate() {
                writer.data(index, *size, 8);
            }
            let contents = writer.bytes;
            for cuts in [Cuts::Whole, Cuts::Every(1), Cuts::Every(11)] {
                for by_window in [true, false] {
                    let (sink, log) = Weights::new();
                    let mut session = own_session(sink, Some(contents.len() as u64));
                    let result = match by_window {
                        true => feed::by_window(&mut session, &contents, &mut cuts.clone()),
                        false => feed::by_push(&mut session, &contents, &mut cuts.clone()),
                    };
                    result.unwrap_or_else(|error| panic!("{sizes:?}, key of {key}: {error}"));
                    check_calls(&log, Call::Commit, Some(sizes.len()));
                }
            }
        }
    }
}

#[test]
fn a_sink_is_rolled_back_once_whatever_byte_the_file_breaks_at() {
    let (contents, _) = weights_file(32);
    let length = contents.len() as u64;
    for end in 0..contents.len() {
        // The source ends too early.
        let (sink, log) = Weights::new();
        let mut session = own_session(sink, Some(length));
        feed::by_push(&mut session, &contents[..end], &mut Cuts::Every(9)).expect_err("too short");
        assert_eq!(session.state(), State::Failed);
        drop(session);
        check_calls(&log, Call::Rollback, None);
        // The session is dropped.
        let (sink, log) = Weights::new();
        let mut session = own_session(sink, Some(length));
        let mut rest = &contents[..end];
        while !rest.is_empty() {
            rest = &rest[session.push(rest).expect("good so far")..];
        }
        drop(session);
        check_calls(&log, Call::Rollback, None);
        assert!(log.read().tensors.is_empty());
    }
    let mut broken = contents.clone();
    for at in 0..contents.len() {
        broken[at] ^= 0x80;
        let (sink, log) = Weights::new();
        let mut session = own_session(sink, Some(length));
        let admitted = feed::by_push(&mut session, &broken, &mut Cuts::Every(9)).is_ok();
        drop(session);
        check_calls(&log, if admitted { Call::Commit } else { Call::Rollback }, None);
        broken[at] ^= 0x80;
    }
}

#[test]
fn a_sink_that_fails_at_any_call_rejects_the_file_and_is_rolled_back_once() {
    let (contents, _) = weights_file(32);
    for by_window in [true, false] {
        let mut failed = HashSet::new();
        for nth in 1.. {
            let (sink, log) = Weights::fail_at(nth, Code::Layout);
            let mut session = own_session(sink, None);
            let result = match by_window {
                true => feed::by_window(&mut session, &contents, &mut Cuts::Every(9)),
                false => feed::by_push(&mut session, &contents, &mut Cuts::Every(9)),
            };
            let Err(error) = result else {
                drop(session);
                check_calls(&log, Call::Commit, Some(6));
                assert_eq!(failed.len(), if by_window { 3 } else { 4 }, "each fallible call was one that failed");
                break;
            };
            assert_eq!((error.code(), error.message()), (Code::Layout, "told to fail"));
            let last = log.read().calls.iter().rev().nth(1).copied().expect("the call before the rollback");
            let kept = session.error().expect("it failed").clone();
            for error in [error, kept] {
                let told = error.source().and_then(|source| source.downcast_ref());
                assert_eq!(told, Some(&Told(last)), "the session has failed in that call");
            }
            failed.insert(core::mem::discriminant(&last));
            assert_eq!(session.state(), State::Failed);
            drop(session);
            check_calls(&log, Call::Rollback, None);
        }
    }
}

#[test]
fn a_sink_that_cannot_reserve_for_now_is_asked_again() {
    let (contents, tensors) = weights_file(32);
    let (sink, log) = Weights::fail_at(1, Code::Memory);
    let mut session = own_session(sink, None);
    let header = session.push(&contents).expect("the header");
    let error = session.push(&contents[header..]).expect_err("no memory yet");
    assert_eq!((error.code(), session.state()), (Code::Memory, State::HeaderReady));
    assert_eq!(session.position(), header as u64);
    assert_eq!(session.push(&contents[header..]).expect("now"), contents.len() - header);
    session.finish().expect("whole");
    assert_eq!(log.read().tensors, tensors);
    check_calls(&log, Call::Commit, Some(6));
}

#[test]
fn admit_reader_rolls_a_sink_back_when_the_source_fails_at_any_byte() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("gone"));
            }
            let size = self.0.len().min(to.len()).min(11);
            to[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }
    let (contents, _) = weights_file(32);
    for end in 0..=contents.len() {
        let (sink, log) = Weights::new();
        let error = admit_reader(Broken(&contents[..end]), Options::into_sink(sink)).expect_err("the source failed");
        assert!(matches!(error, gguf_admission::AdmitError::Source(_)), "{error}");
        check_calls(&log, Call::Rollback, None);
    }
}
