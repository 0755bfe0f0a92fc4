//! A trap on demand: what a bug of ours would do, at a place that a test chooses. In no module that is shipped.

use core::cell::Cell;

thread_local! {
    /// Entries into the instance until the trap; 0: none is armed.
    static LEFT: Cell<i32> = const { Cell::new(0) };
}

/// Makes the `n`-th call from now on that enters the instance trap in the middle; 0 disarms. `abi_version` never
/// enters.
pub fn fault(n: i32) {
    LEFT.set(n);
}

/// Counts an entry, and traps at the one that was armed.
#[expect(clippy::panic, reason = "that is what it is for")]
pub(crate) fn strike() {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1).max(0));
    if left == 1 {
        panic!("a fault was asked for");
    }
}
