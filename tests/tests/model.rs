//! An admitted model: its file byte for byte, its tensors where they lie, its values.

use std::io::{Read, Seek, SeekFrom};
use std::sync::OnceLock;

use gguf_admission::{Builtin, LimitId, Limits, Model, Resident, Session, Sink, Storage, Value};
use gguf_tests::corpus::{self, Case};
use gguf_tests::dice::Dice;
use gguf_tests::feed::{self, Cuts};
use gguf_tests::verdict::{same, sections};
use gguf_tests::writer::file_of;

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| corpus::load(env!("CARGO_TARGET_TMPDIR")))
}

fn good() -> impl Iterator<Item = &'static Case> {
    cases().iter().filter(|case| case.is_admitted() && !case.contents.is_empty())
}

fn resident(case: &Case, by_window: bool, mut cuts: Cuts) -> Session<Builtin> {
    let mut session = feed::session(case.length(true), Storage::Resident, case.limits(Storage::Resident));
    let result = match by_window {
        true => feed::by_window(&mut session, &case.contents, &mut cuts),
        false => feed::by_push(&mut session, &case.contents, &mut cuts),
    };
    result.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    session
}

/// Compares the whole file, and pieces from random places, with what came in.
fn check_file(model: &Model<Builtin>, contents: &[u8], name: &str) {
    let mut file = model.file().expect("resident");
    let mut copy = Vec::new();
    file.read_to_end(&mut copy).expect("memory does not fail");
    assert!(copy == contents, "{name}: the file differs from what came in");
    let mut dice = Dice::new(contents.len() as u64);
    for _ in 0..50 {
        let at = dice.below(contents.len() + 10);
        let size = dice.below(100);
        assert_eq!(file.seek(SeekFrom::Start(at as u64)).expect("any place"), at as u64);
        let mut piece = vec![0; size];
        let mut filled = 0;
        while let read @ 1.. = file.read(&mut piece[filled..]).expect("memory does not fail") {
            filled += read;
        }
        let at = at.min(contents.len());
        assert!(piece[..filled] == contents[at..(at + size).min(contents.len())], "{name} at {at}");
    }
    let end = contents.len() as u64;
    assert_eq!(file.seek(SeekFrom::End(0)).expect("the end"), end);
    assert_eq!(file.seek(SeekFrom::End(-1)).expect("before it"), end - 1);
    assert_eq!(file.seek(SeekFrom::Current(1)).expect("back"), end);
    assert!(file.seek(SeekFrom::End(-1 - end.cast_signed())).is_err(), "nothing is before the start");
    assert!(file.seek(SeekFrom::Start(u64::MAX)).is_ok(), "a seek past the end is allowed");
    assert_eq!(file.read(&mut [0; 8]).expect("nothing there"), 0);
}

fn check_tensors(model: &Model<Builtin>, contents: &[u8], name: &str) {
    let header = model.header();
    for index in 0..header.tensor_count() {
        let tensor = header.tensor(index).expect("it is there");
        let bytes = model.tensor(index).expect("resident");
        let at = tensor.offset as usize;
        assert!(bytes == &contents[at..at + tensor.bytes as usize], "{name}: {}", tensor.name());
        assert_eq!(bytes.as_ptr().addr() as u64 % header.alignment(), 0, "{name}: {}", tensor.name());
        let (named, same_bytes) = model.tensor_named(&tensor.name().to_string()).expect("by its name");
        assert_eq!((named.offset, named.dims()), (tensor.offset, tensor.dims()), "{name}");
        assert_eq!(same_bytes.as_ptr(), bytes.as_ptr(), "{name}");
    }
    assert!(model.tensor(header.tensor_count()).is_none());
    assert!(model.tensor_named("no such tensor").is_none());
}

#[test]
fn the_file_of_every_good_case_reads_back_byte_for_byte() {
    for case in good() {
        for (by_window, cuts) in
            [(true, Cuts::Whole), (true, Cuts::Every(1)), (false, Cuts::Whole), (false, Cuts::Every(13))]
        {
            let session = resident(case, by_window, cuts);
            check_file(session.model().expect("admitted"), &case.contents, &case.name);
        }
    }
}

#[test]
fn the_tensors_of_every_good_case_are_the_file_s_bytes_at_aligned_addresses() {
    for case in good() {
        for (by_window, cuts) in [(true, Cuts::Every(100)), (false, Cuts::Whole)] {
            let session = resident(case, by_window, cuts);
            check_tensors(session.model().expect("admitted"), &case.contents, &case.name);
        }
    }
}

#[test]
fn padding_may_be_whole_in_part_or_missing_and_reads_back_as_it_was() {
    for sizes in [&[5][..], &[32], &[0], &[64, 1], &[3, 0, 0], &[]] {
        for alignment in [8, 32, 4096] {
            let whole = file_of(sizes, alignment);
            let header = feed_header(&whole);
            let least = header.required_end as usize;
            let last = (whole.len().max(header.data_start as usize)).min(least + 70);
            let mut padded = whole.clone();
            padded.resize(padded.len().max(header.data_start as usize), 0);
            for end in least..=last {
                let contents = &padded[..end];
                for declared in [true, false] {
                    let mut session = feed::session(
                        declared.then_some(end as u64),
                        Storage::Resident,
                        Limits::new(Storage::Resident),
                    );
                    feed::by_window(&mut session, contents, &mut Cuts::Every(50))
                        .unwrap_or_else(|error| panic!("{sizes:?} {alignment} ends at {end}: {error}"));
                    check_file(session.model().expect("admitted"), contents, "padded");
                    check_tensors(session.model().expect("admitted"), contents, "padded");
                }
            }
        }
    }
}

fn feed_header(file: &[u8]) -> gguf_admission::Layout {
    let mut session = feed::session(None, Storage::Verify, Limits::new(Storage::Verify));
    session.push(file).expect("a good header");
    *session.header().expect("ready").layout()
}

#[test]
fn trailing_bytes_that_are_allowed_read_back_too() {
    for alignment in [8, 32] {
        let mut contents = file_of(&[5, 40], alignment);
        contents.extend(b"ends here");
        for declared in [true, false] {
            for trailing in [9, 100] {
                let limits = Limits::new(Storage::Resident).with(LimitId::TrailingBytes, trailing);
                let length = declared.then_some(contents.len() as u64);
                let mut session = feed::session(length, Storage::Resident, limits);
                feed::by_window(&mut session, &contents, &mut Cuts::Every(3)).expect("allowed");
                check_file(session.model().expect("admitted"), &contents, "trailing");
                let text = sections(session.model().expect("admitted"));
                assert!(text.contains("\"trailingBytes\":9"), "{text}");
            }
        }
    }
}

#[test]
fn a_model_of_several_segments_reads_back_byte_for_byte() {
    const MIB: usize = 1 << 20;
    let sizes = [3 * MIB + 1, 0, 65 * MIB, 7, 40 * MIB, 20 * MIB + 5, 9 * MIB, 0];
    let contents = file_of(&sizes, 64);
    for by_window in [true, false] {
        let length = Some(contents.len() as u64);
        let limits = Limits::new(Storage::Resident).with(LimitId::Window, 7 * MIB as u64);
        let mut session = feed::session(length, Storage::Resident, limits);
        session.set_digests(0).expect("nothing is in yet");
        let mut cuts = Cuts::Every(5 * MIB + 3);
        match by_window {
            true => feed::by_window(&mut session, &contents, &mut cuts).expect("a good file"),
            false => feed::by_push(&mut session, &contents, &mut cuts).expect("a good file"),
        }
        let model = session.model().expect("admitted");
        check_tensors(model, &contents, "segments");
        let mut copy = Vec::with_capacity(contents.len());
        model.file().expect("resident").read_to_end(&mut copy).expect("memory does not fail");
        assert!(copy == contents);
    }
}

#[test]
fn a_verified_model_has_no_bytes_to_read() {
    let contents = file_of(&[5], 32);
    let mut session = feed::session(None, Storage::Verify, Limits::new(Storage::Verify));
    feed::by_push(&mut session, &contents, &mut Cuts::Whole).expect("a good file");
    let model = session.model().expect("admitted");
    assert!(model.file().is_none() && model.tensor(0).is_none() && model.tensor_named("t0").is_none());
}

#[test]
fn every_value_of_the_corpus_is_the_same_through_the_rust_interface() {
    let mut seen = 0;
    for case in good() {
        let session = resident(case, false, Cuts::Whole);
        let header = session.header().expect("admitted");
        let values = case.values.as_ref().and_then(|values| values.as_array()).expect("the oracle's");
        assert_eq!(header.entry_count(), values.len());
        for (entry, stated) in header.entries().zip(values) {
            let shown = shown(&entry.value());
            assert!(same(&shown, stated), "{} {}: {shown}, not {stated}", case.name, entry.key);
            let key = entry.key.to_string();
            let found = header.value(&key).expect("by its key");
            assert!(same(&self::shown(&found), stated), "{} {key}", case.name);
            seen += 1;
        }
    }
    assert!(seen > 100);
}

/// A value as the report's JSON shows it, by way of the Rust types.
fn shown(value: &Value<'_>) -> serde_json::Value {
    fn float(value: f64, text: String) -> serde_json::Value {
        if value.is_nan() {
            "NaN".into()
        } else if value.is_infinite() {
            if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
        } else {
            text.parse::<f64>().expect("digits").into()
        }
    }
    match value {
        Value::U8(value) => (*value).into(),
        Value::I8(value) => (*value).into(),
        Value::U16(value) => (*value).into(),
        Value::I16(value) => (*value).into(),
        Value::U32(value) => (*value).into(),
        Value::I32(value) => (*value).into(),
        Value::F32(value) => float(f64::from(*value), value.to_string()),
        Value::F64(value) => float(*value, value.to_string()),
        Value::Bool(value) => (*value).into(),
        Value::U64(value) => value.to_string().into(),
        Value::I64(value) => value.to_string().into(),
        Value::String(text) => String::from_utf8_lossy(&text.to_vec().expect("memory")).into_owned().into(),
        Value::Array(array) => {
            assert_eq!(array.iter().count() as u64, array.len());
            array.iter().map(|value| shown(&value)).collect()
        }
        _ => unreachable!("a value of a type that the test does not know"),
    }
}

#[test]
fn a_resident_sink_that_is_rolled_back_holds_nothing() {
    let contents = file_of(&[1000], 32);
    let mut session = Session::new(Resident::default(), None, Limits::new(Storage::Resident)).expect("no length");
    let header = session.push(&contents).expect("the header");
    session.push(&contents[header..header + 100]).expect("some data");
    assert!(session.held() > 1000);
    session.finish().expect_err("too short");
    assert_eq!(session.held(), 0);
    let mut sink = Resident::default();
    sink.rollback();
    assert_eq!(sink.held(), 0);
}
