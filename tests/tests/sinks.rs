//! What a sink may rely on: the order in which a session calls it.

use gguf_admission::{Limits, Session, State, Storage};
use gguf_tests::sinks::{Call, Weights};
use gguf_tests::writer::Writer;

#[test]
fn a_sink_is_checked_with_the_header_and_reserves_with_the_consent() {
    let mut writer = Writer::new(1, 1);
    writer.entry_u8(b"key", 1).tensor(b"w", 64, 32).pad(32).data(0, 64, 32);
    let (sink, log) = Weights::new();
    let mut session = Session::new(sink, None, Limits::new(Storage::Resident)).expect("no length");
    let header = session.push(&writer.bytes).expect("the header");
    // Nobody has consented yet.
    assert_eq!(session.state(), State::HeaderReady);
    assert_eq!(log.read().calls, [Call::Check]);
    session.push(&writer.bytes[header..]).expect("the data");
    session.finish().expect("whole");
    let calls = &log.read().calls;
    let rank = |call: &Call| match call {
        Call::Check => 0,
        Call::Reserve => 1,
        Call::Write(..) | Call::Filled(_) | Call::Whole(_) => 2,
        Call::Commit => 3,
        Call::Rollback => 4,
    };
    assert!(calls.is_sorted_by_key(rank), "{calls:?}");
    assert_eq!(calls.iter().map(rank).filter(|rank| *rank != 2).collect::<Vec<_>>(), [0, 1, 3]);
}
