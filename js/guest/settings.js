// The options of an admission, checked and turned into the guest's numbers.
import { misuse } from '../core/errors.js';
import { shown } from '../core/text.js';

/** @typedef {'sha256' | 'blake3'} Algorithm */

/** @typedef {Algorithm | 'evidence'} Computed  what a session can compute beside its checks */

/**
 * @typedef {object} Limits
 * @property {number} [headerBytes]
 * @property {number} [metadataEntries]
 * @property {number} [tensors]
 * @property {number} [stringBytes]
 * @property {number} [arrayItems]
 * @property {number} [memory]          bytes that the session or model may hold
 * @property {number} [window]          bytes lent at a time
 * @property {number} [trailingBytes]   bytes allowed after the last tensor
 */

/**
 * @typedef {object} AdmissionOptions
 * @property {'verify' | 'resident'} [sink]  `verify` (default): the guest checks and keeps the header;
 *                                           `resident`: it keeps the tensors too
 * @property {number} [length]       exact length of the file in bytes, when it is known
 * @property {string} [sha256]       the digest required, in hex
 * @property {string} [blake3]       the digest required, in hex
 * @property {Uint8Array} [evidence] the evidence required of the file or of its first groups, 32 bytes each
 * @property {readonly Computed[]} [digests]  which to compute: by default those required, else SHA-256; evidence comes
 *                                            with BLAKE3
 * @property {Limits} [limits]       clamped by the guest to its bounds
 */

/**
 * @typedef {object} Settings
 * @property {'verify' | 'resident'} sink
 * @property {number | undefined} length
 * @property {number} digests        mask
 * @property {[algorithm: 1 | 2, words: [bigint, bigint, bigint, bigint]][]} expected
 * @property {Uint8Array | undefined} evidence
 * @property {[id: number, value: number][]} limits
 */

/** @type {Readonly<Record<keyof Limits, number>>} */
const LIMIT_IDS = {
  headerBytes: 1, metadataEntries: 2, tensors: 3, stringBytes: 4, arrayItems: 5, memory: 6, window: 7, trailingBytes: 8,
};

/**
 * Every limit that can refuse a file, as high as it goes: the guest lowers them to its bounds. The window refuses
 * nothing.
 *
 * @type {Limits}
 */
export const HIGHEST_LIMITS = Object.fromEntries(
  Object.keys(LIMIT_IDS).filter(name => name !== 'window').map(name => [name, Number.MAX_SAFE_INTEGER]),
);

/** @type {Readonly<Record<Algorithm, 1 | 2>>} */
const ALGORITHMS = { sha256: 1, blake3: 2 };

/** @type {Readonly<Record<Computed, number>>} */
const COMPUTED = { ...ALGORITHMS, evidence: 4 | ALGORITHMS.blake3 };

/** Bytes of the value of one group. */
export const VALUE_BYTES = 32;

/**
 * @param {AdmissionOptions} options
 * @returns {Settings}
 */
export function settingsOf({ sink = 'verify', length, sha256, blake3, evidence, digests, limits = {} }) {
  if (sink !== 'verify' && sink !== 'resident')
    throw misuse(`sink must be 'verify' or 'resident', found ${String(sink)}`);
  if (length !== undefined && !(Number.isSafeInteger(length) && length > 0)) {
    throw misuse(`length must be a whole number above 0, or left out; found ${String(length)}`);
  }
  /** @type {Settings['expected']} */
  const expected = [];
  if (sha256 !== undefined) expected.push([ALGORITHMS.sha256, digestWords('sha256', sha256)]);
  if (blake3 !== undefined) expected.push([ALGORITHMS.blake3, digestWords('blake3', blake3)]);

  if (evidence !== undefined && !isEvidence(evidence)) {
    throw misuse(`evidence must be a Uint8Array of ${VALUE_BYTES} bytes for each group, found ${shown(evidence)}`);
  }
  let mask = expected.reduce((sum, [algorithm]) => sum | algorithm, evidence ? COMPUTED.evidence : 0);
  for (const name of digests ?? (mask ? [] : ['sha256'])) mask |= named(COMPUTED, name, 'digest');

  return {
    sink,
    length,
    digests: mask,
    expected,
    evidence,
    limits: Object.entries(limits)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [limitId(name), limitValue(name, value)]),
  };
}

/** @param {unknown} value */
const isEvidence = value =>
  value instanceof Uint8Array && value.length > 0 && value.length % VALUE_BYTES === 0;

/**
 * @param {string} name
 * @returns {number}
 */
export const limitId = name => named(LIMIT_IDS, name, 'limit');

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
export function limitValue(name, value) {
  if (Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0) return /** @type {number} */ (value);
  throw misuse(`limit ${name} must be a whole number, found ${String(value)}`);
}

/**
 * @template {number} Id
 * @param {Readonly<Record<string, Id>>} table
 * @param {string} name
 * @param {string} what
 */
function named(table, name, what) {
  if (Object.hasOwn(table, name)) return table[name];
  throw misuse(`no such ${what}: ${String(name)} (known: ${Object.keys(table).join(', ')})`);
}

/**
 * @param {string} name
 * @param {string} hex
 * @returns {[bigint, bigint, bigint, bigint]} big-endian words
 */
function digestWords(name, hex) {
  if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/i.test(hex)) throw misuse(`${name} must be 64 hex digits`);
  const word = (/** @type {number} */ index) => BigInt(`0x${hex.slice(16 * index, 16 * index + 16)}`);
  return [word(0), word(1), word(2), word(3)];
}
