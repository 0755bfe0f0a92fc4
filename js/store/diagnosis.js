// Why a stored file was not admitted a second time: the disk, another tab, or the options of this call.
import { Asking } from '../core/asking.js';
import { AdmissionError, DETAILS, isAdmissionError, messageOf, picked } from '../core/errors.js';
import { ALGORITHMS } from '../guest/settings.js';
import { orFault } from './fault.js';
import { lookedThrough } from './judged-anew.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * Works on the files of a name once they are nobody else's.
 *
 * @template T
 * @param {StoredFile} files
 * @param {AbortSignal | undefined} signal
 * @param {() => Promise<T>} work
 * @param {readonly Asking[]} [askedBy]  whose callbacks the call was made from
 * @returns {Promise<T>}
 */
export async function owned(files, signal = new AbortController().signal, work, askedBy = []) {
  const unlock = await files.lock(signal, { admission: new Asking(), askedBy });
  try {
    return await orFault(files.name, 'changed', work);
  } finally {
    unlock();
  }
}

/**
 * What to tell of a stored file that was found, and then was not admitted. One that is damaged is deleted.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {AbortSignal | undefined} signal
 * @param {unknown} error  of its admission
 * @returns {Promise<unknown>} the error to throw
 */
export async function diagnosed(guest, files, found, signal, error) {
  const isTelling = isAdmissionError(error) && ['rejected', 'source'].includes(error.kind);
  if (!isTelling) return error;
  const isReplaced = async () => !isSame(await orFault(files.name, 'looked up', () => files.lookup()), found);
  // Whoever replaced it meanwhile has the name, perhaps for as long as a download takes: that is not waited for.
  if (await isReplaced()) return replaced(files, error);
  if (error.kind === 'source') return error;
  // It may be the options, a callback or a tee that rejected the file.
  const judged = await lookedThrough(guest, found.file, signal).then(seen => ({ seen }), fault => ({ fault }));
  if (await isReplaced()) return replaced(files, error);
  if ('fault' in judged) return judged.fault;
  const { seen } = judged;
  const agreed = seen?.length === found.length ? NAMES.filter(name => seen.digests[name] === found.digests[name]) : [];
  const recorded = NAMES.filter(name => found.digests[name] !== undefined);
  if (seen && agreed.length === recorded.length) return (await another(files, found, signal, error)) ?? error;
  return owned(files, signal, async () => {
    if (!isSame(await files.lookup(), found)) return replaced(files, error);
    if (seen && agreed.length > 0) {
      await files.record({ ...found, digests: seen.digests });
      return retry('changed', `the record of ${files.name} was damaged, and is written anew`, error);
    }
    await files.clear({ keepsPin: true });
    return retry('damaged', `the stored file ${files.name} was damaged, and is deleted: ${messageOf(error)}`, error);
  });
}

const NAMES = /** @type {import('../guest/settings.js').Algorithm[]} */ (Object.keys(ALGORITHMS));

/**
 * What a stored file has to be, to be what was stored: the strongest digest that is recorded.
 *
 * @param {Stored} found
 * @returns {AdmitOptions}
 */
export function requiredOf({ length, digests: { blake3, sha256 } }) {
  return { length, ...(blake3 ? { blake3 } : sha256 ? { sha256 } : {}) };
}

/**
 * A digest that is not recorded was required, and is not this file's. What was learnt is recorded, so that the file
 * gives way next time.
 *
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {AbortSignal | undefined} signal
 * @param {AdmissionError} error
 */
async function another(files, found, signal, error) {
  const algorithm = Object.keys(ALGORITHMS).find(name => error.path === `digests.${name}`);
  if (error.code !== 'digest' || !algorithm || !error.found || algorithm in found.digests) return undefined;
  const digests = { ...found.digests, [algorithm]: error.found };
  await owned(files, signal, async () => {
    if (isSame(await files.lookup(), found)) await files.record({ ...found, digests });
  });
  return retry('changed', `the stored file ${files.name} is another one than is required: ${messageOf(error)}`, error);
}

/**
 * @param {string} code
 * @param {string} message
 * @param {AdmissionError} cause
 */
const retry = (code, message, cause) =>
  new AdmissionError(message, { ...picked(cause, DETAILS.place), code, kind: 'retry', cause });

/**
 * @param {StoredFile} files
 * @param {AdmissionError} error
 */
const replaced = (files, error) =>
  retry('changed', `the stored file ${files.name} was replaced while it was read: ${messageOf(error)}`, error);

/**
 * @param {Stored | undefined} one
 * @param {Stored} other
 */
const isSame = (one, other) =>
  one !== undefined && one.id === other.id && JSON.stringify(one.digests) === JSON.stringify(other.digests);
