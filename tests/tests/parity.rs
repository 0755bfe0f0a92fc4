//! `Registry::load`, which v1's `load_model` is, beside `begin`, `push_chunk`, `finish`: one verdict, one report.

use std::sync::OnceLock;

use gguf_admission::abi::Registry;
use gguf_admission::{Code, Limits, State, Storage};
use gguf_tests::corpus::{self, Case};
use gguf_tests::feed::{self, Cuts};
use gguf_tests::verdict::{Rejection, parsed, sections_of};
use gguf_tests::writer::Writer;

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| corpus::load(env!("CARGO_TARGET_TMPDIR")))
}

fn model(byte: u8) -> Vec<u8> {
    let mut writer = Writer::new(1, 1);
    writer.entry_u8(b"which", byte).tensor(b"w", 40, 32).pad(32).data(usize::from(byte), 40, 32);
    writer.bytes
}

/// What can be seen of a model: its report, and the bytes of its tensor.
fn seen(registry: &mut Registry, handle: i32) -> (String, Vec<u8>) {
    let report = String::from_utf8(registry.report(handle).expect("a model").to_vec()).expect("UTF-8");
    (report, registry.tensor(handle, 0).expect("resident").to_vec())
}

fn begin(registry: &mut Registry, file: &[u8]) -> i32 {
    let limits = Limits::new(Storage::Resident);
    feed::by_registry(registry, file, Some(file.len() as u64), Storage::Resident, limits, &mut Cuts::Whole)
        .unwrap_or_else(|(_, error)| panic!("{error}"))
}

#[test]
fn a_loaded_file_gets_the_verdict_and_the_report_of_a_pushed_one() {
    for case in cases().iter().filter(|case| !case.contents.is_empty()) {
        let (mut one, mut two) = (Registry::new(), Registry::new());
        let length = Some(case.contents.len() as u64);
        let limits = Limits::new(Storage::Resident);
        let pushed =
            feed::by_registry(&mut two, &case.contents, length, Storage::Resident, limits, &mut Cuts::Every(100));
        match (one.load(&case.contents), pushed) {
            (Ok(()), Ok(handle)) => {
                let active = one.active();
                assert!(active > 0);
                let loaded = parsed(one.report(active).expect("a model"));
                let pushed = parsed(two.report(handle).expect("a model"));
                assert_eq!(sections_of(&loaded), sections_of(&pushed), "{}", case.name);
                for index in 0..loaded["tensors"].as_array().expect("an array").len() as i32 {
                    assert_eq!(one.tensor(active, index).expect("bytes"), two.tensor(handle, index).expect("bytes"));
                }
            }
            (Err(loaded), Err((_, pushed))) => {
                assert_eq!(Rejection::of(&loaded), Rejection::of(&pushed), "{}", case.name);
                assert_eq!(
                    (loaded.message(), loaded.expected(), loaded.found()),
                    (pushed.message(), pushed.expected(), pushed.found()),
                    "{}",
                    case.name
                );
                assert_eq!(one.active(), 0);
            }
            (loaded, pushed) => panic!("{}: loaded {loaded:?}, pushed {pushed:?}", case.name),
        }
    }
}

#[test]
fn a_failed_load_or_session_leaves_the_active_model_as_it_was() {
    let mut registry = Registry::new();
    registry.load(&model(1)).expect("a good file");
    let active = registry.active();
    let before = seen(&mut registry, active);
    let changes = registry.changes();
    for case in cases().iter().filter(|case| !case.is_admitted() && !case.contents.is_empty()) {
        if registry.load(&case.contents).is_ok() {
            // Bad only with the limits that the case asks for.
            registry.load(&model(1)).expect("a good file");
            continue;
        }
        let (limits, length) = (case.limits(Storage::Verify), case.length(true));
        let pushed =
            feed::by_registry(&mut registry, &case.contents, length, Storage::Verify, limits, &mut Cuts::Every(99));
        registry.release(pushed.expect_err("a bad file").0).expect("the session is still there");
        let active = registry.active();
        let now = seen(&mut registry, active);
        assert_eq!(now, before, "{}", case.name);
    }
    assert!(registry.active() >= active && registry.changes() >= changes);
}

#[test]
fn a_failed_load_changes_neither_the_handle_nor_the_count_of_changes() {
    let mut registry = Registry::new();
    registry.load(&model(1)).expect("a good file");
    let before = (registry.active(), registry.changes());
    for bad in [&b"GGUX"[..], b"", &model(1)[..50]] {
        registry.load(bad).expect_err("a bad file");
        assert_eq!((registry.active(), registry.changes()), before);
    }
}

#[test]
fn a_loaded_model_lives_exactly_as_long_as_it_is_active() {
    // Another load ends it.
    let mut registry = Registry::new();
    registry.load(&model(1)).expect("a good file");
    let first = registry.active();
    registry.load(&model(2)).expect("a good file");
    let second = registry.active();
    assert_ne!(first, second);
    assert_eq!(registry.report(first).expect_err("ended").code(), Code::Handle);
    // `activate` of another ends it.
    let pushed = begin(&mut registry, &model(3));
    assert_eq!(registry.active(), second, "a model that was pushed is not active by itself");
    assert_eq!(registry.activate(pushed).expect("admitted"), State::Admitted);
    assert_eq!(registry.position(second).expect_err("ended").code(), Code::Handle);
    assert_eq!(registry.active(), pushed);
    // A load displaces a pushed model, which lives on.
    registry.load(&model(4)).expect("a good file");
    let fourth = registry.active();
    assert_eq!(registry.state(pushed), Some(State::Admitted));
    // `free_active` ends a loaded one.
    assert!(registry.free_active());
    assert_eq!((registry.active(), registry.state(fourth)), (0, None));
    assert!(!registry.free_active());
    // And only makes a pushed one inactive.
    registry.activate(pushed).expect("admitted");
    assert!(registry.free_active());
    assert_eq!((registry.active(), registry.state(pushed)), (0, Some(State::Admitted)));
    // `release` ends either.
    registry.load(&model(5)).expect("a good file");
    let fifth = registry.active();
    registry.release(fifth).expect("the active one");
    assert_eq!((registry.active(), registry.state(fifth)), (0, None));
    registry.activate(pushed).expect("admitted");
    registry.release(pushed).expect("the active one");
    assert_eq!((registry.active(), registry.state(pushed)), (0, None));
}

#[test]
fn to_activate_the_active_model_changes_nothing() {
    let mut registry = Registry::new();
    registry.load(&model(1)).expect("a good file");
    let loaded = registry.active();
    let before = (seen(&mut registry, loaded), registry.changes());
    assert_eq!(registry.activate(loaded).expect("active"), State::Admitted);
    assert_eq!((seen(&mut registry, loaded), registry.changes()), before);
    assert_eq!(registry.active(), loaded);
}

#[test]
fn a_load_needs_no_free_slot_and_takes_none() {
    let mut registry = Registry::new();
    let handles: Vec<i32> = (0..gguf_admission::abi::SLOTS).map(|_| registry.begin(-1, 1).expect("a slot")).collect();
    assert_eq!(registry.begin(-1, 1).expect_err("full").code(), Code::Sessions);
    registry.load(&model(1)).expect("no slot is needed");
    for handle in &handles {
        assert_eq!(registry.state(*handle), Some(State::Open));
    }
    registry.release(handles[7]).expect("open");
    let again = registry.begin(-1, 2).expect("a slot is free");
    assert_eq!(again & 0xff, handles[7] & 0xff);
    assert_ne!(again, handles[7], "no handle comes twice");
    assert_eq!(registry.begin(-1, 1).expect_err("full again").code(), Code::Sessions);
}

#[test]
fn two_sessions_and_a_load_do_not_disturb_each_other() {
    let files = [model(1), model(2)];
    let mut registry = Registry::new();
    let handles: Vec<i32> = files.iter().map(|file| registry.begin(file.len() as i64, 2).expect("a slot")).collect();
    for at in 0..files[0].len() {
        for (file, handle) in files.iter().zip(&handles) {
            registry.window(*handle).expect("memory")[0] = file[at];
            registry.push_chunk(*handle, at as i64, 1).expect("a good file");
        }
        if at % 40 == 0 {
            registry.load(&model(3)).expect("a good file");
        }
    }
    for (file, handle) in files.iter().zip(&handles) {
        registry.finish(*handle).expect("whole");
        assert_eq!(registry.tensor(*handle, 0).expect("bytes"), &file[file.len() - 64..file.len() - 24]);
    }
    assert_eq!(registry.active_model().expect("loaded").tensor(0).map(<[u8]>::len), Some(40));
}
