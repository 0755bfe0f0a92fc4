//! Version 2 of the WebAssembly interface: the guest lends a piece of its memory (a *window*), the host fills it with
//! the next bytes of the file and says how many.
//!
//! Built as a module, this crate exports both versions of the interface. Linked as a library, its functions are the
//! same calls over an [`Instance`], whose models are kept in a sink of the caller's choice; [`exports!`] makes a module
//! of them, to which a runtime adds exports of its own. No call takes a pointer.
//!
//! A host calls, for each file: [`begin`]; then [`window`] and [`push_chunk`] until the file has ended; then
//! [`finish`]. A negative result means that the call was refused; [`last_error`] says why. The full contract is the
//! page `docs/abi-v2.md` of the repository.

mod exports;

pub use gguf_abi_v1::{self, Instance};
use gguf_admission::abi::{Registry, Text};
use gguf_admission::{Code, Error, Keep, State};

/// The module that this crate is when it is built as one.
#[cfg(all(target_family = "wasm", feature = "exports"))]
mod module {
    crate::exports!(gguf_admission::Builtin);
}

/// `major << 16 | minor`.
const VERSION: i32 = 0x0002_0001;

/// What every call answers after one that trapped.
pub const POISONED: i32 = Code::Poisoned.status();

/// The version of this ABI. Never fails.
pub const fn abi_version() -> i32 {
    VERSION
}

/// Opens a session for a file of `length` bytes (-1 unknown) into `sink` (1 verify, 2 resident). Gives its handle.
pub fn begin<S: Keep>(instance: &mut Instance<S>, length: i64, sink: i32) -> i32 {
    number(instance, 0, |registry| registry.begin(length, sink))
}

/// Sets limit `id`, or reads it with value -1. Gives the value in effect.
pub fn limit<S: Keep>(instance: &mut Instance<S>, handle: i32, id: i32, value: i64) -> i64 {
    long(instance, handle, |registry| registry.limit(handle, id, value))
}

/// Chooses the digests to compute: 1 SHA-256, 2 BLAKE3, 3 both, 0 none; 6 and 7 with evidence. Gives the state.
pub fn digests<S: Keep>(instance: &mut Instance<S>, handle: i32, mask: i32) -> i32 {
    state(instance, handle, |registry| registry.digests(handle, mask))
}

/// Requires a digest, as four big-endian words. Gives the state.
pub fn expect_digest<S: Keep>(
    instance: &mut Instance<S>,
    handle: i32,
    algorithm: i32,
    a: i64,
    b: i64,
    c: i64,
    d: i64,
) -> i32 {
    state(instance, handle, |registry| registry.expect_digest(handle, algorithm, [a, b, c, d]))
}

/// The values of the file's evidence so far, as a slice that is good until the next call.
pub fn evidence<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i64 {
    long(instance, handle, |registry| registry.evidence(handle).map(slice))
}

/// Lends room for the values required of the first `groups` groups, as a slice.
pub fn expect_evidence<S: Keep>(instance: &mut Instance<S>, handle: i32, groups: i32) -> i64 {
    long(instance, handle, |registry| registry.expect_evidence(handle, groups).map(slice_mut))
}

/// Lends room for the bytes of one group, as a slice.
pub fn lend_group<S: Keep>(instance: &mut Instance<S>, handle: i32, group: i32) -> i64 {
    long(instance, handle, |registry| registry.lend_group(handle, group).map(slice_mut))
}

/// Whether the first `len` bytes lent are that group: 1 or 0.
pub fn check_group<S: Keep>(instance: &mut Instance<S>, handle: i32, group: i32, len: i32) -> i32 {
    number(instance, handle, |registry| registry.check_group(handle, group, len).map(i32::from))
}

/// Lends memory for the next file bytes, as a slice.
pub fn window<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i64 {
    long(instance, handle, |registry| registry.window(handle).map(slice_mut))
}

/// The first `len` bytes of the window are the file's bytes at `offset`. Gives the state.
pub fn push_chunk<S: Keep>(instance: &mut Instance<S>, handle: i32, offset: i64, len: i32) -> i32 {
    state(instance, handle, |registry| registry.push_chunk(handle, offset, len))
}

/// Ends the file. Gives the state, which is ADMITTED: the handle names a model.
pub fn finish<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i32 {
    state(instance, handle, |registry| registry.finish(handle))
}

/// File bytes accepted so far.
pub fn position<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i64 {
    long(instance, handle, |registry| registry.position(handle))
}

/// The report, as a slice of JSON that is good until the next call.
pub fn report<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i64 {
    long(instance, handle, |registry| registry.report(handle).map(slice))
}

/// Metadata value `index` in full, as a slice of JSON that is good until the next call.
pub fn metadata<S: Keep>(instance: &mut Instance<S>, handle: i32, index: i32) -> i64 {
    long(instance, handle, |registry| registry.metadata(handle, index).map(slice))
}

/// The bytes of tensor `index` of an admitted resident model, as a slice that is good until `release`.
pub fn tensor<S: Keep>(instance: &mut Instance<S>, handle: i32, index: i32) -> i64 {
    long(instance, handle, |registry| registry.tensor(handle, index).map(slice))
}

/// Judges the header by a profile: `id` 1 `llama`; `level` 0 not at all, 1 report, 2 refuse. Gives the state.
pub fn profile<S: Keep>(instance: &mut Instance<S>, handle: i32, id: i32, level: i32) -> i32 {
    state(instance, handle, |registry| registry.profile(handle, id, level))
}

/// Makes a session or model a shard of the set that `lead` leads. Gives the state.
pub fn join<S: Keep>(instance: &mut Instance<S>, handle: i32, lead: i32) -> i32 {
    state(instance, handle, |registry| registry.join(handle, lead))
}

/// Makes an admitted model the active one. Gives the state.
pub fn activate<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i32 {
    state(instance, handle, |registry| registry.activate(handle))
}

/// The handle of the active model, or 0.
pub fn active<S: Keep>(instance: &mut Instance<S>) -> i32 {
    instance.registry.active()
}

/// Drops a session or a model in any state. 0.
pub fn release<S: Keep>(instance: &mut Instance<S>, handle: i32) -> i32 {
    number(instance, handle, |registry| registry.release(handle).map(|()| 0))
}

/// The detail of the latest v2 call that was refused, as a slice of JSON; `null` before the first. Never allocates.
pub fn last_error<S: Keep>(instance: &mut Instance<S>) -> i64 {
    slice(if instance.last_error.is_empty() { b"null" } else { instance.last_error.as_bytes() })
}

/// `len << 32 | ptr`; an empty slice is 0. The bytes are shorter than 2^31.
pub fn slice(bytes: &[u8]) -> i64 {
    match bytes.len() {
        0 => 0,
        len => ((len as i64) << 32) | (bytes.as_ptr().expose_provenance() as i64 & 0xffff_ffff),
    }
}

/// The same of memory that the host writes to, which has at least 1 byte.
pub fn slice_mut(bytes: &mut [u8]) -> i64 {
    // The address, and with it the right to write, comes from the exclusive borrow.
    let address = bytes.as_mut_ptr().expose_provenance();
    ((bytes.len() as i64) << 32) | (address as i64 & 0xffff_ffff)
}

fn state<S: Keep>(
    instance: &mut Instance<S>,
    handle: i32,
    call: impl FnOnce(&mut Registry<S>) -> Result<State, Error>,
) -> i32 {
    number(instance, handle, |registry| call(registry).map(|state| state as i32))
}

/// Makes a call, and answers its number. A refusal is noted for [`last_error`], with the state of what `handle` names
/// (0: nothing), and its status is the answer. What a runtime exports beside the interface answers the same way.
pub fn number<S: Keep>(
    instance: &mut Instance<S>,
    handle: i32,
    call: impl FnOnce(&mut Registry<S>) -> Result<i32, Error>,
) -> i32 {
    call(&mut instance.registry).unwrap_or_else(|error| refuse(instance, handle, &error))
}

/// The same for a call that answers a slice or another 64-bit number.
pub fn long<S: Keep>(
    instance: &mut Instance<S>,
    handle: i32,
    call: impl FnOnce(&mut Registry<S>) -> Result<i64, Error>,
) -> i64 {
    call(&mut instance.registry).unwrap_or_else(|error| i64::from(refuse(instance, handle, &error)))
}

/// Notes why a call was refused and gives its status.
fn refuse<S: Keep>(instance: &mut Instance<S>, handle: i32, error: &Error) -> i32 {
    instance.last_error = Text::new();
    // The text is cut, never refused, and the longest detail fits.
    let _ = error.write_json(&mut instance.last_error, instance.registry.state(handle));
    error.code().status()
}
