// Numbers on their way into the guest.
import { misuse } from '../core/errors.js';
import { lookedAt } from '../core/options.js';
import { shown } from '../core/text.js';

// WebAssembly takes a number modulo 2^32 or 2^64, and what is no number as 0: it would be another handle, index or
// offset.

/**
 * @param {string} call  of the guest
 * @param {number} value
 */
export function word(call, value) {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw misuse(`${call} takes whole numbers from 0 to ${2 ** 32 - 1}, found ${shown(value)}`);
}

/**
 * @param {string} call
 * @param {number} value
 */
export function long(call, value) {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw misuse(`${call} takes whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}, found ${shown(value)}`);
}

/**
 * A number for an export whose types are not known here. No export takes more than 64 bits.
 *
 * @param {string} call
 * @param {number | bigint} value
 */
export function anyNumber(call, value) {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' && (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value)) {
    return value;
  }
  throw misuse(`${call} takes numbers, and bigints of 64 bits; found ${shown(value)}`);
}

/**
 * @param {string} call  of the ABI
 * @param {number | bigint} value
 */
export const abiNumber = (call, value) => (typeof value === 'bigint' ? anyNumber(call, value) : word(call, value));

/** @param {readonly bigint[]} words  of a digest */
export function digestWords(words) {
  const isWord = (/** @type {unknown} */ value) => typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
  const given = lookedAt('words', () => (Array.isArray(words) && words.length === 4 ? [...words] : []));
  if (given.length === 4 && given.every(isWord)) return given;
  throw misuse(`expect_digest takes four words of 64 bits, found ${shown(words)}`);
}
