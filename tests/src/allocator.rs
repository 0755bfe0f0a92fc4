//! A global allocator that counts what each thread holds, and fails the allocation that it is told to.
//!
//! A test that wants it says `#[global_allocator] static ALLOCATOR: Counting = Counting;`. All counts belong to the
//! calling thread, so that tests may run side by side.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gguf_admission::{Code, Error, Kind};

/// The allocator.
pub struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    /// Allocations left until the one that fails; 0 is off.
    static FUSE: Cell<usize> = const { Cell::new(0) };
    /// Whether the allocations behind the one that fails do too.
    static STAYS: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that this thread holds now.
pub fn live() -> usize {
    LIVE.get()
}

/// The most that this thread held since `reset_peak`.
pub fn peak() -> usize {
    PEAK.get()
}

/// Counts the peak from now on.
pub fn reset_peak() {
    PEAK.set(LIVE.get());
}

/// Lets the `nth` allocation of this thread from now fail (the first is 1), and every later one if `stays`.
pub fn fail_nth(nth: usize, stays: bool) {
    FAILED.set(0);
    STAYS.set(stays);
    FUSE.set(nth);
}

/// Lets no allocation fail any more, and tells how many did.
pub fn disarm() -> usize {
    FUSE.set(0);
    FAILED.get()
}

/// Lets the N-th allocation of `run` fail, for every N there is, and gives how many there were.
pub fn each_fault(mut run: impl FnMut(usize)) -> usize {
    for nth in 1.. {
        run(nth);
        if disarm() == 0 {
            return nth - 1;
        }
        assert!(nth < 10_000, "this does not end");
    }
    unreachable!()
}

/// Notes for `each_fault` whether the fault was met, after the run looked at the results with memory.
pub fn rearm(failed: usize) {
    if failed > 0 {
        fail_nth(1, false);
        let missed: Result<(), _> = Vec::<u8>::new().try_reserve_exact(1);
        assert!(missed.is_err());
    }
}

/// Runs one call as often as it says `memory`, which is at most as often as an allocation fails.
pub fn again<T>(failures: usize, mut call: impl FnMut() -> Result<T, Error>) -> T {
    for _ in 0..=failures {
        match call() {
            Ok(value) => return value,
            Err(error) => assert_eq!((error.code(), error.code().kind()), (Code::Memory, Kind::Retry), "{error}"),
        }
    }
    panic!("a call says `memory` although there is some");
}

fn may_allocate() -> bool {
    match FUSE.get() {
        0 => return true,
        1 if STAYS.get() => {}
        1 => FUSE.set(0),
        left => {
            FUSE.set(left - 1);
            return true;
        }
    }
    FAILED.set(FAILED.get() + 1);
    false
}

fn grow(by: usize) {
    let live = LIVE.get().wrapping_add(by);
    LIVE.set(live);
    // A thread may free what another allocated: then its count is below zero.
    if (live as isize) > PEAK.get() as isize {
        PEAK.set(live);
    }
}

// SAFETY: every call goes to the system's allocator with the arguments it came with; only counts are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !may_allocate() {
            return std::ptr::null_mut();
        }
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !may_allocate() {
            return std::ptr::null_mut();
        }
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !may_allocate() {
            return std::ptr::null_mut();
        }
        // For a moment both may be there.
        grow(size);
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(old, layout) }
    }
}
