// All options of an admission, checked.
import { messageOf, misuse } from '../core/errors.js';
import { callback, readOptions, signal, whole } from '../core/options.js';
import { shown } from '../core/text.js';
import { LONGEST } from '../core/waiting.js';
import { ADMISSION_OPTIONS } from '../guest/settings.js';

/** @typedef {import('../core/options.js').Check} Check */

/**
 * @typedef {object} DeliveryOptions
 * @property {number} [length]  the exact length of the file in bytes, above 0. Default: what the source knows
 * @property {AbortSignal} [signal]  its reason is what the call rejects with
 * @property {import('./progress.js').OnProgress} [onProgress]  told at most ten times a second, and at the end
 * @property {import('./tees.js').Tee | readonly import('./tees.js').Tee[]} [tee]  who else sees the bytes; the source
 *   waits for each
 */

/**
 * @typedef {import('../guest/settings.js').AdmissionOptions & DeliveryOptions
 *   & import('../sources/source.js').SourceOptions & { onHeader?: import('../guest/admission.js').OnHeader }}
 *   AdmitOptions
 */

/** @type {Readonly<Record<keyof AdmitOptions, Check>>} */
export const ADMIT_OPTIONS = {
  ...ADMISSION_OPTIONS,
  signal,
  onHeader: callback,
  onProgress: callback,
  tee: teesIn,
  retries: (value, name, refuse) => (value === Infinity ? value : whole(0)(value, name, refuse)),
  retryDelay: whole(0, LONGEST),
  stallTimeout: whole(0, LONGEST),
};

/**
 * @typedef {'length' | 'sha256' | 'blake3' | 'evidence' | 'tee'} OfOneFile
 * @typedef {Pick<AdmitOptions, OfOneFile>} ShardOptions  what is required of one shard, and who else sees its bytes
 * @typedef {Omit<AdmitOptions, OfOneFile> & { shards?: readonly ShardOptions[] }} SetOptions
 *   `shards`: as many as there are sources, in their order
 */

/** @type {Readonly<Record<OfOneFile, Check>>} */
const SHARD_OPTIONS = (({ length, sha256, blake3, evidence, tee }) => ({ length, sha256, blake3, evidence, tee }))(
  ADMIT_OPTIONS,
);

/** @type {Readonly<Record<keyof AdmitOptions | 'shards', Check>>} of a set */
export const SET_OPTIONS = {
  ...ADMIT_OPTIONS,
  ...Object.fromEntries(Object.keys(SHARD_OPTIONS).map(name => [name, ofOneFile])),
  shards: shardsIn,
};

/**
 * @typedef {Pick<import('../guest/settings.js').AdmissionOptions, 'length' | 'limits' | 'profile'>
 *   & Omit<DeliveryOptions, 'tee'>
 *   & Omit<import('../sources/source.js').SourceOptions, 'sha256' | 'blake3'>} HeaderOptions
 */

const { length, limits, profile, onProgress, retries, retryDelay, stallTimeout } = ADMIT_OPTIONS;

/** @type {Readonly<Record<keyof HeaderOptions, Check>>} of `readHeader` */
export const HEADER_OPTIONS = {
  length, limits, profile, signal, onProgress, retries, retryDelay, stallTimeout,
};

/** @type {Check} */
function ofOneFile(_, name) {
  throw misuse(`${name} is of one file, and this is a set: give it in shards, one for each source`, { path: name });
}

/** @type {Check} */
function shardsIn(value, name, refuse) {
  if (!Array.isArray(value)) throw misuse(`${name} must be a list, found ${shown(value)}`, { path: name });
  return value.map(given => {
    const { options, fault } = readOptions(given, SHARD_OPTIONS);
    if (fault) refuse(fault.reason);
    return options;
  });
}

/**
 * One or several, as a list. Those that are none are left out of it: the others are told of the fault.
 *
 * @type {Check}
 */
function teesIn(value, name, refuse) {
  const given = Array.isArray(value) ? [...value] : [value];
  return given.filter(tee => {
    const fault = faultOf(tee);
    if (fault)
      refuse(misuse(`${name} must be an object with a function write, or a list of such: ${fault}`, { path: name }));
    return !fault;
  });
}

/** @param {any} tee */
function faultOf(tee) {
  try {
    return oddityOf(tee);
  } catch (error) {
    return `found one that throws: ${messageOf(error)}`;
  }
}

/** @param {any} tee */
function oddityOf(tee) {
  if (typeof tee !== 'object' && typeof tee !== 'function' || tee === null) return `found ${shown(tee)}`;
  if (typeof tee.write !== 'function') return 'found one without write';
  const methods = ['begin', 'open', 'close', 'abort'];
  const odd = methods.find(name => tee[name] !== undefined && typeof tee[name] !== 'function');
  for (const name of ['isStore', 'isExclusive']) void tee[name];
  return odd && `its ${odd} is no function`;
}
