//! Every call in every state, natively: the answer, and that misuse changed nothing. The Node suite does the same, in
//! full, on the module.

use gguf_admission::abi::Registry;
use gguf_admission::{Error, State};
use gguf_tests::verdict::parsed;
use gguf_tests::writer::Writer;

/// A tensor whose data lies behind the header, so that every state can be reached with a call to spare.
fn file() -> Vec<u8> {
    let mut writer = Writer::new(1, 1);
    writer.entry_u8(b"k", 7).tensor(b"t", 64, 32).pad(32).data(0, 64, 32);
    writer.bytes
}

/// Where the header ends in that file.
const HEADER_END: usize = 24 + 14 + 33;

const STATES: [&str; 6] = ["stale", "open", "header_ready", "receiving", "admitted", "failed"];

/// A registry with a session in the given state.
fn at(state: &str) -> (Registry, i32) {
    let file = file();
    let mut registry = Registry::new();
    let handle = registry.begin(-1, 2).expect("a slot");
    let push = |registry: &mut Registry, from: usize, to: usize| {
        let mut at = from;
        while at < to {
            let window = registry.window(handle).expect("memory");
            let size = window.len().min(to - at);
            window[..size].copy_from_slice(&file[at..at + size]);
            registry.push_chunk(handle, at as i64, size as i32).expect("a good file");
            at += size;
        }
    };
    match state {
        "stale" => registry.release(handle).expect("open"),
        "open" => {}
        "header_ready" => push(&mut registry, 0, HEADER_END),
        "receiving" => {
            push(&mut registry, 0, HEADER_END);
            push(&mut registry, HEADER_END, HEADER_END + 1);
        }
        "admitted" => {
            push(&mut registry, 0, file.len());
            registry.finish(handle).expect("whole");
        }
        "failed" => {
            registry.window(handle).expect("memory")[..4].copy_from_slice(b"FUGG");
            registry.push_chunk(handle, 0, 4).expect_err("not GGUF");
        }
        other => panic!("{other}"),
    }
    let stands = registry.state(handle).map_or("stale", State::name);
    assert_eq!(stands, state);
    (registry, handle)
}

type Call = fn(&mut Registry, i32) -> Result<i64, Error>;

/// For each call: its answers in the states, in their order. A word is a code, `ok` any value, a number that value.
const MATRIX: &[(&str, Call, [&str; 6])] = &[
    ("limit read", |r, h| r.limit(h, 7, -1), ["handle", "1048576", "1048576", "1048576", "1048576", "1048576"]),
    ("limit set", |r, h| r.limit(h, 7, 1), ["handle", "4096", "state", "state", "state", "state"]),
    (
        "limit set MEMORY",
        |r, h| r.limit(h, 6, 1 << 30),
        ["handle", "1073741824", "1073741824", "state", "state", "state"],
    ),
    (
        "limit read of no limit",
        |r, h| r.limit(h, 11, -1),
        ["handle", "argument", "argument", "argument", "argument", "argument"],
    ),
    ("limit set of no limit", |r, h| r.limit(h, 0, 5), ["handle", "argument", "argument", "state", "state", "state"]),
    (
        "limit to a value below -1",
        |r, h| r.limit(h, 1, -2),
        ["handle", "argument", "argument", "state", "state", "state"],
    ),
    ("digests", |r, h| r.digests(h, 3).map(number), ["handle", "1", "state", "state", "state", "state"]),
    (
        "digests of no mask",
        |r, h| r.digests(h, 4).map(number),
        ["handle", "argument", "state", "state", "state", "state"],
    ),
    ("expect_digest", |r, h| r.expect_digest(h, 1, [1; 4]).map(number), ["handle", "1", "2", "3", "state", "state"]),
    (
        "expect_digest not computed",
        |r, h| r.expect_digest(h, 2, [1; 4]).map(number),
        ["handle", "argument", "argument", "argument", "state", "state"],
    ),
    (
        "expect_digest of no algorithm",
        |r, h| r.expect_digest(h, 3, [1; 4]).map(number),
        ["handle", "argument", "argument", "argument", "state", "state"],
    ),
    (
        "expect_digest twice",
        |r, h| {
            r.expect_digest(h, 1, [1; 4])?;
            r.expect_digest(h, 1, [1; 4]).map(number)
        },
        ["handle", "state", "state", "state", "state", "state"],
    ),
    ("window", |r, h| r.window(h).map(length), ["handle", "65536", "ok", "ok", "state", "state"]),
    (
        "push_chunk without a window",
        |r, h| {
            let at = position(r, h);
            r.push_chunk(h, at, 1).map(number)
        },
        ["handle", "window", "window", "window", "state", "state"],
    ),
    (
        "push_chunk of nothing",
        |r, h| {
            let at = position(r, h);
            r.push_chunk(h, at, 0).map(number)
        },
        ["handle", "argument", "argument", "argument", "state", "state"],
    ),
    (
        "push_chunk of less",
        |r, h| {
            let at = position(r, h);
            r.push_chunk(h, at, -1).map(number)
        },
        ["handle", "argument", "argument", "argument", "state", "state"],
    ),
    (
        "push_chunk elsewhere",
        |r, h| r.push_chunk(h, 5, 1).map(number),
        ["handle", "offset", "offset", "offset", "state", "state"],
    ),
    (
        "push_chunk before the start",
        |r, h| r.push_chunk(h, -1, 1).map(number),
        ["handle", "offset", "offset", "offset", "state", "state"],
    ),
    (
        "push_chunk above the window",
        |r, h| {
            let lent = r.window(h)?.len() as i32;
            let at = position(r, h);
            r.push_chunk(h, at, lent + 1).map(number)
        },
        ["handle", "window", "window", "window", "state", "state"],
    ),
    (
        "push_chunk of what was not written",
        |r, h| {
            r.window(h)?;
            let at = position(r, h);
            r.push_chunk(h, at, 16).map(number)
        },
        ["handle", "unwritten", "unwritten", "unwritten", "state", "state"],
    ),
    ("finish", |r, h| r.finish(h).map(number), ["handle", "truncated", "truncated", "truncated", "state", "state"]),
    ("position", |r, h| r.position(h), ["handle", "0", "71", "72", "160", "0"]),
    ("report", |r, h| r.report(h).map(shared), ["handle", "ok", "ok", "ok", "ok", "ok"]),
    ("metadata", |r, h| r.metadata(h, 0).map(shared), ["handle", "state", "1", "1", "1", "state"]),
    (
        "metadata past the end",
        |r, h| r.metadata(h, 1).map(shared),
        ["handle", "state", "argument", "argument", "argument", "state"],
    ),
    (
        "metadata before the start",
        |r, h| r.metadata(h, -1).map(shared),
        ["handle", "state", "argument", "argument", "argument", "state"],
    ),
    ("tensor", |r, h| r.tensor(h, 0).map(shared), ["handle", "state", "state", "state", "64", "state"]),
    (
        "tensor past the end",
        |r, h| r.tensor(h, 1).map(shared),
        ["handle", "state", "state", "state", "argument", "state"],
    ),
    ("activate", |r, h| r.activate(h).map(number), ["handle", "state", "state", "state", "4", "state"]),
    ("release", |r, h| r.release(h).map(|()| 0), ["handle", "0", "0", "0", "0", "0"]),
];

fn number(state: State) -> i64 {
    state as i64
}

fn length(window: &mut [u8]) -> i64 {
    window.len() as i64
}

fn shared(bytes: &[u8]) -> i64 {
    bytes.len() as i64
}

fn position(registry: &mut Registry, handle: i32) -> i64 {
    registry.position(handle).unwrap_or(0)
}

fn seen(registry: &mut Registry, handle: i32) -> Option<String> {
    let mut report = parsed(registry.report(handle).ok()?);
    // A window that is lent is room that is held.
    report["memory"] = serde_json::Value::Null;
    Some(report.to_string())
}

#[test]
fn every_call_gets_the_answer_of_the_matrix_in_every_state() {
    for (name, call, answers) in MATRIX {
        for (state, wanted) in STATES.iter().zip(answers) {
            let (mut registry, handle) = at(state);
            let before = seen(&mut registry, handle);
            let answer = call(&mut registry, handle);
            let got = match &answer {
                Ok(_) if *wanted == "ok" => "ok".to_owned(),
                Ok(value) => value.to_string(),
                Err(error) => error.code().name().to_owned(),
            };
            assert_eq!(got, *wanted, "{name} in {state}");
            if let Err(error) = &answer {
                let twice = format!("{0}: {0}", error.code());
                assert!(!error.to_string().starts_with(&twice), "{name} in {state}: {error}");
            }
            // A window that was lent moves HEADER_READY on, whatever the push behind it says.
            let lends = name.contains("above the window") || name.contains("not written");
            let twice = name.contains("twice");
            if let Err(error) = answer
                && error.code().kind() == gguf_admission::Kind::Misuse
                && !lends
                && !twice
            {
                assert_eq!(seen(&mut registry, handle), before, "{name} in {state}: misuse changes nothing");
            }
        }
    }
}

#[test]
fn the_checks_of_a_push_come_in_their_fixed_order() {
    let (mut registry, handle) = at("open");
    let code = |result: Result<State, Error>| result.expect_err("misuse").code().name();
    // Handle, argument, offset, window, unwritten: each with everything behind it wrong too.
    assert_eq!(code(registry.push_chunk(handle + 256, 9, 0)), "handle");
    assert_eq!(code(registry.push_chunk(handle, 9, 0)), "argument");
    assert_eq!(code(registry.push_chunk(handle, 9, 99_999)), "offset");
    assert_eq!(code(registry.push_chunk(handle, 0, 99_999)), "window");
    registry.window(handle).expect("memory");
    assert_eq!(code(registry.push_chunk(handle, 0, 99_999)), "window");
    assert_eq!(code(registry.push_chunk(handle, 0, 65_536)), "unwritten");
    let (mut failed, handle) = at("failed");
    assert_eq!(code(failed.push_chunk(handle, 9, 0)), "state");
    assert_eq!(failed.limit(handle, 99, 1).expect_err("misuse").code().name(), "state");
}

#[test]
fn a_window_is_the_same_until_it_is_consumed() {
    for state in ["open", "header_ready", "receiving"] {
        let (mut registry, handle) = at(state);
        let place = |registry: &mut Registry| {
            let window = registry.window(handle).expect("memory");
            (window.as_ptr().addr(), window.len())
        };
        let lent = place(&mut registry);
        let at = position(&mut registry, handle);
        registry.window(handle).expect("the same")[0] = 77;
        for misuse in [(at + 1, 1), (at, 0), (at, lent.1 as i32 + 1)] {
            registry.push_chunk(handle, misuse.0, misuse.1).expect_err("misuse");
            assert_eq!(place(&mut registry), lent, "{state}");
            assert_eq!(registry.window(handle).expect("the same")[0], 77, "what was written stays");
        }
    }
}

#[test]
fn begin_checks_its_arguments_before_it_looks_for_a_slot() {
    let mut registry = Registry::new();
    let mut handles = Vec::new();
    for _ in 0..gguf_admission::abi::SLOTS {
        handles.push(registry.begin(1, 1).expect("a slot"));
    }
    for (length, sink) in [(0, 1), (-2, 1), (1 << 53, 1), (1, 0), (1, 3), (-1, -1)] {
        assert_eq!(registry.begin(length, sink).expect_err("refused").code().name(), "argument");
    }
    assert_eq!(registry.begin((1 << 53) - 1, 2).expect_err("full").code().name(), "sessions");
    assert!(handles.iter().all(|handle| *handle >= 256), "never 0, never below 256");
    handles.sort_unstable();
    handles.dedup();
    assert_eq!(handles.len(), gguf_admission::abi::SLOTS);
}

#[test]
fn a_stale_or_forged_handle_names_nothing() {
    let (mut registry, handle) = at("admitted");
    registry.activate(handle).expect("admitted");
    let stale = registry.begin(-1, 1).expect("a slot");
    registry.release(stale).expect("open");
    let again = registry.begin(-1, 1).expect("the slot of the stale one");
    assert_eq!((again & 0xff, again >> 8), (stale & 0xff, (stale >> 8) + 1));
    for forged in [stale, 0, 1, 255, -1, i32::MIN, i32::MAX, again + 256, again ^ 0xff, (1 << 8) | 64, handle - 256] {
        assert_eq!(registry.position(forged).expect_err("nothing").code().name(), "handle", "{forged}");
        assert_eq!(registry.release(forged).expect_err("nothing").code().name(), "handle", "{forged}");
    }
    assert_eq!(registry.active(), handle);
}

#[test]
fn a_read_until_nothing_loop_always_has_a_window() {
    let (mut registry, handle) = at("receiving");
    let file = file();
    let mut at = position(&mut registry, handle) as usize;
    loop {
        let window = registry.window(handle).expect("always");
        assert!(!window.is_empty());
        let size = window.len().min(file.len() - at);
        if size == 0 {
            break;
        }
        window[..size].copy_from_slice(&file[at..at + size]);
        registry.push_chunk(handle, at as i64, size as i32).expect("a good file");
        at += size;
    }
    registry.finish(handle).expect("a window that is lent and not pushed does not count");
}

#[test]
fn a_file_that_holds_the_stamp_comes_in_by_less_than_16_bytes_first() {
    let (mut registry, handle) = at("header_ready");
    let mut file = file();
    let start = file.len() - 64;
    for at in HEADER_END..start {
        registry.window(handle).expect("memory")[0] = 0;
        registry.push_chunk(handle, at as i64, 1).expect("padding");
    }
    let stamp = registry.window(handle).expect("memory")[..16].to_vec();
    file[start..start + 16].copy_from_slice(&stamp);
    assert_eq!(
        registry.push_chunk(handle, start as i64, 64).expect_err("looks as it was lent").code().name(),
        "unwritten"
    );
    registry.window(handle).expect("the same")[..15].copy_from_slice(&stamp[..15]);
    registry.push_chunk(handle, start as i64, 15).expect("less than 16 is never checked");
    let rest = file.len() - start - 15;
    registry.window(handle).expect("memory")[..rest].copy_from_slice(&file[start + 15..]);
    registry.push_chunk(handle, start as i64 + 15, rest as i32).expect("written");
    registry.finish(handle).expect("whole");
    assert_eq!(registry.tensor(handle, 0).expect("resident"), &file[start..]);
}
