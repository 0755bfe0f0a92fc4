//! Every file of the corpus gets the verdict that was written down for it by hand; a good one is reported as the naive
//! oracle reads it.

use std::sync::OnceLock;

use gguf_admission::abi::Registry;
use gguf_admission::{Builtin, Code, Limits, Session, Storage};
use gguf_tests::corpus::{self, Case};
use gguf_tests::feed::{self, Cuts, Way};
use gguf_tests::verdict::{Verdict, parsed, same, sections_of};

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| corpus::load(env!("CARGO_TARGET_TMPDIR")))
}

fn verdict(case: &Case, declared: bool, storage: Storage) -> Verdict {
    feed::verdict(Way::Push, &case.contents, case.length(declared), storage, case.limits(storage), Cuts::Whole)
}

#[test]
fn every_file_of_a_declared_length_gets_the_verdict_written_down_for_it() {
    for case in cases() {
        let verdict = verdict(case, true, case.sink);
        assert!(verdict.agrees_with(case.stated(true)), "{}: {verdict:?}, not {}", case.name, case.stated(true));
    }
}

#[test]
fn every_file_of_unknown_length_gets_the_verdict_written_down_for_it() {
    for case in cases() {
        let verdict = verdict(case, false, case.sink);
        assert!(verdict.agrees_with(case.stated(false)), "{}: {verdict:?}, not {}", case.name, case.stated(false));
    }
}

#[test]
fn the_verdict_on_a_file_of_declared_length_is_the_same_for_both_sinks() {
    for case in cases() {
        let verdicts = [Storage::Verify, Storage::Resident].map(|storage| verdict(case, true, storage));
        assert_eq!(verdicts[0], verdicts[1], "{}", case.name);
    }
}

#[test]
fn every_good_file_is_reported_as_the_oracle_reads_it() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.is_admitted()) {
        let stated = case.report.as_ref().expect("the corpus has a report of every good file");
        for (declared, storage) in [(true, case.sink), (false, Storage::Verify), (false, Storage::Resident)] {
            let Verdict::Admitted(text) = verdict(case, declared, storage) else {
                panic!("{} is good", case.name);
            };
            let sections = parsed(text.as_bytes());
            assert!(same(&sections, &sections_of(stated)), "{}: {sections}, not {stated}", case.name);
        }
        seen += 1;
    }
    assert!(seen >= 90, "{seen} good files");
}

#[test]
fn every_metadata_value_of_a_good_file_is_given_in_full() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.is_admitted()) {
        let mut registry = Registry::new();
        let (storage, limits) = (case.sink, case.limits(case.sink));
        let length = case.length(true);
        let handle = feed::by_registry(&mut registry, &case.contents, length, storage, limits, &mut Cuts::Every(1000))
            .unwrap_or_else(|(_, error)| panic!("{}: {error}", case.name));
        let values = case.values.as_ref().and_then(|values| values.as_array()).expect("the corpus has the values");
        for (index, stated) in values.iter().enumerate() {
            let value = parsed(registry.metadata(handle, index as i32).expect("a value"));
            assert!(same(&value, stated), "{} [{index}]: {value}, not {stated}", case.name);
            seen += 1;
        }
        let behind = registry.metadata(handle, values.len() as i32).expect_err("past the end");
        assert_eq!(behind.code(), Code::Argument);
    }
    assert!(seen > 100, "{seen} values");
}

#[test]
fn a_session_that_was_rejected_holds_nothing() {
    for case in cases().iter().filter(|case| !case.is_admitted()) {
        let mut session = feed::session(case.length(true), case.sink, case.limits(case.sink));
        let error = feed::by_push(&mut session, &case.contents, &mut Cuts::Whole).expect_err("a bad file");
        assert_eq!(session.held(), 0, "{}", case.name);
        assert!(session.header().is_none() && session.model().is_none());
        assert_eq!(session.error().map(|kept| kept.to_string()), Some(error.to_string()));
    }
}

#[test]
fn a_declared_length_above_2_to_the_53_is_an_argument() {
    for length in [1 << 53, u64::MAX] {
        let limits = Limits::new(Storage::Verify);
        let error = Session::new(Builtin::new(Storage::Verify), Some(length), limits).expect_err("refused");
        assert_eq!(error.code(), Code::Argument);
    }
}

#[test]
fn a_bad_magic_is_known_after_4_bytes_and_not_before() {
    for wrong in [b"FUGG", b"GGUf", b"\0\0\0\0"] {
        let mut session = feed::session(None, Storage::Verify, Limits::new(Storage::Verify));
        assert_eq!(session.push(&wrong[..3]).expect("too early to say"), 3);
        assert_eq!(session.push(&wrong[3..]).expect_err("not GGUF").code(), Code::Magic);
    }
}
