// The options of an admission, checked and turned into the guest's numbers.
import { misuse } from '../core/errors.js';
import { asBytes } from '../core/pieces.js';
import { noSuch, whole } from '../core/options.js';
import { shown } from '../core/text.js';

/** @typedef {'sha256' | 'blake3'} Algorithm */

/** @typedef {Algorithm | 'evidence'} Computed  what a session can compute beside its checks */

/**
 * @typedef {object} Limits
 * @property {number} [headerBytes]     bytes from the start of the file to the end of the last tensor's record
 * @property {number} [metadataEntries] how many
 * @property {number} [tensors]         how many
 * @property {number} [stringBytes]     bytes of one string
 * @property {number} [arrayItems]      elements of one array
 * @property {number} [memory]          bytes that the session or model may hold
 * @property {number} [window]          bytes lent at a time
 * @property {number} [trailingBytes]   bytes allowed after the last tensor
 * @property {number} [nameBytes]       bytes of a tensor's name: 63, or up to 4,096 for the files of image models
 * @property {number} [dimensions]      of a tensor: 4, or up to 8 for the files of video models
 */

/** @typedef {'llama'} ProfileName  a table of rules about what the next reader needs: docs/profiles.md */

/** @typedef {'report' | 'refuse'} ProfileLevel  what becomes of what is found */

/** @typedef {{ name: ProfileName, level: ProfileLevel }} Profile */

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
 * @property {ProfileName | { name: ProfileName, level?: ProfileLevel }} [profile]  judges the header by what a family
 *   of readers needs. `report` (default): what is found stands in the report; `refuse`: an error refuses the file
 */

/**
 * @typedef {object} Settings
 * @property {'verify' | 'resident'} sink
 * @property {number | undefined} length
 * @property {number} digests        mask
 * @property {[algorithm: 1 | 2, words: [bigint, bigint, bigint, bigint]][]} expected
 * @property {Uint8Array | undefined} evidence
 * @property {[id: number, value: number][]} limits
 * @property {[id: number, level: number] | undefined} profile
 */

/** @type {Readonly<Record<keyof Limits, number>>} */
export const LIMIT_IDS = {
  headerBytes: 1, metadataEntries: 2, tensors: 3, stringBytes: 4, arrayItems: 5, memory: 6, window: 7, trailingBytes: 8,
  nameBytes: 9, dimensions: 10,
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
export const ALGORITHMS = { sha256: 1, blake3: 2 };

/** @type {Readonly<Record<'verify' | 'resident', 1 | 2>>} */
export const SINKS = { verify: 1, resident: 2 };

/** @type {Readonly<Record<ProfileName, 1>>} */
const PROFILES = { llama: 1 };

/** @type {Readonly<Record<ProfileLevel, 1 | 2>>} */
const LEVELS = { report: 1, refuse: 2 };

/** @type {Readonly<Record<keyof AdmissionOptions, import('../core/options.js').Check>>} */
export const ADMISSION_OPTIONS = {
  sink: value => (sinkId(value), value),
  length: whole(1),
  sha256: digest,
  blake3: digest,
  evidence: evidenceIn,
  digests: algorithms,
  limits: limitsIn,
  profile: profileIn,
};

/** Of a list of names, each perhaps more than once: a generator may give them for ever. */
const MOST_NAMES = 100;

/** @type {Readonly<Record<Computed, number>>} */
const COMPUTED = { ...ALGORITHMS, evidence: 4 | ALGORITHMS.blake3 };

/** Bytes of the value of one group. */
export const VALUE_BYTES = 32;

/**
 * The guest's numbers for options that were checked.
 *
 * @param {AdmissionOptions} options
 * @returns {Settings}
 */
export function settingsOf({ sink = 'verify', length, digests, evidence, limits = {}, profile, ...required }) {
  /** @type {Settings['expected']} */ const expected = [];
  for (const [name, algorithm] of numbers(ALGORITHMS)) {
    const hex = required[name];
    if (hex !== undefined) expected.push([algorithm, wordsOf(hex)]);
  }
  const computed = [
    ...expected.map(([algorithm]) => algorithm),
    ...(digests ?? []).map(name => COMPUTED[name]),
    ...(evidence ? [COMPUTED.evidence] : []),
  ];
  const isSilent = digests === undefined && computed.length === 0;
  return {
    sink,
    length,
    digests: computed.reduce((mask, algorithm) => mask | algorithm, isSilent ? ALGORITHMS.sha256 : 0),
    expected,
    evidence,
    limits: Object.entries(limits).map(([name, value]) => [limitId(name), value]),
    profile: profile && profileNumbers(profile),
  };
}

/**
 * A bare name reports: a file that is refused for its vocabulary is refused by a host that said so.
 *
 * @type {import('../core/options.js').Check}
 */
function profileIn(value, name) {
  const given = typeof value === 'object' && value !== null ? value : { name: value };
  for (const key of Object.keys(given)) {
    if (key !== 'name' && key !== 'level') throw noSuch(`field of ${name}`, key, ['name', 'level']);
  }
  /** @type {Profile} */ const profile = { name: given.name, level: given.level ?? 'report' };
  numbered(PROFILES, profile.name, 'profile');
  numbered(LEVELS, profile.level, 'level of a profile');
  return profile;
}

/**
 * @param {ProfileName | { name: ProfileName, level?: ProfileLevel }} profile
 * @returns {[id: number, level: number]}
 */
function profileNumbers(profile) {
  const { name, level } = typeof profile === 'string' ? { name: profile, level: undefined } : profile;
  return [PROFILES[name], LEVELS[level ?? 'report']];
}

/** @type {import('../core/options.js').Check} */
function evidenceIn(value, name) {
  const bytes = value instanceof Uint8Array ? asBytes(value) : new Uint8Array(0);
  if (bytes.length > 0 && bytes.length % VALUE_BYTES === 0) return bytes.slice();
  const found = value instanceof Uint8Array ? `${bytes.length} bytes` : shown(value);
  throw misuse(`${name} must be a Uint8Array of ${VALUE_BYTES} bytes for each group, found ${found}`, { path: name });
}

/**
 * @param {unknown} name
 * @returns {number}
 */
export const sinkId = name => numbered(SINKS, name, 'sink');

/**
 * @param {unknown} name
 * @returns {number}
 */
export const limitId = name => numbered(LIMIT_IDS, name, 'limit');

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
export const limitValue = (name, value) => /** @type {number} */ (whole(0)(value, `limit ${name}`, () => {}));

/** @type {import('../core/options.js').Check} */
function limitsIn(value, name) {
  if (typeof value !== 'object' || value === null) {
    throw misuse(`${name} must be an object, found ${shown(value)}`, { path: name, found: shown(value) });
  }
  /** @type {Record<string, number>} */ const limits = {};
  for (const key of Object.keys(value)) {
    limitId(key);
    const limit = value[key];
    if (limit !== undefined) limits[key] = limitValue(key, limit);
  }
  return limits;
}

/**
 * Taken out of whatever holds them at once: a generator gives them once only.
 *
 * @type {import('../core/options.js').Check}
 */
function algorithms(value, name) {
  const isList = typeof value === 'object' && value !== null && typeof value[Symbol.iterator] === 'function';
  if (!isList) throw misuse(`${name} must be a list, found ${shown(value)}`, { path: name, found: shown(value) });
  /** @type {unknown[]} */ const names = [];
  for (const algorithm of value) {
    numbered(COMPUTED, algorithm, 'digest');
    if (names.push(algorithm) > MOST_NAMES) throw misuse(`${name} has no end`, { path: name });
  }
  return names;
}

/** @type {import('../core/options.js').Check} */
function digest(value, name) {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)) return value;
  throw misuse(`${name} must be 64 hex digits, found ${shown(value)}`, { path: name, found: shown(value) });
}

/**
 * @template {number} Id
 * @param {Readonly<Record<string, Id>>} table
 * @param {unknown} name
 * @param {string} what
 */
function numbered(table, name, what) {
  if (typeof name === 'string' && Object.hasOwn(table, name)) return table[name];
  throw noSuch(what, name, Object.keys(table));
}

/**
 * @template {string} Name
 * @template {number} Id
 * @param {Readonly<Record<Name, Id>>} table
 */
const numbers = table => /** @type {[Name, Id][]} */ (Object.entries(table));

/**
 * @param {string} hex
 * @returns {[bigint, bigint, bigint, bigint]} big-endian words
 */
function wordsOf(hex) {
  const word = (/** @type {number} */ index) => BigInt(`0x${hex.slice(16 * index, 16 * index + 16)}`);
  return [word(0), word(1), word(2), word(3)];
}
