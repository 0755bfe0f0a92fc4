//! What is held and what is needed: the allocator's own count beside the numbers that are told, and limit MEMORY.

use gguf_admission::abi::Registry;
use gguf_admission::{Builtin, Code, Digest, LimitId, Limits, Session, State, Storage};
use gguf_tests::allocator::{self, Counting, each_fault, rearm};
use gguf_tests::calls::{Grants, bring_in, needed};
use gguf_tests::feed::{self, Cuts};
use gguf_tests::files::{admitted, large, small};
use gguf_tests::verdict::parsed;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a session has from the allocator, beside what it lies in itself.
fn check_held(session: &Session<Builtin>, base: usize, story: &str) {
    let live = allocator::live() - base;
    assert_eq!(session.held(), live as u64, "{story}, {:?} at {}", session.state(), session.position());
}

#[test]
fn held_is_what_the_allocator_gave_out() {
    for &(ref file, chunk) in admitted(env!("CARGO_TARGET_TMPDIR")) {
        for storage in [Storage::Verify, Storage::Resident] {
            for by_window in [true, false] {
                let story = format!("{} bytes, {storage:?}, window {by_window}", file.len());
                let base = allocator::live();
                let mut session = feed::session(None, storage, Limits::new(storage));
                check_held_through(&mut session, file, chunk, by_window, base, &story);
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

#[test]
fn a_session_granted_what_each_refusal_asks_for_and_no_more_is_admitted() {
    for &(ref file, chunk) in admitted(env!("CARGO_TARGET_TMPDIR")) {
        for storage in [Storage::Verify, Storage::Resident] {
            let mut registry = Registry::new();
            let handle = registry.begin(-1, storage as i32).expect("a slot");
            let mut grants = Grants::none(&mut registry, handle);
            bring_in(&mut registry, handle, file, chunk, &mut |registry, call| grants.ask(registry, call));
            assert!(grants.count >= 2, "window and consent at least were refused first");
            let report = parsed(registry.report(handle).expect("what is needed covers the report"));
            assert!(report["memory"]["held"].as_u64() <= report["memory"]["limit"].as_u64(), "{}", report["memory"]);
        }
    }
}

#[test]
fn memory_set_to_needed_at_header_ready_is_enough_until_the_end() {
    for &(ref file, chunk) in admitted(env!("CARGO_TARGET_TMPDIR")) {
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
    for &(ref file, chunk) in admitted(env!("CARGO_TARGET_TMPDIR")) {
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
