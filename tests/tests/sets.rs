//! Sets of shards, natively: every check broken once, in every state, and who is touched by it.

use gguf_admission::abi::Registry;
use gguf_admission::{Code, State};
use gguf_tests::shards::{I32, Says, U16, shard};
use gguf_tests::writer::Writer;

/// A session that has read the header (`admitted` false) or everything.
fn enter(registry: &mut Registry, file: &[u8], sink: i32, admitted: bool) -> i32 {
    let handle = registry.begin(file.len() as i64, sink).expect("a slot");
    let mut at = 0;
    while at < file.len() {
        let window = registry.window(handle).expect("memory");
        let len = if admitted { window.len().min(file.len() - at) } else { 1 };
        window[..len].copy_from_slice(&file[at..at + len]);
        let state = registry.push_chunk(handle, at as i64, len as i32).expect("a good shard");
        at += len;
        if !admitted && state == State::HeaderReady {
            return handle;
        }
    }
    registry.finish(handle).expect("whole");
    handle
}

fn says(no: u16) -> Says {
    Says { no, count: 3, total: 4 }
}

/// A set of three with four tensors.
fn good() -> [Vec<u8>; 3] {
    [shard(says(0), &["a", "b"]), shard(says(1), &["c"]), shard(says(2), &["d"])]
}

fn report(registry: &mut Registry, handle: i32) -> String {
    String::from_utf8(registry.report(handle).expect("a report").to_vec()).expect("UTF-8")
}

#[test]
fn shards_join_in_every_order_at_every_state_and_the_lead_is_made_active() {
    for sink in [1, 2] {
        for admitted in [false, true] {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut registry = Registry::new();
                let files = good();
                let mut handles = [0; 3];
                for no in order {
                    handles[no] = enter(&mut registry, &files[no], sink, admitted);
                }
                let lead = handles[0];
                assert_eq!(registry.join(handles[1], lead).unwrap_err().code(), Code::State, "the lead joins first");
                registry.join(lead, lead).expect("the lead");
                for no in order.into_iter().filter(|no| *no != 0) {
                    assert_eq!(registry.activate(lead).unwrap_err().code(), Code::State, "not whole");
                    registry.join(handles[no], lead).expect("it fits");
                    assert_eq!(registry.join(handles[no], lead).unwrap_err().code(), Code::State, "joined already");
                }
                assert!(report(&mut registry, handles[2]).contains(&format!(
                    "\"set\":{{\"no\":2,\"count\":3,\"tensors\":4,\"lead\":{lead},\"joined\":[0,1,2]}}"
                )));
                assert_eq!(registry.activate(handles[1]).unwrap_err().code(), Code::State, "not the lead");
                match admitted {
                    true => assert_eq!(registry.activate(lead).expect("whole"), State::Admitted),
                    false => assert_eq!(registry.activate(lead).unwrap_err().code(), Code::State),
                }
            }
        }
    }
}

/// What is wrong with the second shard, and the code, path and key that it is refused with.
#[test]
fn a_shard_that_does_not_fit_fails_alone() {
    let unkeyed = {
        let mut writer = Writer::new(1, 1);
        writer.entry_u8(b"k", 7).tensor(b"c", 32, 32).pad(32).data(0, 32, 32);
        writer.bytes
    };
    let other_type = {
        let mut writer = Writer::new(1, 3);
        writer.entry_u32(b"split.no", 1);
        writer.key(b"split.count", U16).bytes.extend(3u16.to_le_bytes());
        writer.key(b"split.tensors.count", I32).bytes.extend(4i32.to_le_bytes());
        writer.tensor(b"c", 32, 32).pad(32).data(0, 32, 32);
        writer.bytes
    };
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("no keys", unkeyed, ""),
        ("split.no of another type", other_type, "metadata[0].value"),
        ("split.count 0", shard(Says { count: 0, ..says(1) }, &["c"]), "metadata[1].value"),
        ("a negative total", shard(Says { total: -1, ..says(1) }, &["c"]), "metadata[2].value"),
        ("another count", shard(Says { count: 4, ..says(1) }, &["c"]), "metadata[1].value"),
        ("a number out of range", shard(says(3), &["c"]), "metadata[0].value"),
        ("a number that is there", shard(says(0), &["c"]), "metadata[0].value"),
        ("another total", shard(Says { total: 5, ..says(1) }, &["c"]), "metadata[2].value"),
        ("too many tensors", shard(says(1), &["c", "d", "e"]), "metadata[2].value"),
        ("a name of the lead's", shard(says(1), &["c", "b"]), "tensors[1].name"),
    ];
    for (what, file, path) in cases {
        for sink in [1, 2] {
            for admitted in [false, true] {
                let mut registry = Registry::new();
                let lead = enter(&mut registry, &good()[0], 2, true);
                registry.join(lead, lead).expect("the lead");
                let single = enter(&mut registry, &shard(says(0), &["x"]), 1, true);
                registry.activate(single).expect("a file like any");
                let handle = enter(&mut registry, &file, sink, admitted);
                let before = report(&mut registry, lead);
                let error = registry.join(handle, lead).expect_err(what);
                assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Set, path), "{what}");
                assert_eq!(error.offset().is_some(), !path.is_empty(), "{what}");
                assert_eq!(registry.state(handle), Some(State::Failed), "{what}");
                assert_eq!(report(&mut registry, lead), before, "{what}: the lead is as it was");
                assert_eq!(registry.active(), single, "{what}: nobody else is touched");
                let fits = enter(&mut registry, &good()[1], sink, admitted);
                registry.join(fits, lead).expect("the right shard still fits");
            }
        }
    }
}

#[test]
fn the_last_shard_brings_exactly_the_tensors_that_are_missing() {
    let mut registry = Registry::new();
    let files = [good()[0].clone(), good()[1].clone(), shard(says(2), &[])];
    let handles = files.map(|file| enter(&mut registry, &file, 1, true));
    registry.join(handles[0], handles[0]).expect("the lead");
    registry.join(handles[1], handles[0]).expect("the second");
    let error = registry.join(handles[2], handles[0]).expect_err("3 of 4 tensors");
    assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Set, "metadata[2].value"));
}

#[test]
fn of_several_names_that_are_there_already_the_first_in_the_file_is_told() {
    let says = |no| Says { no, count: 4, total: 20 };
    let mut registry = Registry::new();
    let files = [shard(says(0), &["d", "b", "a"]), shard(says(1), &["e", "c", "x"])];
    let handles = files.map(|file| enter(&mut registry, &file, 1, false));
    for handle in handles {
        registry.join(handle, handles[0]).expect("it fits");
    }
    for (names, path, message) in [
        (["y", "x", "a"], "tensors[1].name", "\"x\" is a tensor of shard 1 too"),
        (["z", "b", "a"], "tensors[1].name", "\"b\" is a tensor of shard 0 too"),
        (["aa", "dd", "e"], "tensors[2].name", "\"e\" is a tensor of shard 1 too"),
        (["d", "x", "c"], "tensors[0].name", "\"d\" is a tensor of shard 0 too"),
    ] {
        let handle = enter(&mut registry, &shard(says(2), &names), 1, false);
        let error = registry.join(handle, handles[0]).expect_err("a name that is there");
        assert_eq!((error.path().to_string().as_str(), error.message()), (path, message));
    }
}

#[test]
fn a_lead_says_shard_0_and_at_most_64_shards() {
    let mut registry = Registry::new();
    let second = enter(&mut registry, &good()[1], 1, true);
    registry.activate(second).expect("a file like any");
    let error = registry.join(second, second).expect_err("it is shard 1");
    assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Set, "metadata[0].value"));
    assert_eq!(registry.active(), 0, "a model that is rejected is not active");
    let huge = enter(&mut registry, &shard(Says { no: 0, count: 65, total: 1 }, &["a"]), 1, false);
    let error = registry.join(huge, huge).expect_err("65 shards");
    assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Limit, "metadata[1].value"));
}

#[test]
fn a_set_of_64_shards_is_whole() {
    let mut registry = Registry::new();
    let mut lead = 0;
    for no in 0..64 {
        let name = format!("t{no}");
        let handle = enter(&mut registry, &shard(Says { no, count: 64, total: 64 }, &[&name]), 1, true);
        lead = if no == 0 { handle } else { lead };
        registry.join(handle, lead).expect("it fits");
    }
    registry.activate(lead).expect("whole");
}

#[test]
fn a_set_ends_with_its_lead_and_goes_on_without_a_shard() {
    let mut registry = Registry::new();
    let handles = good().map(|file| enter(&mut registry, &file, 1, true));
    for handle in handles {
        registry.join(handle, handles[0]).expect("it fits");
    }
    registry.activate(handles[0]).expect("whole");
    registry.release(handles[1]).expect("there");
    assert_eq!(registry.active(), 0, "an active set that loses a shard is not active");
    assert!(report(&mut registry, handles[0]).contains("\"joined\":[0,2]"));
    let again = enter(&mut registry, &good()[1], 2, true);
    registry.join(again, handles[0]).expect("its place is free");
    registry.activate(handles[0]).expect("whole again");
    registry.release(handles[0]).expect("there");
    assert_eq!(registry.active(), 0);
    assert!(!report(&mut registry, again).contains("\"set\""), "its set has ended");
    let lead = enter(&mut registry, &good()[0], 1, true);
    registry.join(lead, lead).expect("a new lead");
    registry.join(again, lead).expect("it may join anew");
    registry.join(handles[2], lead).expect("it may join anew");
    registry.activate(lead).expect("whole");
}

#[test]
fn a_model_that_was_loaded_whole_joins_nothing() {
    let mut registry = Registry::new();
    registry.load(&good()[0]).expect("a good file");
    let loaded = registry.active();
    assert_eq!(registry.join(loaded, loaded).unwrap_err().code(), Code::State);
    let shard = enter(&mut registry, &good()[1], 1, true);
    assert_eq!(registry.join(shard, loaded).unwrap_err().code(), Code::State);
    assert_eq!(registry.join(shard, 7).unwrap_err().code(), Code::Handle);
    assert_eq!(registry.join(7, shard).unwrap_err().code(), Code::Handle);
}
