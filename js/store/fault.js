// Errors of the store.
import { AdmissionError, isAdmissionError, messageOf, nameOf } from '../core/errors.js';

/** @param {string} name */
export const isStored = name =>
  new AdmissionError(`${name} is stored already: admit it from there`, { code: 'stored', kind: 'retry', found: name });

/**
 * @param {string} name
 * @param {unknown} cause
 * @param {number} [offset]
 * @param {string} [what]    that could not be done with the file
 * @param {number} [needed]  bytes of room, where that is known
 */
export async function storeFault(name, cause, offset, what = 'stored', needed = undefined) {
  if (isAdmissionError(cause)) return cause;
  if (nameOf(cause) !== 'QuotaExceededError') {
    return new AdmissionError(`${name} could not be ${what}: ${messageOf(cause)}`, {
      code: 'store', kind: 'source', offset, cause,
    });
  }
  return noRoom(`to store ${name} from byte ${offset ?? 0} on`, needed, { offset, cause });
}

/**
 * What an engine says of the room that there is may be anything: it is told, and used for nothing.
 *
 * @param {string} what
 * @param {number | undefined} needed
 * @param {Partial<import('../core/errors.js').Detail>} [detail]
 */
export async function noRoom(what, needed, detail) {
  const { usage, quota } = (await globalThis.navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  const wanted = needed === undefined ? '' : `: ${needed} bytes are needed`;
  const known = quota === undefined ? '' : `${wanted && ';'}${wanted ? '' : ':'} of ${quota} bytes that this site may `
    + `store, ${usage} are taken`;
  return new AdmissionError(`there is no room ${what}${wanted}${known}`, {
    code: 'quota', kind: 'retry', expected: needed === undefined ? null : String(needed),
    found: quota === undefined ? null : String(quota), ...detail,
  });
}

/** What an admission goes on without, if it may. */
const OF_THE_STORE = ['store', 'quota', 'unsupported'];

/**
 * Whether nothing but the store has failed.
 *
 * @param {unknown} error
 * @returns {error is AdmissionError}
 */
export const isStoreFault = error =>
  isAdmissionError(error) && (OF_THE_STORE.includes(error.code) || (error.code === 'locked' && error.kind === 'retry'));

/**
 * Whether nothing but the store has failed, while a stored file was read: the disk gave no more what was stored.
 *
 * @param {unknown} error
 * @returns {error is AdmissionError}
 */
export const isReadFault = error =>
  isStoreFault(error) || (isAdmissionError(error) && ['source', 'damaged', 'changed'].includes(error.code));

/**
 * @template T
 * @param {string} name
 * @param {string} what
 * @param {() => Promise<T>} work
 * @param {AbortSignal} [signal]  that ends the work: its reason is none of the store's
 * @returns {Promise<T>}
 */
export async function orFault(name, what, work, signal) {
  try {
    return await work();
  } catch (cause) {
    if (signal?.aborted && cause === signal.reason) throw cause;
    throw await storeFault(name, cause, undefined, what);
  }
}
