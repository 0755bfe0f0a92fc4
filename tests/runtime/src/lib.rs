//! What the owner of an inference runtime does: export both ABIs, and add calls of its own that read
//! the active model. It also carries what the benchmarks compare with: the same module copying and hashing windows
//! without looking at them.

use core::cell::RefCell;

use sha2::Digest as _;

gguf_abi_v2::exports!(gguf_admission::Builtin);

/// Reads the active model in place: the sum of the first `count` bytes of its tensors, or -1 without a model.
#[unsafe(export_name = "generate")]
pub extern "C" fn generate(count: i32) -> i64 {
    enter(-1, |instance| {
        let Some(model) = instance.registry.active_model() else { return -1 };
        let tensors = (0..model.header().tensor_count()).filter_map(|index| model.tensor(index));
        tensors.flatten().take(count.max(0) as usize).map(|byte| i64::from(*byte)).sum()
    })
}

struct Plain {
    window: Vec<u8>,
    sha256: sha2::Sha256,
    blake3: blake3::Hasher,
}

thread_local! {
    static PLAIN: RefCell<Option<Plain>> = const { RefCell::new(None) };
}

/// A window of `len` bytes that is hashed as it is; gives its address.
#[unsafe(export_name = "plain_window")]
pub extern "C" fn plain_window(len: usize) -> *mut u8 {
    PLAIN.with_borrow_mut(|plain| {
        plain
            .insert(Plain { window: vec![0; len], sha256: sha2::Sha256::new(), blake3: blake3::Hasher::new() })
            .window
            .as_mut_ptr()
    })
}

/// Hashes the first `len` bytes of the window, with the algorithms of `mask` (1 SHA-256, 2 BLAKE3, 0 none).
#[unsafe(export_name = "plain_hash")]
pub extern "C" fn plain_hash(len: usize, mask: i32) {
    PLAIN.with_borrow_mut(|plain| {
        let Some(Plain { window, sha256, blake3 }) = plain else { return };
        if mask & 1 != 0 {
            sha256.update(&window[..len]);
        }
        if mask & 2 != 0 {
            blake3.update(&window[..len]);
        }
    });
}

/// Ends the hashing; gives the first word of the digest.
#[unsafe(export_name = "plain_finish")]
pub extern "C" fn plain_finish(mask: i32) -> i32 {
    PLAIN.take().map_or(0, |plain| {
        let digest: [u8; 32] =
            if mask & 2 != 0 { *plain.blake3.finalize().as_bytes() } else { plain.sha256.finalize().into() };
        i32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    })
}
