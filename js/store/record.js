// NAME.digests: what is known of a stored file.
import { sealed, unsealed } from './seal.js';

/**
 * @typedef {object} Known
 * @property {number} length
 * @property {import('../guest/report.js').Digests} digests  that the guest gave when it admitted the file
 * @property {string} [id]          a new one each time that something is stored
 * @property {number} [storedAt]    in milliseconds since 1970; version 0.2.0 did not write it
 */

/** Bytes of a record: one that is written over another leaves nothing of it, and needs no room. */
const SIZE = 1024;
/** What version 0.2.0 wrote, without a check. Any other member is one that a disk spoilt. */
const UNCHECKED = ['length', 'digests', 'id'];

/**
 * @param {Known} known
 * @returns {Promise<Uint8Array>}
 */
export async function recordOf({ length, digests, id, storedAt }) {
  const text = (await sealed({ length, digests, id, storedAt })).padEnd(SIZE);
  return new TextEncoder().encode(text);
}

/**
 * @param {Uint8Array} record
 * @returns {Promise<Known | undefined>} undefined of one that was cut short or spoilt
 */
export async function knownIn(record) {
  const text = new TextDecoder().decode(record);
  const known = (await unsealed(text)) ?? unchecked(text);
  if (typeof known !== 'object' || known === null) return undefined;
  const { length, digests } = known;
  const isFile = Number.isSafeInteger(length) && length > 0;
  const isDigest = (/** @type {unknown} */ hex) => typeof hex === 'string' && /^[0-9a-f]{64}$/.test(hex);
  const isKnown = typeof digests === 'object' && digests !== null && Object.values(digests).every(isDigest);
  return isFile && isKnown ? known : undefined;
}

/**
 * Whatever may be a digest in a record, also in one that was spoilt.
 *
 * @param {Uint8Array} record
 */
export const digestsIn = record => new TextDecoder().decode(record).match(/[0-9a-f]{64}/g) ?? [];

/** @param {string} text */
function unchecked(text) {
  try {
    const known = JSON.parse(text);
    return Object.keys(known).every(name => UNCHECKED.includes(name)) ? known : undefined;
  } catch {
    return undefined; // cut short by a crash, or spoilt
  }
}
