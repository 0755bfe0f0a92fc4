//! Sinks that panic, and sources that lie about what they bring.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use bytes::Buf;
use futures::executor::block_on;
use futures::stream;
use gguf_admission::{
    AdmitError, Code, Error, Limits, Options, Plan, Session, Sink, State, Storage, Zone, admit, admit_reader,
};
use gguf_tests::writer::file_of;

/// Panics in one of its calls, each time, and counts its rollbacks.
struct Panics {
    call: &'static str,
    rollbacks: Rc<Cell<u32>>,
}

impl Panics {
    fn at(&self, call: &str) {
        assert_ne!(self.call, call, "told to panic");
    }
}

impl Sink for Panics {
    fn requires(&self, _: &Plan<'_>) -> u64 {
        self.at("requires");
        0
    }

    fn check(&self, _: &Plan<'_>) -> Result<(), Error> {
        self.at("check");
        Ok(())
    }

    fn prepare(&mut self, _: usize) -> Result<(), Error> {
        self.at("prepare");
        Ok(())
    }

    fn reserve(&mut self, _: &Plan<'_>) -> Result<(), Error> {
        self.at("reserve");
        Ok(())
    }

    fn write(&mut self, _: u64, _: Zone, _: &[u8]) -> Result<(), Error> {
        self.at("write");
        Ok(())
    }

    fn whole(&mut self, _: usize) -> Result<(), Error> {
        self.at("whole");
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.at("commit");
        Ok(())
    }

    fn rollback(&mut self) {
        self.rollbacks.set(self.rollbacks.get() + 1);
    }
}

#[test]
fn a_sink_that_panics_in_any_call_is_rolled_back_once_and_the_session_is_over() {
    let file = file_of(&[64, 5], 32);
    for call in ["requires", "check", "reserve", "prepare", "write", "whole", "commit"] {
        let rollbacks = Rc::new(Cell::new(0));
        let sink = Panics { call, rollbacks: Rc::clone(&rollbacks) };
        let mut session = Session::new(sink, None, Limits::new(Storage::Resident)).expect("no length");
        let mut at = 0;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            while at < file.len() {
                at += session.push(&file[at..]).expect("a good file");
            }
            session.finish().expect("a good file");
        }));
        assert!(panicked.is_err(), "{call}");
        assert_eq!((session.state(), rollbacks.get()), (State::Failed, 1), "{call}");
        assert_eq!(session.position(), at as u64, "{call}: where the call began");
        assert_eq!(session.error().map(Error::code), Some(Code::Poisoned), "{call}");
        assert_eq!(session.push(&file).expect_err("it is over").code(), Code::State, "{call}");
        assert_eq!(session.finish().expect_err("it is over").code(), Code::State, "{call}");
        drop(session);
        assert_eq!(rollbacks.get(), 1, "{call}: once");
        let sink = Panics { call, rollbacks: Rc::clone(&rollbacks) };
        catch_unwind(AssertUnwindSafe(|| admit_reader(&file[..], Options::into_sink(sink)).is_ok()))
            .expect_err("it panics");
        assert_eq!(rollbacks.get(), 2, "{call}: admit_reader");
    }
}

#[test]
fn a_reader_that_says_more_than_its_buffer_holds_is_invalid_data() {
    /// Ends at some time, so that a test that fails ends too.
    struct Liar(u32);
    impl io::Read for Liar {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            Ok(if self.0 > 10 { 0 } else { to.len() + 1 })
        }
    }
    let mut liar = Liar(0);
    let Err(AdmitError::Source(error)) = admit_reader(&mut liar, Options::verify()) else {
        panic!("it was believed");
    };
    assert_eq!((error.kind(), liar.0), (io::ErrorKind::InvalidData, 1));
}

#[test]
fn a_buffer_that_says_it_has_bytes_and_gives_none_ends_the_admission() {
    /// Gives in after some calls, so that a test that fails ends too.
    struct Hollow(usize);
    impl Buf for Hollow {
        fn remaining(&self) -> usize {
            self.0
        }

        fn chunk(&self) -> &[u8] {
            &[]
        }

        fn advance(&mut self, _: usize) {
            self.0 -= 1;
        }
    }
    let source = stream::iter([Ok::<_, io::Error>(Hollow(5))]);
    let Err(AdmitError::Refused(error)) = block_on(admit(source, Options::verify())) else {
        panic!("it was admitted");
    };
    assert_eq!(error.code(), Code::Argument);
}

#[test]
fn an_empty_file_of_a_declared_length_of_0_is_truncated() {
    let empty = || Options { length: Some(0), ..Options::verify() };
    let refused = |result: Result<_, AdmitError<io::Error>>| match result {
        Err(AdmitError::Refused(error)) => (error.code(), error.offset(), error.path().to_string()),
        _ => panic!("it was admitted"),
    };
    let magic = |code| (code, Some(0), "magic".to_string());
    assert_eq!(refused(admit_reader(io::empty(), empty())), magic(Code::Truncated));
    assert_eq!(refused(admit_reader(io::empty(), Options::verify())), magic(Code::Truncated));
    let trailing = (Code::Trailing, Some(0), "trailing".to_string());
    assert_eq!(refused(admit_reader(&file_of(&[5], 32)[..], empty())), trailing);
    let evidence = Options { evidence: true, ..empty() };
    assert_eq!(refused(admit_reader(io::empty(), evidence)), magic(Code::Truncated));
}
