//! What evidence and the proof of a group hold and need, and that every allocation for them may fail.

use gguf_admission::abi::Registry;
use gguf_admission::{Builtin, Code, Evidence, LimitId, Limits, Session, State, Storage};
use gguf_tests::allocator::{self, Counting, again, each_fault, rearm};
use gguf_tests::calls::{Call, Grants, bring_in, needed};
use gguf_tests::evidence::{EVIDENCE, GROUP, file, long_header};
use gguf_tests::feed;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Files of three groups and of two, the second with a header that crosses the border; and the size of their chunks.
fn files() -> [(Vec<u8>, usize); 2] {
    [(file(2 * GROUP + 1), 300_000), (long_header(GROUP + 100, 3).0, 50_000)]
}

fn limits(storage: Storage) -> Limits {
    Limits::new(storage).with(LimitId::StringBytes, 2 << 20)
}

fn values_of(file: &[u8]) -> Vec<u8> {
    let mut session = gguf_tests::evidence::session(None, Storage::Verify, limits(Storage::Verify));
    session.push_all(file).expect("a good file");
    session.finish().expect("whole");
    session.evidence().expect("computed").to_vec()
}

/// Every way to open a session for a file: with the length declared or not, and so many values expected.
fn each_session(file: &[u8], mut test: impl FnMut(&dyn Fn(Storage) -> Session<Builtin>, &str)) {
    let values = values_of(file);
    for known in [true, false] {
        for groups in 0..=values.len() / 32 {
            let open = |storage| {
                let length = known.then_some(file.len() as u64);
                let mut session = gguf_tests::evidence::session(length, storage, limits(storage));
                if groups > 0 {
                    let evidence = Evidence::from_bytes(&values[..32 * groups]).expect("values");
                    session.expect_evidence(evidence).expect("nothing is in");
                }
                session
            };
            test(&open, &format!("{} bytes, declared {known}, {groups} values expected", file.len()));
        }
    }
}

/// Brings bytes in by windows or pushes; `seen` is asked after every call.
fn bring(
    session: &mut Session<Builtin>,
    file: &[u8],
    chunk: usize,
    by_window: bool,
    mut seen: impl FnMut(&Session<Builtin>),
) {
    while (session.position() as usize) < file.len() {
        let at = session.position() as usize;
        let size = chunk.min(file.len() - at);
        if by_window {
            let window = session.window().expect("memory");
            let size = size.min(window.len());
            window[..size].copy_from_slice(&file[at..at + size]);
            seen(session);
            session.commit(size).expect("a good file");
        } else {
            session.push(&file[at..at + size]).expect("a good file");
        }
        seen(session);
    }
    session.finish().expect("whole");
    seen(session);
}

#[test]
fn held_is_what_the_allocator_gave_out() {
    for (file, chunk) in &files() {
        each_session(file, |open, story| {
            for storage in [Storage::Verify, Storage::Resident] {
                for by_window in [true, false] {
                    let base = allocator::live();
                    let mut session = open(storage);
                    bring(&mut session, file, *chunk, by_window, |session| {
                        let live = (allocator::live() - base) as u64;
                        assert_eq!(session.held(), live, "{story}, {storage:?}, at {}", session.position());
                    });
                    drop(session);
                    assert_eq!(allocator::live(), base, "everything is given back");
                }
            }
        });
    }
}

#[test]
fn memory_set_to_needed_at_header_ready_is_enough_until_the_end() {
    for (file, chunk) in &files() {
        each_session(file, |open, story| {
            for storage in [Storage::Verify, Storage::Resident] {
                for by_window in [true, false] {
                    let mut session = open(storage);
                    let declared = session.length();
                    while session.state() == State::Open {
                        let at = session.position() as usize;
                        session.push(&file[at..(at + chunk).min(file.len())]).expect("a good file");
                    }
                    let number = session.needed();
                    session.set_limit(LimitId::Memory, number - 1).expect("settable");
                    let at = session.position() as usize;
                    let held = session.held();
                    let refused = match by_window {
                        true => session.window().map(drop),
                        false => session.push(&file[at..]).map(drop),
                    };
                    let refused = refused.expect_err("one byte less");
                    assert_eq!((needed(&refused), session.state(), session.held()), (number, State::HeaderReady, held));
                    session.set_limit(LimitId::Memory, number).expect("settable");
                    let mut most = 0;
                    bring(&mut session, file, *chunk, by_window, |session| most = most.max(session.held()));
                    assert!(most <= number, "{story}: {most} held, {number} needed");
                    // It is what is needed without evidence, and 32 bytes for each group.
                    let mut plain = feed::session(declared, storage, limits(storage));
                    while plain.state() == State::Open {
                        let at = plain.position() as usize;
                        plain.push(&file[at..(at + chunk).min(file.len())]).expect("a good file");
                    }
                    assert_eq!(number - plain.needed(), 32 * file.len().div_ceil(GROUP) as u64, "{story}");
                }
            }
        });
    }
}

#[test]
fn a_session_granted_what_each_refusal_asks_for_and_no_more_is_admitted_and_proves_its_groups() {
    for (file, chunk) in files() {
        let values = values_of(&file);
        let groups = values.len() / 32;
        for storage in [Storage::Verify, Storage::Resident] {
            let mut registry = Registry::new();
            let handle = registry.begin(file.len() as i64, storage as i32).expect("a slot");
            registry.limit(handle, LimitId::StringBytes as i32, 2 << 20).expect("nothing is in yet");
            registry.digests(handle, i32::from(EVIDENCE)).expect("nothing is in yet");
            let mut grants = Grants::none(&mut registry, handle);
            grants.ask(&mut registry, &mut |registry| {
                registry.expect_evidence(handle, groups as i32).map(|room| {
                    room.copy_from_slice(&values);
                    room.len()
                })
            });
            let lent = grants.ask(&mut registry, &mut |registry| {
                registry.lend_group(handle, 1).map(|room| {
                    let size = room.len();
                    room.copy_from_slice(&file[GROUP..GROUP + size]);
                    size
                })
            });
            assert!(registry.check_group(handle, 1, lent as i32).expect("lent"));
            bring_in(&mut registry, handle, &file, chunk, &mut |registry, call| grants.ask(registry, call));
            assert!(grants.count >= 2, "list and group at least were refused first");
            assert_eq!(registry.evidence(handle).expect("computed"), values);
        }
    }
}

/// A registry with a session at the consent's other side, which holds exactly what it may.
fn receiving(file: &[u8], values: &[u8]) -> (Registry, i32) {
    let mut registry = Registry::new();
    let handle = registry.begin(file.len() as i64, 1).expect("a slot");
    registry.digests(handle, i32::from(EVIDENCE)).expect("nothing is in yet");
    let room = registry.expect_evidence(handle, (values.len() / 32) as i32).expect("memory");
    room.copy_from_slice(values);
    registry.window(handle).expect("memory")[..100].copy_from_slice(&file[..100]);
    registry.push_chunk(handle, 0, 100).expect("a header and some data");
    let report = gguf_tests::verdict::parsed(registry.report(handle).expect("a report"));
    let needed = report["memory"]["needed"].as_i64().expect("a number");
    registry.limit(handle, LimitId::Memory as i32, needed).expect("settable");
    registry.window(handle).expect("what is needed");
    (registry, handle)
}

#[test]
fn behind_the_consent_only_the_allocator_can_refuse_a_group() {
    let (file, _) = &files()[0];
    let (mut registry, handle) = receiving(file, &values_of(file));
    allocator::fail_nth(1, false);
    assert_eq!(registry.lend_group(handle, 0).expect_err("no memory").code(), Code::Memory);
    allocator::disarm();
    let before = allocator::live();
    registry.lend_group(handle, 0).expect("MEMORY does not count any more")[..GROUP].copy_from_slice(&file[..GROUP]);
    assert_eq!(allocator::live() - before, GROUP);
    let memory = gguf_tests::verdict::parsed(registry.report(handle).expect("a report"))["memory"].clone();
    assert!(
        memory["held"].as_u64() > memory["limit"].as_u64() && memory["needed"].as_u64() <= memory["limit"].as_u64()
    );
    assert!(registry.check_group(handle, 0, GROUP as i32).expect("lent"));
    registry.report(handle).expect("a report");
    assert_eq!(registry.lend_group(handle, 2).expect("the last group").len(), 1);
}

#[test]
fn a_lending_that_fails_keeps_the_room_that_was_lent() {
    let (file, _) = &files()[0];
    let (mut registry, handle) = receiving(file, &values_of(file));
    registry.lend_group(handle, 2).expect("memory")[0] = *file.last().expect("not empty");
    allocator::fail_nth(1, false);
    assert_eq!(registry.lend_group(handle, 0).expect_err("no memory").code(), Code::Memory);
    allocator::disarm();
    assert_eq!(registry.check_group(handle, 0, GROUP as i32).expect_err("not lent").code(), Code::Window);
    assert!(registry.check_group(handle, 2, 1).expect("still lent"));
}

#[test]
fn a_registry_answers_every_failed_allocation_and_goes_on() {
    for (file, chunk) in files() {
        let values = values_of(&file);
        let groups = values.len() / 32;
        for (expected, storage) in [(0, 1), (1, 2), (groups, 1)] {
            for known in [true, false] {
                let faults = each_fault(|nth| {
                    let mut registry = Registry::new();
                    allocator::fail_nth(nth, false);
                    let length = if known { file.len() as i64 } else { -1 };
                    let handle = again(1, || registry.begin(length, storage));
                    again(1, || registry.limit(handle, LimitId::StringBytes as i32, 2 << 20));
                    again(1, || registry.digests(handle, i32::from(EVIDENCE)));
                    if expected > 0 {
                        again(1, || {
                            let room = registry.expect_evidence(handle, expected as i32)?;
                            room.copy_from_slice(&values[..32 * expected]);
                            Ok(())
                        });
                    }
                    if expected > 0 && known {
                        prove(&mut registry, handle, &file, 0);
                    }
                    let ask = &mut |registry: &mut Registry, call: Call<'_>| again(1, || call(registry));
                    bring_in(&mut registry, handle, &file, chunk, ask);
                    again(1, || registry.evidence(handle).map(drop));
                    prove(&mut registry, handle, &file, groups - 1);
                    let failed = allocator::disarm();
                    assert_eq!(registry.evidence(handle).expect("computed"), values, "failure {nth}");
                    registry.release(handle).expect("there");
                    rearm(failed);
                });
                assert!(faults >= 8, "{faults} allocations");
            }
        }
    }
}

fn prove(registry: &mut Registry, handle: i32, file: &[u8], group: usize) {
    let bytes = file.chunks(GROUP).nth(group).expect("there is one");
    again(1, || registry.lend_group(handle, group as i32).map(|room| room.copy_from_slice(bytes)));
    assert!(registry.check_group(handle, group as i32, bytes.len() as i32).expect("lent"));
}

#[test]
fn a_group_that_differs_frees_everything_but_the_reason() {
    let (file, chunk) = &files()[0];
    let mut values = values_of(file);
    values[40] ^= 1;
    let base = allocator::live();
    let mut session = feed::session(Some(file.len() as u64), Storage::Resident, limits(Storage::Resident));
    session.set_digests(EVIDENCE).expect("nothing is in");
    session.expect_evidence(Evidence::from_bytes(&values).expect("values")).expect("nothing is in");
    let error = file.chunks(*chunk).find_map(|chunk| session.push_all(chunk).err()).expect("another group");
    assert_eq!(error.path().to_string(), "evidence[1]");
    assert_eq!((session.held(), allocator::live()), (0, base));
}

#[test]
fn before_the_consent_a_group_counts_against_memory_and_every_step_ends_it() {
    let file = file(GROUP + 1);
    let values = values_of(&file);
    let mut registry = Registry::new();
    let handle = registry.begin(file.len() as i64, 1).expect("a slot");
    registry.digests(handle, i32::from(EVIDENCE)).expect("nothing is in yet");
    registry.expect_evidence(handle, 2).expect("memory").copy_from_slice(&values);
    let held = (GROUP + values.len()) as i64;
    registry.limit(handle, LimitId::Memory as i32, held - 1).expect("settable");
    assert_eq!(needed(&registry.lend_group(handle, 0).expect_err("one byte less")), held as u64);
    registry.limit(handle, LimitId::Memory as i32, held).expect("settable");
    registry.lend_group(handle, 0).expect("what was asked for");
    let is_lent = |registry: &mut Registry| match registry.check_group(handle, 0, GROUP as i32) {
        Ok(proven) => !proven,
        Err(error) => error.code() != Code::Window,
    };
    assert!(is_lent(&mut registry));
    registry.limit(handle, LimitId::Memory as i32, 4 << 20).expect("settable");
    registry.lend_group(handle, 0).expect("memory");
    registry.window(handle).expect("memory")[..100].copy_from_slice(&file[..100]);
    assert!(!is_lent(&mut registry), "window");
    registry.lend_group(handle, 0).expect("memory");
    registry.push_chunk(handle, 0, 100).expect("a header and some data");
    assert!(!is_lent(&mut registry), "push_chunk");
    assert_eq!(registry.lend_group(handle, 0).expect("memory").len(), GROUP, "still before the consent");
}
