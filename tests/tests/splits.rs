//! However a file is cut, and by whatever way it comes in, the answer is the same.

use std::sync::OnceLock;

use gguf_admission::{LimitId, State, Storage};
use gguf_tests::corpus::{self, Case};
use gguf_tests::dice::Dice;
use gguf_tests::feed::{self, Cuts, Way};
use gguf_tests::verdict::Verdict;

/// Files up to this size are cut at every byte.
const SMALL: usize = 4096;

const BOTH: [Storage; 2] = [Storage::Verify, Storage::Resident];

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| corpus::load(env!("CARGO_TARGET_TMPDIR")))
}

/// Whether the expectation holds for this sink: one that keeps the data may refuse what it could never hold.
fn is_stated_for(case: &Case, declared: bool, storage: Storage) -> bool {
    declared || storage == case.sink || case.is_admitted()
}

/// A small file with the smallest windows: the default ones take longer to make than the file to read.
fn verdict(case: &Case, way: Way, declared: bool, storage: Storage, cuts: Cuts) -> Verdict {
    let window = if case.contents.len() <= SMALL { 4096 } else { 1 << 20 };
    let limits = case.limits(storage).with(LimitId::Window, window);
    feed::verdict(way, &case.contents, case.length(declared), storage, limits, cuts)
}

/// Tells a file cut by `cuts` from the same file in one piece.
fn compare(case: &Case, way: Way, declared: bool, storage: Storage, cuts: Cuts, whole: &Verdict) {
    let verdict = verdict(case, way, declared, storage, cuts.clone());
    let same = match way {
        Way::Registry => verdict == feed::ordered(whole),
        _ => verdict == *whole,
    };
    assert!(same, "{} by {way:?}, declared {declared}, {storage:?}, {cuts:?}:\n{verdict:?}\n{whole:?}", case.name);
}

/// Every way to hold each case: with both lengths, for both sinks, and its verdict in one piece.
fn each(mut test: impl FnMut(&Case, bool, Storage, &Verdict)) {
    for case in cases() {
        for declared in [true, false] {
            for storage in BOTH {
                if is_stated_for(case, declared, storage) {
                    let whole = verdict(case, Way::Push, declared, storage, Cuts::Whole);
                    assert!(whole.agrees_with(case.stated(declared)), "{}", case.name);
                    test(case, declared, storage, &whole);
                }
            }
        }
    }
}

#[test]
fn a_file_cut_in_two_at_any_byte_and_pushed_is_the_same_file() {
    each(|case, declared, storage, whole| {
        if case.contents.len() <= SMALL {
            // Every byte with one sink or the other.
            let first = usize::from(storage == Storage::Resident);
            for cut in (1 + first..case.contents.len()).step_by(2) {
                compare(case, Way::Push, declared, storage, Cuts::At(cut), whole);
            }
        }
    });
}

#[test]
fn a_file_cut_in_two_at_any_byte_and_written_to_windows_is_the_same_file() {
    each(|case, declared, storage, whole| {
        if case.contents.len() <= SMALL {
            let first = usize::from(storage == Storage::Verify);
            for cut in (1 + first..case.contents.len()).step_by(2) {
                compare(case, Way::Window, declared, storage, Cuts::At(cut), whole);
            }
        }
    });
}

#[test]
fn a_file_in_pieces_of_1_byte_is_the_same_file_by_every_way() {
    each(|case, declared, storage, whole| {
        if case.contents.len() <= SMALL {
            for way in Way::ALL {
                compare(case, way, declared, storage, Cuts::Every(1), whole);
            }
        }
    });
}

#[test]
fn a_file_in_random_pieces_is_the_same_file_by_every_way() {
    let mut dice = Dice::new(1);
    each(|case, declared, storage, whole| {
        // 64 for each file: the ways, lengths and sinks take turns.
        let rounds = if case.contents.len() <= SMALL { 16 } else { 5 };
        for round in 0..rounds {
            let way = Way::ALL[round % Way::ALL.len()];
            compare(case, way, declared, storage, Cuts::Random(Dice::new(dice.roll())), whole);
        }
    });
}

#[test]
fn a_file_in_pieces_of_any_power_of_two_is_the_same_file_by_every_way() {
    each(|case, declared, storage, whole| {
        if case.contents.len() > SMALL {
            for (way, power) in Way::ALL.into_iter().cycle().zip(4..18) {
                compare(case, way, declared, storage, Cuts::Every(1 << power), whole);
            }
        }
    });
}

#[test]
fn nothing_of_the_data_s_size_is_held_before_the_consent() {
    for case in cases().iter().filter(|case| case.is_admitted() && !case.contents.is_empty()) {
        for cut in [Cuts::Whole, Cuts::Every(7)] {
            let mut session = feed::session(case.length(true), Storage::Resident, case.limits(Storage::Resident));
            let mut cuts = cut;
            let mut at = 0;
            while session.state() == State::Open {
                let size = cuts.next(at, case.contents.len() - at);
                at += session.push(&case.contents[at..at + size]).expect("a good file");
            }
            let header = session.header().expect("ready").layout().header_end;
            assert_eq!((session.state(), session.position()), (State::HeaderReady, header), "{}", case.name);
            let (held, needed) = (session.held(), session.needed());
            assert!(held <= needed, "{}: {held} held, {needed} needed", case.name);
            // The next push, with nothing in it, is not the consent.
            assert_eq!(session.push(&[]).expect("nothing"), 0);
            assert_eq!((session.state(), session.held()), (State::HeaderReady, held), "{}", case.name);
        }
    }
}

#[test]
fn data_behind_the_header_in_one_window_waits_for_the_consent() {
    for case in cases().iter().filter(|case| case.is_admitted() && case.contents.len() <= SMALL) {
        let mut session = feed::session(case.length(true), Storage::Resident, case.limits(Storage::Resident));
        if case.contents.is_empty() {
            continue;
        }
        session.window().expect("memory")[..case.contents.len()].copy_from_slice(&case.contents);
        session.commit(case.contents.len()).expect("a good file");
        assert_eq!(session.state(), State::HeaderReady);
        assert_eq!(session.position(), case.contents.len() as u64, "the data was checked and hashed");
        session.finish().expect("every byte is in");
        let whole = verdict(case, Way::Push, true, Storage::Resident, Cuts::Whole);
        assert_eq!(Verdict::Admitted(feed::sections_in(&session)), whole);
    }
}
