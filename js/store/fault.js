// Errors of the store.
import { AdmissionError, isAdmissionError, messageOf, nameOf } from '../core/errors.js';

/** @param {string} name */
export const isStored = name =>
  new AdmissionError(`${name} is stored already: admit it from there`, { code: 'stored', kind: 'retry', found: name });

/**
 * @param {string} name
 * @param {unknown} cause
 * @param {number} [offset]
 * @param {string} [what]  that could not be done with the file
 */
export async function storeFault(name, cause, offset, what = 'stored') {
  if (isAdmissionError(cause)) return cause;
  if (nameOf(cause) !== 'QuotaExceededError') {
    return new AdmissionError(`${name} could not be ${what}: ${messageOf(cause)}`, {
      code: 'store', kind: 'source', offset, cause,
    });
  }
  const { usage, quota } = (await globalThis.navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  const known = quota === undefined ? '' : `: of ${quota} bytes that this site may store, ${usage} are taken`;
  return new AdmissionError(`there is no room to store ${name} from byte ${offset ?? 0} on${known}`, {
    code: 'quota', kind: 'retry', offset, expected: null, found: quota === undefined ? null : String(quota), cause,
  });
}

/**
 * @template T
 * @param {string} name
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function orFault(name, what, work) {
  try {
    return await work();
  } catch (cause) {
    throw await storeFault(name, cause, undefined, what);
  }
}
