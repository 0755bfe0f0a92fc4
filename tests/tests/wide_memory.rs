//! A 64-bit process has no 32-bit bounds: MEMORY, a sink of one's own and a resident model go above 4 GiB. Nothing here
//! takes that much memory.

#![cfg(target_pointer_width = "64")]

use gguf_admission::{
    Code, Error, Kind, LimitId, Limits, Options, Path, Plan, Resident, Session, Sink, State, Storage, Zone,
};
use gguf_tests::writer::Writer;

const GIB: u64 = 1 << 30;
/// The one tensor of the file, which is larger than a 32-bit memory.
const TENSOR: u64 = 5 * GIB;

/// Counts what it is given, and says that it holds as much: as a sink would that keeps weights on a device.
#[derive(Default)]
struct Device {
    held: u64,
    written: u64,
    whole: usize,
}

impl Sink for Device {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        plan.header.tensors().map(|tensor| tensor.bytes).sum()
    }

    fn held(&self) -> u64 {
        self.held
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        self.held = self.requires(plan);
        Ok(())
    }

    fn write(&mut self, _offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        if let Zone::Tensor { at, .. } = zone {
            assert_eq!(at, self.written);
            self.written += bytes.len() as u64;
        }
        Ok(())
    }

    fn whole(&mut self, index: usize) -> Result<(), Error> {
        self.whole += index + 1;
        Ok(())
    }
}

/// A header up to the data's start, and the length of its file.
fn header() -> (Vec<u8>, u64) {
    let mut writer = Writer::new(1, 0);
    writer.tensor(b"w", TENSOR, 32);
    let mut header = writer.bytes;
    header.resize(header.len().next_multiple_of(32), 0);
    let length = header.len() as u64 + TENSOR;
    (header, length)
}

fn session<S: Sink>(sink: S, length: Option<u64>, limits: Limits) -> Session<S> {
    let mut session = Session::new(sink, length, limits).expect("a length");
    session.set_digests(0).expect("before the first byte");
    session
}

#[test]
fn the_limit_memory_goes_up_to_the_largest_file() {
    let mut limits = Limits::new(Storage::Verify);
    assert_eq!(limits.set(LimitId::Memory, 64 * GIB), 64 * GIB);
    assert_eq!(limits.set(LimitId::Memory, u64::MAX), (1 << 53) - 1);
    assert_eq!(Limits::new(Storage::Resident).get(LimitId::Memory), (1 << 53) - 1);
}

#[test]
fn a_sink_that_says_honestly_that_it_takes_5_gib_is_given_them() {
    let (header, length) = header();
    let piece = vec![1; 64 << 20];
    let mut session = session(Device::default(), Some(length), Options::into_sink(Device::default()).limits);
    session.push_all(&header).expect("a good header");
    assert!(session.needed() > TENSOR);
    for _ in 0..TENSOR / piece.len() as u64 {
        session.push_all(&piece).expect("good data");
    }
    assert!(session.held() > TENSOR);
    session.finish().expect("a good file");
    let model = session.into_model().expect("admitted");
    assert_eq!((model.length(), model.sink().written, model.sink().whole), (length, TENSOR, 1));
}

#[test]
fn a_memory_that_is_too_low_for_5_gib_can_be_raised() {
    let (header, length) = header();
    let mut session = session(Device::default(), Some(length), Limits::new(Storage::Verify));
    session.push_all(&header[..24]).expect("a good start");
    session.set_limit(LimitId::Memory, 4 * GIB).expect("settable");
    let mut at = 24;
    while session.state() == State::Open {
        at += session.push(&header[at..]).expect("a good header");
    }
    let refused = session.push(&[1]).expect_err("5 GiB are more than 4");
    assert_eq!((refused.code(), refused.code().kind(), refused.path()), (Code::Budget, Kind::Retry, Path::Memory));
    let needed = session.needed();
    assert_eq!(session.set_limit(LimitId::Memory, needed).expect("settable"), needed);
    session.push(header.get(at..).filter(|rest| !rest.is_empty()).unwrap_or(&[1])).expect("that helped");
    assert_eq!(session.state(), State::Receiving);
}

#[test]
fn a_resident_model_of_5_gib_is_not_refused_for_its_size() {
    let (header, length) = header();
    for declared in [Some(length), None] {
        let mut session = session(Resident::default(), declared, Options::resident().limits);
        let mut at = 0;
        while session.state() == State::Open {
            at += session.push(&header[at..]).expect("a good header");
        }
        assert!(session.needed() > TENSOR);
        // With a declared length the next byte would reserve all of it.
        if declared.is_none() {
            session.push_all(&header[at..]).expect("good padding");
            session.push_all(&[1; 4096]).expect("good data");
            assert!(session.held() < 100 << 20, "{} bytes for a claim", session.held());
        }
    }
}

#[test]
fn a_file_that_breaks_a_rule_gets_the_verdict_that_it_gets_in_a_guest() {
    let (header, length) = header();
    let cut = session(Resident::default(), Some(length - 1), Options::resident().limits).push_all(&header);
    let cut = cut.expect_err("a byte is missing");
    assert_eq!((cut.code(), cut.path()), (Code::Truncated, Path::Offset(0)));
    let long = session(Resident::default(), Some(length + 1), Options::resident().limits).push_all(&header);
    assert_eq!(long.expect_err("a byte too many").code(), Code::Trailing);
}
