//! The N-th allocation fails, for every N over whole admissions: every outcome is an answer, never an abort; what was
//! there stays as it was; and the same call, made again with memory, goes on.

use gguf_admission::abi::Registry;
use gguf_admission::{Builtin, Code, Limits, State, Storage};
use gguf_tests::allocator::{self, Counting, again, each_fault, rearm};
use gguf_tests::calls::{Call, bring_in};
use gguf_tests::feed::{self, Cuts};
use gguf_tests::files::{admitted, large, small};
use gguf_tests::verdict::{parsed, sections_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    for &(ref file, chunk) in admitted(env!("CARGO_TARGET_TMPDIR")) {
        let chunk = chunk.min(file.len());
        let length = Some(file.len() as u64);
        for storage in [Storage::Verify, Storage::Resident] {
            let whole = feed::verdict(feed::Way::Push, file, length, storage, Limits::new(storage), Cuts::Whole);
            let gguf_tests::verdict::Verdict::Admitted(whole) = whole else { panic!("a good file") };
            let whole = parsed(whole.as_bytes());
            let faults = each_fault(|nth| {
                let (mut registry, neighbours) = inhabited();
                let before = others(&mut registry, &neighbours);
                allocator::fail_nth(nth, false);
                let handle = again(1, || registry.begin(file.len() as i64, storage as i32));
                let ask = &mut |registry: &mut Registry, call: Call<'_>| again(1, || call(registry));
                bring_in(&mut registry, handle, file, chunk, ask);
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

#[test]
fn a_load_answers_every_failed_allocation_and_leaves_the_active_model() {
    for (file, _) in admitted(env!("CARGO_TARGET_TMPDIR")) {
        each_fault(|nth| {
            let (mut registry, neighbours) = inhabited();
            let before = (others(&mut registry, &neighbours), registry.changes());
            allocator::fail_nth(nth, false);
            let result = registry.load(file);
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
                    registry.load(file).expect("with memory");
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
        let mut ask = |registry: &mut Registry, call: Call<'_>| {
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
        let handle = ask(&mut registry, &mut |registry| registry.begin(-1, 2).map(|handle| handle as usize)) as i32;
        bring_in(&mut registry, handle, &file, 60_000, &mut ask);
        ask(&mut registry, &mut |registry| registry.report(handle).map(<[u8]>::len));
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
