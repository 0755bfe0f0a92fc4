//! Evidence: the values are those of BLAKE3's tree, however the file comes in; and a value that is expected is compared
//! in the order of the bytes that show what is wrong.

use std::sync::OnceLock;

use gguf_admission::{Algorithm, Code, Digest, Error, Evidence, LimitId, Limits, Session, State, Storage};
use gguf_tests::dice::Dice;
use gguf_tests::evidence::{EVIDENCE, GROUP, Naive, SHORTEST, changed, files_of, long_header, session};
use gguf_tests::feed::{self, Cuts};

/// Lengths around every border up to the fifth.
fn lengths() -> impl Iterator<Item = usize> {
    let around = (1..=5).flat_map(|groups| [groups * GROUP - 1, groups * GROUP, groups * GROUP + 1]);
    [SHORTEST, 1024 * 17, 3 * GROUP + 5000].into_iter().chain(around)
}

/// A file of each length, and what the naive BLAKE3 says of it.
fn files() -> &'static [(Vec<u8>, Naive)] {
    static FILES: OnceLock<Vec<(Vec<u8>, Naive)>> = OnceLock::new();
    FILES.get_or_init(|| files_of(env!("CARGO_TARGET_TMPDIR"), lengths()))
}

fn with_length(groups: usize, more: isize) -> &'static (Vec<u8>, Naive) {
    let length = (groups * GROUP).wrapping_add_signed(more);
    files().iter().find(|(file, _)| file.len() == length).expect("there is one")
}

fn declared(file: &[u8], yes: bool) -> Option<u64> {
    yes.then_some(file.len() as u64)
}

fn limits() -> Limits {
    Limits::new(Storage::Verify).with(LimitId::StringBytes, 64 << 20)
}

/// A session that expects these values.
fn expecting(length: Option<u64>, storage: Storage, evidence: Evidence) -> Session<gguf_admission::Builtin> {
    let mut session = session(length, storage, limits());
    session.expect_evidence(evidence).expect("nothing is in");
    session
}

#[derive(Clone, Copy, Debug)]
enum By {
    Push,
    Window,
}

const WAYS: [By; 2] = [By::Push, By::Window];

fn bring(session: &mut Session<gguf_admission::Builtin>, file: &[u8], by: By, mut cuts: Cuts) -> Result<(), Error> {
    match by {
        By::Push => feed::by_push(session, file, &mut cuts),
        By::Window => feed::by_window(session, file, &mut cuts),
    }
}

/// Code, offset and path of an error.
fn place(error: &Error) -> (Code, Option<u64>, String) {
    (error.code(), error.offset(), error.path().to_string())
}

fn differs(group: usize) -> (Code, Option<u64>, String) {
    (Code::Digest, Some((group * GROUP) as u64), format!("evidence[{group}]"))
}

/// Cuts that leave every byte near a border in a chunk of its own, and few others.
fn near(border: usize) -> Cuts {
    Cuts::Near(border, 40)
}

#[test]
fn the_values_are_those_of_the_naive_blake3_and_give_its_digest() {
    for (file, told) in files() {
        for known in [true, false] {
            for by in WAYS {
                for cuts in [Cuts::Whole, Cuts::Every(100_003), Cuts::Every(GROUP), Cuts::Random(Dice::new(7))] {
                    let story = format!("{} bytes, declared {known}, {by:?}, {cuts:?}", file.len());
                    if matches!(cuts, Cuts::Random(_)) && file.len() > 20_000 {
                        continue;
                    }
                    let mut session = session(declared(file, known), Storage::Resident, limits());
                    bring(&mut session, file, by, cuts).expect("a good file");
                    let model = session.model().expect("admitted");
                    assert_eq!(model.evidence(), Some(&told.evidence), "{story}");
                    assert_eq!(model.digests().blake3.expect("computed").to_string(), told.blake3, "{story}");
                    assert_eq!(model.evidence().and_then(|told| told.root(file.len() as u64)), model.digests().blake3);
                    assert_eq!(session.evidence().expect("computed"), told.evidence.as_bytes());
                }
            }
        }
    }
}

#[test]
fn a_value_is_there_once_its_group_is_whole_and_can_be_no_other() {
    for (file, told) in files() {
        for known in [true, false] {
            let mut session = session(declared(file, known), Storage::Verify, limits());
            let mut cuts = Cuts::Every(GROUP / 2 - 1);
            let mut at = 0;
            let mut stops: Vec<usize> =
                (1..=5).flat_map(|group| [group * GROUP - 1, group * GROUP, group * GROUP + 1]).collect();
            stops.push(file.len());
            for stop in stops.into_iter().filter(|stop| *stop <= file.len()) {
                while at < stop {
                    let size = cuts.next(at, stop - at);
                    at += session.push(&file[at..at + size]).expect("a good file");
                }
                let whole = match known {
                    true if at == file.len() => told.evidence.len(),
                    false if at <= GROUP => 0,
                    _ => at / GROUP,
                };
                let values = session.evidence().expect("computed");
                assert_eq!(values, &told.evidence.as_bytes()[..32 * whole], "{at} of {}, {known}", file.len());
            }
            session.finish().expect("whole");
            assert_eq!(session.evidence().expect("computed"), told.evidence.as_bytes());
        }
    }
}

#[test]
fn a_file_of_its_evidence_is_admitted_however_it_is_cut_around_the_borders() {
    for more in [0, 1] {
        let (file, told) = with_length(2, more);
        for known in [true, false] {
            for by in WAYS {
                for border in [GROUP, 2 * GROUP] {
                    let from = border - 35;
                    for cut in (from..file.len().min(border + 35)).filter(|cut| *cut > 0 && *cut < file.len()) {
                        let story = format!("{} bytes, declared {known}, {by:?}, cut at {cut}", file.len());
                        let evidence = changed(&told.evidence, told.evidence.len(), None);
                        let mut session = expecting(declared(file, known), Storage::Verify, evidence);
                        bring(&mut session, file, by, Cuts::At(cut)).unwrap_or_else(|error| panic!("{story}: {error}"));
                        assert_eq!(session.model().and_then(|model| model.evidence()), Some(&told.evidence), "{story}");
                    }
                }
                let evidence = changed(&told.evidence, told.evidence.len(), None);
                let mut session = expecting(declared(file, known), Storage::Resident, evidence);
                bring(&mut session, file, by, near(GROUP)).expect("a good file");
            }
        }
    }
}

#[test]
fn a_group_that_differs_is_refused_by_the_byte_that_makes_it_whole() {
    for (file, told) in files() {
        let groups = told.evidence.len();
        for known in [true, false] {
            for group in 0..groups {
                for by in WAYS {
                    let border = ((group + 1) * GROUP).min(file.len());
                    for cuts in [Cuts::Whole, near(border)] {
                        let story = format!("{} bytes, declared {known}, group {group}, {by:?}, {cuts:?}", file.len());
                        let evidence = changed(&told.evidence, groups, Some(group));
                        let mut session = expecting(declared(file, known), Storage::Verify, evidence);
                        let error = bring(&mut session, file, by, cuts).expect_err(&story);
                        assert_eq!(place(&error), differs(group), "{story}");
                        assert_eq!((session.state(), session.held()), (State::Failed, 0), "{story}");
                        assert_eq!(session.evidence().expect_err("failed").code(), Code::State);
                    }
                }
            }
        }
    }
}

/// The offset of the byte that shows a fault: the last one, when all before it are in, that cannot be pushed.
fn shown_by(file: &[u8], length: Option<u64>, after: usize) -> Option<usize> {
    let mut session = session(length, Storage::Verify, limits());
    let mut at = 0;
    while at < file.len() {
        let size = if at < after { after - at } else { 1 };
        match session.push(&file[at..at + size]) {
            Ok(taken) => at += taken,
            Err(error) => {
                assert_ne!(error.code(), Code::Digest);
                return Some(at);
            }
        }
    }
    None
}

#[test]
fn of_a_broken_rule_and_a_group_that_differs_the_one_shown_first_is_reported_in_every_chunking() {
    let (mut first_is_rule, mut first_is_group) = (0, 0);
    for shift in -30..30isize {
        // Two bools around the border; the second of them is neither true nor false.
        let (mut file, bools) = long_header((GROUP - 20).wrapping_add_signed(shift), 2);
        file[bools[1]] = 2;
        let evidence = Evidence::from_bytes(&[9; 64]).expect("two values");
        for known in [true, false] {
            let length = declared(&file, known);
            let rule = shown_by(&file, length, GROUP - 100).expect("a fault");
            // With an unknown length the byte behind the border shows that group 0 is not the whole file.
            let group = if known { GROUP - 1 } else { GROUP };
            let rule_first = rule <= group;
            if rule_first {
                first_is_rule += 1
            } else {
                first_is_group += 1
            }
            let wanted = match rule_first {
                true => (Code::Header, Some(bools[1] as u64), "metadata[2].value".to_owned()),
                false => differs(0),
            };
            let cuts =
                [Cuts::Whole, Cuts::Every(60_000), near(GROUP), Cuts::At(GROUP), Cuts::At(GROUP + 1), Cuts::At(rule)];
            for by in WAYS {
                for cuts in cuts.clone() {
                    let story = format!("shift {shift}, declared {known}, {by:?}, {cuts:?}, rule shown by {rule}");
                    let mut session = expecting(length, Storage::Verify, changed(&evidence, 2, None));
                    let error = bring(&mut session, &file, by, cuts).expect_err(&story);
                    assert_eq!(place(&error), wanted, "{story}");
                }
            }
        }
    }
    assert!(first_is_rule > 10 && first_is_group > 10, "{first_is_rule} {first_is_group}");
}

#[test]
fn padding_broken_in_the_last_byte_of_a_group_comes_before_the_group() {
    // A tensor that ends 10 bytes before the border, its padding, and a second one.
    let mut writer = gguf_tests::writer::Writer::new(2, 0);
    writer.tensor(b"a", (GROUP - 96 - 10) as u64, 32).tensor(b"b", 64, 32).pad(32);
    assert_eq!(writer.bytes.len(), 96);
    writer.data(0, GROUP - 96 - 10, 32).data(1, 64, 32);
    let good = writer.bytes;
    assert_eq!(good.len(), GROUP + 64);
    for at in [GROUP - 10, GROUP - 1] {
        let mut file = good.clone();
        file[at] = 1;
        for known in [true, false] {
            for by in WAYS {
                for cuts in [Cuts::Whole, near(GROUP), Cuts::At(GROUP)] {
                    let evidence = Evidence::from_bytes(&[1; 64]).expect("two values");
                    let mut session = expecting(declared(&file, known), Storage::Verify, evidence);
                    let error = bring(&mut session, &file, by, cuts).expect_err("two faults");
                    assert_eq!(place(&error), (Code::Layout, Some(at as u64), "padding".to_owned()), "{known} {by:?}");
                }
            }
        }
    }
}

#[test]
fn the_end_is_judged_in_this_order_truncated_evidence_digests() {
    let (file, told) = with_length(2, 1);
    let wrong = Digest([3; 32]);
    // The last value is wrong, and so are both digests.
    let open = |groups: usize, bad: Option<usize>| {
        let mut session = expecting(None, Storage::Verify, changed(&told.evidence, groups, bad));
        session.expect_digest(Algorithm::Blake3, wrong).expect("computed");
        session
    };
    let error = bring(&mut open(3, Some(2)), &file[..file.len() - 1], By::Push, Cuts::Whole).expect_err("short");
    assert_eq!(error.code(), Code::Truncated);
    let error = bring(&mut open(3, Some(2)), file, By::Push, Cuts::Whole).expect_err("another group");
    assert_eq!(place(&error), differs(2));
    let error = bring(&mut open(3, None), file, By::Push, Cuts::Whole).expect_err("another file");
    assert_eq!(place(&error), (Code::Digest, None, "digests.blake3".to_owned()));
    // SHA-256 comes before BLAKE3, as ever.
    let mut session = session(None, Storage::Verify, limits());
    session.set_digests(EVIDENCE | 1).expect("nothing is in");
    session.expect_evidence(changed(&told.evidence, 3, None)).expect("nothing is in");
    session.expect_digest(Algorithm::Blake3, wrong).expect("computed");
    session.expect_digest(Algorithm::Sha256, wrong).expect("computed");
    let error = bring(&mut session, file, By::Push, Cuts::Whole).expect_err("another file");
    assert_eq!(place(&error).2, "digests.sha256");
}

#[test]
fn a_list_that_is_longer_than_the_file_is_refused_at_its_end() {
    for (file, told) in files() {
        let groups = told.evidence.len();
        let longer = [told.evidence.as_bytes(), &[5; 96]].concat();
        let mut session = expecting(None, Storage::Verify, Evidence::from_bytes(&longer).expect("values"));
        let error = bring(&mut session, file, By::Push, Cuts::Whole).expect_err("more values than groups");
        assert_eq!(place(&error), differs(groups), "{} bytes", file.len());
        // With the length declared such a list cannot be expected.
        let mut session = gguf_tests::evidence::session(declared(file, true), Storage::Verify, limits());
        let error = session.expect_evidence(Evidence::from_bytes(&longer).expect("values")).expect_err("too long");
        assert_eq!(error.code(), Code::Argument);
    }
}

#[test]
fn a_list_of_the_first_groups_is_compared_and_the_digest_waits_for_the_end() {
    let (file, told) = with_length(4, 1);
    for groups in 1..=4 {
        for known in [true, false] {
            let mut session = expecting(declared(file, known), Storage::Verify, changed(&told.evidence, groups, None));
            session.expect_digest(Algorithm::Blake3, Digest([1; 32])).expect("computed");
            let error = bring(&mut session, file, By::Push, Cuts::Whole).expect_err("another digest");
            assert_eq!((place(&error).2.as_str(), error.offset()), ("digests.blake3", None));
            let mut session = expecting(declared(file, known), Storage::Verify, changed(&told.evidence, groups, None));
            bring(&mut session, file, By::Window, Cuts::Whole).expect("the right groups");
            assert_eq!(session.model().and_then(|model| model.evidence()), Some(&told.evidence));
        }
    }
}

fn digest_of(told: &Naive, file: &[u8]) -> Digest {
    let digest = told.evidence.root(file.len() as u64).expect("all values");
    assert_eq!(digest.to_string(), told.blake3);
    digest
}

#[test]
fn a_complete_list_is_held_against_the_expected_blake3_at_the_first_push_and_only_then() {
    for (file, told) in files() {
        let groups = told.evidence.len();
        let length = declared(file, true);
        let right = digest_of(told, file);
        for wrong in 0..groups {
            let mut session = expecting(length, Storage::Verify, changed(&told.evidence, groups, Some(wrong)));
            session.expect_digest(Algorithm::Blake3, right).expect("computed");
            assert_eq!(session.push(&[]).expect("no push"), 0);
            let error = session.push(b"G").expect_err("not the values of that BLAKE3");
            assert_eq!(place(&error), (Code::Digest, None, "evidence".to_owned()));
            assert_eq!((error.expected(), session.state()), (Some(&*told.blake3), State::Failed));
            assert_eq!((session.position(), session.held()), (0, 0));
        }
        // The right ones are what is required.
        let mut session = expecting(length, Storage::Verify, changed(&told.evidence, groups, None));
        session.expect_digest(Algorithm::Blake3, right).expect("computed");
        bring(&mut session, file, By::Window, Cuts::Whole).expect("the right file");
        // A BLAKE3 that comes later waits for the end.
        let mut session = expecting(length, Storage::Verify, changed(&told.evidence, groups, None));
        session.push(&file[..10]).expect("the start of a good file");
        session.expect_digest(Algorithm::Blake3, Digest([1; 32])).expect("computed");
        session.push(&file[10..]).map_err(|error| error.to_string()).expect("a header");
        while session.position() < file.len() as u64 {
            session.push(&file[session.position() as usize..]).expect("a good file");
        }
        assert_eq!(session.finish().expect_err("another digest").path().to_string(), "digests.blake3");
    }
}

#[test]
fn without_a_declared_length_no_list_is_complete() {
    let (file, told) = with_length(2, 0);
    let mut session = expecting(None, Storage::Verify, changed(&told.evidence, 2, Some(0)));
    session.expect_digest(Algorithm::Blake3, digest_of(told, file)).expect("computed");
    let error = bring(&mut session, file, By::Push, Cuts::Whole).expect_err("another group");
    assert_eq!(place(&error), differs(0));
}
