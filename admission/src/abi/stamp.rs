//! The mark of a window that was lent and not written.

use crate::session::MARK;

/// Sixteen bytes that a file is unlikely to hold at this place by chance.
pub(super) fn stamp(handle: i32, position: u64) -> [u8; MARK] {
    let mut seed = position ^ (u64::from(handle.cast_unsigned()) << 32);
    let mut stamp = [0; MARK];
    for word in stamp.chunks_exact_mut(8) {
        // A step of splitmix64.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    stamp
}
