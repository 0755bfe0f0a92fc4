//! Version 2 of the WebAssembly interface: the guest lends a piece of its memory (a *window*), the host fills it with
//! the next bytes of the file and says how many.
//!
//! Built as a module, this crate exports both versions of the interface. Linked as a library, its functions are the
//! same calls on the one instance of the thread, so that a runtime can export functions of its own beside them. No call
//! takes a pointer.
//!
//! A host calls, for each file: [`begin`]; then [`window`] and [`push_chunk`] until the file has ended; then
//! [`finish`]. A negative result means that the call was refused; [`last_error`] says why. The full contract is the
//! page `docs/abi-v2.md` of the repository.

use gguf_abi_v1::{Instance, enter};
use gguf_admission::abi::{Registry, Text};
use gguf_admission::{Code, Error, State};

/// `major << 16 | minor`.
const VERSION: i32 = 0x0002_0000;

const POISONED: i32 = Code::Poisoned.status();

/// The version of this ABI. Never fails.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "abi_version"))]
pub extern "C" fn abi_version() -> i32 {
    VERSION
}

/// Opens a session for a file of `length` bytes (-1 unknown) into `sink` (1 verify, 2 resident). Gives its handle.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "begin"))]
pub extern "C" fn begin(length: i64, sink: i32) -> i32 {
    number(0, |registry| registry.begin(length, sink))
}

/// Sets limit `id`, or reads it with value -1. Gives the value in effect.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "limit"))]
pub extern "C" fn limit(handle: i32, id: i32, value: i64) -> i64 {
    long(handle, |registry| registry.limit(handle, id, value))
}

/// Chooses the digests to compute: 1 SHA-256, 2 BLAKE3, 3 both, 0 none; 6 and 7 with evidence. Gives the state.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "digests"))]
pub extern "C" fn digests(handle: i32, mask: i32) -> i32 {
    state(handle, |registry| registry.digests(handle, mask))
}

/// Requires a digest, as four big-endian words. Gives the state.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "expect_digest"))]
pub extern "C" fn expect_digest(handle: i32, algorithm: i32, a: i64, b: i64, c: i64, d: i64) -> i32 {
    state(handle, |registry| registry.expect_digest(handle, algorithm, [a, b, c, d]))
}

/// The values of the file's evidence so far, as a slice that is good until the next call.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "evidence"))]
pub extern "C" fn evidence(handle: i32) -> i64 {
    long(handle, |registry| registry.evidence(handle).map(slice))
}

/// Lends room for the values required of the first `groups` groups, as a slice.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "expect_evidence"))]
pub extern "C" fn expect_evidence(handle: i32, groups: i32) -> i64 {
    long(handle, |registry| registry.expect_evidence(handle, groups).map(slice_mut))
}

/// Lends room for the bytes of one group, as a slice.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "lend_group"))]
pub extern "C" fn lend_group(handle: i32, group: i32) -> i64 {
    long(handle, |registry| registry.lend_group(handle, group).map(slice_mut))
}

/// Whether the first `len` bytes lent are that group: 1 or 0.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "check_group"))]
pub extern "C" fn check_group(handle: i32, group: i32, len: i32) -> i32 {
    number(handle, |registry| registry.check_group(handle, group, len).map(i32::from))
}

/// Lends memory for the next file bytes, as a slice.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "window"))]
pub extern "C" fn window(handle: i32) -> i64 {
    long(handle, |registry| registry.window(handle).map(slice_mut))
}

/// The first `len` bytes of the window are the file's bytes at `offset`. Gives the state.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "push_chunk"))]
pub extern "C" fn push_chunk(handle: i32, offset: i64, len: i32) -> i32 {
    state(handle, |registry| registry.push_chunk(handle, offset, len))
}

/// Ends the file. Gives the state, which is ADMITTED: the handle names a model.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "finish"))]
pub extern "C" fn finish(handle: i32) -> i32 {
    state(handle, |registry| registry.finish(handle))
}

/// File bytes accepted so far.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "position"))]
pub extern "C" fn position(handle: i32) -> i64 {
    long(handle, |registry| registry.position(handle))
}

/// The report, as a slice of JSON that is good until the next call.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "report"))]
pub extern "C" fn report(handle: i32) -> i64 {
    long(handle, |registry| registry.report(handle).map(slice))
}

/// Metadata value `index` in full, as a slice of JSON that is good until the next call.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "metadata"))]
pub extern "C" fn metadata(handle: i32, index: i32) -> i64 {
    long(handle, |registry| registry.metadata(handle, index).map(slice))
}

/// The bytes of tensor `index` of an admitted resident model, as a slice that is good until `release`.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "tensor"))]
pub extern "C" fn tensor(handle: i32, index: i32) -> i64 {
    long(handle, |registry| registry.tensor(handle, index).map(slice))
}

/// Judges the header by a profile: `id` 1 `llama`; `level` 0 not at all, 1 report, 2 refuse. Gives the state.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "profile"))]
pub extern "C" fn profile(handle: i32, id: i32, level: i32) -> i32 {
    state(handle, |registry| registry.profile(handle, id, level))
}

/// Makes a session or model a shard of the set that `lead` leads. Gives the state.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "join"))]
pub extern "C" fn join(handle: i32, lead: i32) -> i32 {
    state(handle, |registry| registry.join(handle, lead))
}

/// Makes an admitted model the active one. Gives the state.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "activate"))]
pub extern "C" fn activate(handle: i32) -> i32 {
    state(handle, |registry| registry.activate(handle))
}

/// The handle of the active model, or 0.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "active"))]
pub extern "C" fn active() -> i32 {
    enter(POISONED, |instance| instance.registry.active())
}

/// Drops a session or a model in any state. 0.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "release"))]
pub extern "C" fn release(handle: i32) -> i32 {
    number(handle, |registry| registry.release(handle).map(|()| 0))
}

/// The detail of the latest v2 call that was refused, as a slice of JSON; `null` before the first. Never allocates.
#[cfg_attr(all(target_family = "wasm", feature = "exports"), unsafe(export_name = "last_error"))]
pub extern "C" fn last_error() -> i64 {
    enter(i64::from(POISONED), |instance| {
        slice(if instance.last_error.is_empty() { b"null" } else { instance.last_error.as_bytes() })
    })
}

/// `len << 32 | ptr`; an empty slice is 0. A slice the registry gives is shorter than 2^31.
fn slice(bytes: &[u8]) -> i64 {
    match bytes.len() {
        0 => 0,
        len => ((len as i64) << 32) | (bytes.as_ptr().expose_provenance() as i64 & 0xffff_ffff),
    }
}

/// The same of memory that the host writes to.
fn slice_mut(bytes: &mut [u8]) -> i64 {
    // The address, and with it the right to write, comes from the exclusive borrow.
    let address = bytes.as_mut_ptr().expose_provenance();
    ((bytes.len() as i64) << 32) | (address as i64 & 0xffff_ffff)
}

fn state(handle: i32, call: impl FnOnce(&mut Registry) -> Result<State, Error>) -> i32 {
    number(handle, |registry| call(registry).map(|state| state as i32))
}

fn number(handle: i32, call: impl FnOnce(&mut Registry) -> Result<i32, Error>) -> i32 {
    enter(POISONED, |instance| call(&mut instance.registry).unwrap_or_else(|error| refuse(instance, handle, &error)))
}

fn long(handle: i32, call: impl FnOnce(&mut Registry) -> Result<i64, Error>) -> i64 {
    enter(i64::from(POISONED), |instance| {
        call(&mut instance.registry).unwrap_or_else(|error| i64::from(refuse(instance, handle, &error)))
    })
}

/// Notes why a call was refused and gives its status.
fn refuse(instance: &mut Instance, handle: i32, error: &Error) -> i32 {
    instance.last_error = Text::new();
    // The text is cut, never refused, and the longest detail fits.
    let _ = error.write_json(&mut instance.last_error, instance.registry.state(handle));
    error.code().status()
}
