//! The N-th allocation fails, for every N over whole admissions: every outcome is an answer, never an abort; what was
//! there stays as it was; and the same call, made again with memory, goes on.

use std::sync::OnceLock;

use gguf_admission::{Builtin, Code, Digest, Error, Kind, LimitId, Limits, Registry, Session, State, Storage};
use gguf_tests::allocator::{self, Counting};
use gguf_tests::corpus::{self, Case};
use gguf_tests::feed::{self, Cuts};
use gguf_tests::verdict::{parsed, sections_of};
use gguf_tests::writer::Writer;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| corpus::load(env!("CARGO_TARGET_TMPDIR")))
}

fn case(name: &str) -> &'static [u8] {
    &cases().iter().find(|case| case.name == name).unwrap_or_else(|| panic!("the corpus has {name}")).contents
}

/// A header above one page, with an index that grows several times, and data in it and behind it.
fn large() -> Vec<u8> {
    let mut writer = Writer::new(3000, 3);
    writer.entry_string(b"general.architecture", b"llama").entry_string(b"text", &vec![b'x'; 200_000]);
    writer.entry_array(b"tokens", 8, 4000);
    for index in 0..4000 {
        writer.string(format!("token {index}").as_bytes());
    }
    for index in 0..3000 {
        writer.tensor(format!("blk.{index}.attn_q.weight").as_bytes(), 1 + index % 50, 32);
    }
    writer.pad(32);
    for index in 0..3000 {
        writer.data(index, 1 + index % 50, 32);
    }
    writer.bytes
}

fn small(which: u8) -> Vec<u8> {
    let mut writer = Writer::new(2, 1);
    writer.entry_u8(b"which", which).tensor(b"a", 100, 32).tensor(b"b", 7, 32).pad(32);
    writer.data(usize::from(which), 100, 32).data(1, 7, 32);
    writer.bytes
}

/// The files that are admitted under every fault, and the size of their chunks.
fn files() -> Vec<(Vec<u8>, usize)> {
    vec![(small(9), 40), (case("small_model").to_vec(), 1000), (case("vocabulary").to_vec(), 9000), (large(), 50_000)]
}

/// Runs one call as often as it says `memory`, which is at most as often as an allocation fails.
fn again<T>(failures: usize, mut call: impl FnMut() -> Result<T, Error>) -> T {
    for _ in 0..=failures {
        match call() {
            Ok(value) => return value,
            Err(error) => assert_eq!((error.code(), error.code().kind()), (Code::Memory, Kind::Retry), "{error}"),
        }
    }
    panic!("a call says `memory` although there is some");
}

/// Lets the N-th allocation of `run` fail, for every N there is, and gives how many there were.
fn each_fault(mut run: impl FnMut(usize)) -> usize {
    for nth in 1.. {
        run(nth);
        if allocator::disarm() == 0 {
            return nth - 1;
        }
        assert!(nth < 10_000, "this does not end");
    }
    unreachable!()
}

/// What others see of a model: they must not see a difference.
fn others(registry: &mut Registry, handles: &[i32]) -> Vec<(Vec<u8>, Vec<u8>)> {
    handles
        .iter()
        .map(|handle| {
            let report = registry.report(*handle).expect("memory").to_vec();
            (report, registry.tensor(*handle, 0).expect("bytes").to_vec())
        })
        .collect()
}

/// A registry with a model that was pushed and one that was loaded, which is active.
fn inhabited() -> (Registry, [i32; 2]) {
    let mut registry = Registry::new();
    let limits = Limits::new(Storage::Resident);
    let pushed = feed::by_registry(&mut registry, &small(1), None, Storage::Resident, limits, &mut Cuts::Whole)
        .unwrap_or_else(|(_, error)| panic!("{error}"));
    registry.load(&small(2)).expect("a good file");
    let loaded = registry.active();
    (registry, [pushed, loaded])
}

#[test]
fn a_registry_answers_every_failed_allocation_and_goes_on() {
    for (file, chunk) in files() {
        let chunk = chunk.min(file.len());
        let length = Some(file.len() as u64);
        for storage in [Storage::Verify, Storage::Resident] {
            let whole = feed::verdict(feed::Way::Push, &file, length, storage, Limits::new(storage), Cuts::Whole);
            let gguf_tests::verdict::Verdict::Admitted(whole) = whole else { panic!("a good file") };
            let whole = parsed(whole.as_bytes());
            let faults = each_fault(|nth| {
                let (mut registry, neighbours) = inhabited();
                let before = others(&mut registry, &neighbours);
                allocator::fail_nth(nth, false);
                let handle = again(1, || registry.begin(file.len() as i64, storage as i32));
                let mut at = 0;
                while at < file.len() {
                    let lent = again(1, || {
                        registry.window(handle).map(|window| {
                            let size = window.len().min(chunk).min(file.len() - at);
                            window[..size].copy_from_slice(&file[at..at + size]);
                            size
                        })
                    });
                    again(1, || registry.push_chunk(handle, at as i64, lent as i32));
                    at += lent;
                }
                again(1, || registry.finish(handle));
                again(1, || registry.report(handle).map(drop));
                again(1, || registry.metadata(handle, 0).map(drop));
                again(1, || registry.activate(handle));
                let failed = allocator::disarm();
                let report = parsed(registry.report(handle).expect("memory"));
                assert_eq!(sections_of(&report), whole, "failure {nth}");
                // The loaded one ended when it was displaced; the pushed one is untouched.
                assert_eq!(others(&mut registry, &neighbours[..1]), before[..1], "failure {nth}");
                assert_eq!(registry.active(), handle);
                allocator::fail_nth(0, false);
                rearm(failed);
            });
            println!("{} bytes, {storage:?}: {faults} allocations failed, one at a time", file.len());
            assert!(faults >= 4);
        }
    }
}

/// Notes for `each_fault` whether the fault was met, after the run looked at the results with memory.
fn rearm(failed: usize) {
    if failed > 0 {
        allocator::fail_nth(1, false);
        let missed: Result<(), _> = Vec::<u8>::new().try_reserve_exact(1);
        assert!(missed.is_err());
    }
}

#[test]
fn a_load_answers_every_failed_allocation_and_leaves_the_active_model() {
    for (file, _) in files() {
        each_fault(|nth| {
            let (mut registry, neighbours) = inhabited();
            let before = (others(&mut registry, &neighbours), registry.changes());
            allocator::fail_nth(nth, false);
            let result = registry.load(&file);
            let failed = allocator::disarm();
            match result {
                // A piece of the file that did not fit was tried again, and did.
                Ok(()) => {
                    let active = registry.active();
                    assert_ne!(active, neighbours[1]);
                    assert_eq!(registry.active_model().expect("loaded").length(), file.len() as u64);
                    assert_eq!(others(&mut registry, &neighbours[..1]), before.0[..1]);
                }
                Err(error) => {
                    assert_eq!(error.code(), Code::Memory, "{error}");
                    assert_eq!(registry.active(), neighbours[1]);
                    assert_eq!((others(&mut registry, &neighbours), registry.changes()), before);
                    registry.load(&file).expect("with memory");
                }
            }
            rearm(failed);
        });
    }
}

#[test]
fn without_any_memory_from_some_point_on_every_call_is_answered_and_the_session_can_go_on() {
    let file = large();
    each_fault(|nth| {
        let (mut registry, neighbours) = inhabited();
        let before = others(&mut registry, &neighbours);
        allocator::fail_nth(nth, true);
        // Each call once; what fails is asked again when there is memory.
        let mut failed = 0;
        let mut call = |registry: &mut Registry, call: &mut dyn FnMut(&mut Registry) -> Result<i64, Error>| -> i64 {
            match call(registry) {
                Ok(value) => value,
                Err(error) => {
                    assert_eq!(error.code(), Code::Memory, "{error}");
                    // And once more without.
                    assert_eq!(call(registry).expect_err("no memory").code(), Code::Memory);
                    failed += allocator::disarm();
                    call(registry).expect("with memory")
                }
            }
        };
        let handle = call(&mut registry, &mut |registry| registry.begin(-1, 2).map(i64::from)) as i32;
        let mut at = 0;
        while at < file.len() {
            let size = call(&mut registry, &mut |registry| {
                let window = registry.window(handle)?;
                let size = window.len().min(60_000).min(file.len() - at);
                window[..size].copy_from_slice(&file[at..at + size]);
                Ok(size as i64)
            });
            call(&mut registry, &mut |registry| registry.push_chunk(handle, at as i64, size as i32).map(|_| 0));
            at += size as usize;
        }
        call(&mut registry, &mut |registry| registry.finish(handle).map(|_| 0));
        call(&mut registry, &mut |registry| registry.report(handle).map(|text| text.len() as i64));
        failed += allocator::disarm();
        assert_eq!(registry.state(handle), Some(State::Admitted));
        assert_eq!(others(&mut registry, &neighbours), before);
        rearm(failed);
    });
}

#[test]
fn a_bad_file_is_rejected_for_what_it_is_under_every_fault() {
    let mut bad = large();
    let end = bad.len();
    bad.truncate(end - 40);
    let mut short_of_data = small(3);
    short_of_data.truncate(150);
    for file in [bad, short_of_data, b"FUGG".to_vec()] {
        let whole =
            feed::verdict(feed::Way::Push, &file, None, Storage::Resident, Limits::new(Storage::Resident), Cuts::Whole);
        each_fault(|nth| {
            allocator::fail_nth(nth, false);
            let mut session = feed::session(None, Storage::Resident, Limits::new(Storage::Resident));
            let mut at = 0;
            let error = loop {
                let answer = if at < file.len() { session.push(&file[at..]) } else { session.finish().map(|()| 0) };
                match answer {
                    Ok(taken) => at += taken,
                    Err(error) if error.code() == Code::Memory => assert_ne!(session.state(), State::Failed),
                    Err(error) => break error,
                }
            };
            let failed = allocator::disarm();
            let verdict = gguf_tests::verdict::Verdict::of::<Builtin>(Err(&error));
            assert_eq!(verdict, whole, "failure {nth}");
            rearm(failed);
        });
    }
}

/// What a session has from the allocator, beside what it lies in itself.
fn check_held(session: &Session<Builtin>, base: usize, story: &str) {
    let live = allocator::live() - base;
    assert_eq!(session.held(), live as u64, "{story}, {:?} at {}", session.state(), session.position());
}

#[test]
fn held_is_what_the_allocator_gave_out() {
    for (file, chunk) in files() {
        for storage in [Storage::Verify, Storage::Resident] {
            for by_window in [true, false] {
                let story = format!("{} bytes, {storage:?}, window {by_window}", file.len());
                let base = allocator::live();
                let mut session = feed::session(None, storage, Limits::new(storage));
                check_held_through(&mut session, &file, chunk, by_window, base, &story);
                drop(session);
                assert_eq!(allocator::live(), base, "everything is given back");
            }
        }
    }
}

fn check_held_through(
    session: &mut Session<Builtin>,
    file: &[u8],
    chunk: usize,
    by_window: bool,
    base: usize,
    story: &str,
) {
    let mut at = 0;
    while at < file.len() {
        let size = chunk.min(file.len() - at);
        at += if by_window {
            let window = session.window().expect("memory");
            let size = size.min(window.len());
            window[..size].copy_from_slice(&file[at..at + size]);
            check_held(session, base, story);
            session.commit(size).expect("a good file");
            size
        } else {
            session.push(&file[at..at + size]).expect("a good file")
        };
        check_held(session, base, story);
    }
    session.finish().expect("whole");
    check_held(session, base, story);
}

#[test]
fn held_is_true_after_an_allocation_failed_too() {
    let file = large();
    each_fault(|nth| {
        let base = allocator::live();
        allocator::fail_nth(nth, false);
        let mut session = feed::session(None, Storage::Resident, Limits::new(Storage::Resident));
        let mut at = 0;
        let mut wrong = None;
        loop {
            let answer = if at < file.len() { session.push(&file[at..]) } else { session.finish().map(|()| 0) };
            let live = (allocator::live() - base) as u64;
            if session.held() != live {
                wrong = Some((session.held(), live));
            }
            match answer {
                Ok(_) if session.state() == State::Admitted => break,
                Ok(taken) => at += taken,
                Err(_) => {}
            }
        }
        let failed = allocator::disarm();
        assert_eq!(wrong, None, "failure {nth}: held, live");
        rearm(failed);
    });
}

/// The number in a `budget` detail.
fn needed(error: &Error) -> u64 {
    assert_eq!((error.code(), error.path().to_string().as_str()), (Code::Budget, "memory"), "{error}");
    error.expected().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn a_session_granted_what_each_refusal_asks_for_and_no_more_is_admitted() {
    for (file, chunk) in files() {
        for storage in [Storage::Verify, Storage::Resident] {
            let mut registry = Registry::new();
            let handle = registry.begin(-1, storage as i32).expect("a slot");
            let memory = LimitId::Memory as i32;
            registry.limit(handle, memory, 0).expect("nothing is in yet");
            let mut at = 0;
            let mut grants = 0;
            // One byte less is refused with the same number, that number is enough.
            let mut granted = |registry: &mut Registry, call: &mut dyn FnMut(&mut Registry) -> Result<usize, Error>| {
                let error = match call(registry) {
                    Ok(value) => return value,
                    Err(error) => error,
                };
                let number = needed(&error);
                registry.limit(handle, memory, number as i64 - 1).expect("settable");
                let refused = call(registry).expect_err("one byte less");
                assert_eq!(needed(&refused), number);
                registry.limit(handle, memory, number as i64).expect("settable");
                grants += 1;
                call(registry).unwrap_or_else(|error| panic!("{number} was asked for: {error}"))
            };
            while at < file.len() {
                let size = granted(&mut registry, &mut |registry| {
                    let window = registry.window(handle)?;
                    let size = window.len().min(chunk).min(file.len() - at);
                    window[..size].copy_from_slice(&file[at..at + size]);
                    Ok(size)
                });
                granted(&mut registry, &mut |registry| registry.push_chunk(handle, at as i64, size as i32).map(|_| 0));
                at += size;
            }
            granted(&mut registry, &mut |registry| registry.finish(handle).map(|_| 0));
            assert!(grants >= 2, "window and consent at least were refused first");
            let report = parsed(registry.report(handle).expect("what is needed covers the report"));
            assert!(report["memory"]["held"].as_u64() <= report["memory"]["limit"].as_u64(), "{}", report["memory"]);
        }
    }
}

#[test]
fn memory_set_to_needed_at_header_ready_is_enough_until_the_end() {
    for (file, chunk) in files() {
        for storage in [Storage::Verify, Storage::Resident] {
            for (declared, by_window) in [(true, true), (true, false), (false, true), (false, false)] {
                let length = declared.then_some(file.len() as u64);
                let mut session = feed::session(length, storage, Limits::new(storage));
                let mut at = 0;
                while session.state() == State::Open {
                    at += session.push(&file[at..(at + chunk).min(file.len())]).expect("a good file");
                }
                let number = session.needed();
                session.set_limit(LimitId::Memory, number - 1).expect("settable");
                let refused = match by_window {
                    _ if at == file.len() => session.finish(),
                    true => session.window().map(drop),
                    false => session.push(&file[at..]).map(drop),
                };
                let refused = refused.expect_err("one byte less");
                assert_eq!((needed(&refused), session.state()), (number, State::HeaderReady));
                assert_eq!(session.position(), at as u64);
                session.set_limit(LimitId::Memory, number).expect("settable");
                let mut most = 0;
                while at < file.len() {
                    let size = chunk.min(file.len() - at);
                    at += if by_window {
                        let window = session.window().expect("what was needed");
                        let size = size.min(window.len());
                        window[..size].copy_from_slice(&file[at..at + size]);
                        session.commit(size).expect("a good file");
                        size
                    } else {
                        session.push(&file[at..at + size]).expect("what was needed")
                    };
                    most = most.max(session.held());
                }
                session.finish().expect("whole");
                assert!(most.max(session.held()) <= number, "{most} held, {number} needed");
            }
        }
    }
}

#[test]
fn held_never_exceeds_limit_memory_whatever_it_is() {
    for (file, chunk) in files() {
        for power in 10..24 {
            let limit = 1u64 << power;
            for storage in [Storage::Verify, Storage::Resident] {
                let limits = Limits::new(storage).with(LimitId::Memory, limit).with(LimitId::Window, 4096);
                let mut session = feed::session(None, storage, limits);
                let mut at = 0;
                let result = loop {
                    let size = chunk.min(file.len() - at);
                    let answer =
                        if size > 0 { session.push(&file[at..at + size]) } else { session.finish().map(|()| 0) };
                    assert!(session.held() <= limit, "{} held, {limit} granted", session.held());
                    match answer {
                        Ok(_) if size == 0 => break Ok(()),
                        Ok(taken) => at += taken,
                        Err(error) => break Err(error),
                    }
                };
                if let Err(error) = result {
                    assert!(needed(&error) > limit);
                    assert_ne!(session.state(), State::Failed, "the session can go on");
                }
            }
        }
    }
}

#[test]
fn a_digest_that_is_wrong_frees_everything_but_the_reason() {
    let file = large();
    let base = allocator::live();
    let mut session = feed::session(None, Storage::Resident, Limits::new(Storage::Resident));
    session.expect_digest(gguf_admission::Algorithm::Sha256, Digest([7; 32])).expect("computed");
    let error = feed::by_push(&mut session, &file, &mut Cuts::Whole).expect_err("not these bytes");
    assert_eq!((error.code(), session.state()), (Code::Digest, State::Failed));
    assert_eq!((session.held(), allocator::live()), (0, base));
}

#[test]
fn a_thousand_admissions_and_aborts_leave_no_byte_behind() {
    let mut registry = Registry::new();
    let file = small(1);
    let limits = Limits::new(Storage::Resident).with(LimitId::Window, 4096);
    let mut plateau = None;
    for round in 0..1000 {
        let length = Some(file.len() as u64);
        let cuts = &mut Cuts::Every(1 + round % 70);
        let end = file.len() - if round % 3 == 0 { 30 } else { 0 };
        let result = feed::by_registry(&mut registry, &file[..end], length, Storage::Resident, limits, cuts);
        let (Ok(handle) | Err((handle, _))) = result;
        registry.release(handle).expect("there");
        assert_eq!(allocator::live(), *plateau.get_or_insert(allocator::live()), "round {round}");
    }
}
