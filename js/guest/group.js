import { misuse } from '../core/errors.js';
import { asBytes } from '../core/pieces.js';

/**
 * Lends a group, fills it and asks whether it is that group, all at once.
 *
 * @param {import('./guest.js').Guest} guest
 * @param {number} handle  of a session or a model
 * @param {number} group
 * @param {Uint8Array} bytes  of any length: the wrong one is no group
 * @returns {boolean}
 */
export function checkGroup(guest, handle, group, bytes) {
  const given = bytesIn(bytes);
  const room = guest.lendGroup(handle, group);
  const isAsLong = room.length === given.length;
  if (isAsLong) room.set(given);
  // Asked in any case: the answer ends the room.
  return guest.checkGroup(handle, group, room.length) && isAsLong;
}

/** @param {unknown} value */
function bytesIn(value) {
  try {
    return asBytes(value);
  } catch (cause) {
    throw misuse("a group's bytes must be a Uint8Array, an ArrayBuffer or a view", { path: 'bytes', cause });
  }
}

/** Of ABI 2.1. */
const WITH_EVIDENCE = 0x2_0001;

/**
 * Whether a guest can compute evidence, and prove groups by it.
 *
 * @param {import('./guest.js').Guest} guest
 */
export const hasEvidence = guest => guest.abi >= 2 && guest.abiVersion() >= WITH_EVIDENCE;
