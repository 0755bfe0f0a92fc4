// Why a stored file was not admitted a second time: the disk, another tab, or the options of this call.
import { admitFile } from '../admit/file.js';
import { Asking } from '../core/asking.js';
import { AdmissionError, DETAILS, isAdmissionError, messageOf, picked } from '../core/errors.js';
import { Admission } from '../guest/admission.js';
import { ALGORITHMS, HIGHEST_LIMITS } from '../guest/settings.js';
import { orFault } from './fault.js';
import { damagedGroups, isPassing, mend, promoteMended } from './healing.js';
import { lookedThrough } from './judged-anew.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('../sources/source.js').Parts} Parts */
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
    return await orFault(files.name || 'the store', 'changed', work, signal);
  } finally {
    unlock();
  }
}

/**
 * @typedef {object} Case  A stored file that was found, and then was not admitted.
 * @property {import('../guest/guest.js').Guest} guest
 * @property {StoredFile} files
 * @property {Stored} found
 * @property {Uint8Array} [evidence]  of the file that was stored
 * @property {AbortSignal} [signal]
 * @property {Parts} [parts]      from where damaged groups can be fetched
 * @property {(mended: FileSystemFileHandle) => Promise<Model>} [again]  admits it as the caller wants it; missing where
 *   somebody has seen bytes of the damaged one
 */

/**
 * A file that is damaged is mended, or else deleted; whatever else there is to tell is thrown.
 *
 * @param {Case} about
 * @param {unknown} error  of its admission
 * @returns {Promise<Model | undefined>} of the mended file; undefined where it is not admitted again
 */
export async function remedied(about, error) {
  const { files, found, signal } = about;
  const isTelling = isAdmissionError(error) && ['rejected', 'source'].includes(error.kind);
  if (!isTelling) throw error;
  const isReplaced = async () => !isSame(await orFault(files.name, 'looked up', () => files.lookup()), found);
  // Whoever replaced it meanwhile has the name, perhaps for as long as a download takes: that is not waited for.
  if (await isReplaced()) throw replaced(files, error);
  // A disk that gives some of a file no more, say: with evidence that can be mended, and is no reason to delete it.
  if (error.kind === 'source' && !(about.evidence && about.parts)) throw error;
  // It may be the options, a callback or a tee that rejected the file.
  const judged = await judge(about).then(verdict => ({ verdict }), fault => ({ fault }));
  if (await isReplaced()) throw replaced(files, error);
  if ('fault' in judged) throw judged.fault;
  const { verdict } = judged;
  if (verdict.isSound) throw (await another(files, found, signal, error)) ?? error;
  // What is thrown in there is not always a fault of the store.
  const end = await owned(files, signal, () => treated(about, verdict, error).then(
    model => ({ model }), fault => ({ fault })));
  if ('fault' in end) throw end.fault;
  return end.model;
}

/**
 * A file that is damaged, when it is mended. Where that cannot be done, what there is to tell is thrown.
 *
 * @param {Case} about
 * @param {AdmissionError} error  of its admission, or of the disk
 * @returns {Promise<Stored>}
 */
export async function mended({ again: _, ...about }, error) {
  const { files, found } = about;
  await remedied(about, error);
  const now = await orFault(files.name, 'looked up', () => files.lookup());
  if (!now || !isSame(now, found)) throw replaced(files, error);
  return now;
}

/**
 * @param {StoredFile} files
 * @param {unknown} error  of the admission, of which somebody has seen bytes that were wrong
 */
export const isMended = (files, error) =>
  retry('damaged', `the stored file ${files.name} was damaged, and is mended`, /** @type {AdmissionError} */ (error));

/**
 * @typedef {object} Verdict
 * @property {boolean} isSound       it is what was stored
 * @property {number[]} damaged      groups, where there is evidence
 * @property {Stored['digests']} [digests]  of a file that agrees with one of its record's, and not with all
 */

/**
 * @param {Case} about
 * @returns {Promise<Verdict>}
 */
async function judge({ guest, files, found, evidence, signal }) {
  if (evidence) {
    const patient = { guest, files, found, evidence, signal };
    const damaged = await orFault(files.name, 'read', () => damagedGroups(patient), signal);
    return { isSound: damaged.length === 0, damaged };
  }
  const seen = await lookedThrough(guest, found.file, signal);
  if (seen?.length !== found.length) return { isSound: false, damaged: [] };
  const recorded = NAMES.filter(name => found.digests[name] !== undefined);
  const agreed = recorded.filter(name => seen.digests[name] === found.digests[name]);
  const isSound = agreed.length === recorded.length;
  return { isSound, damaged: [], digests: agreed.length > 0 ? seen.digests : undefined };
}

/**
 * @param {Case} about
 * @param {Verdict} verdict
 * @param {AdmissionError} error
 * @returns {Promise<Model | undefined>}
 */
async function treated(about, { damaged, digests }, error) {
  const { guest, files, found, evidence, parts, signal, again } = about;
  if (!isSame(await files.lookup(), found)) throw replaced(files, error);
  if (digests) {
    await files.record({ ...found, digests });
    throw retry('changed', `the record of ${files.name} was damaged, and is written anew`, error);
  }
  /** @type {unknown} */ let cause = error;
  if (parts && evidence) {
    const patient = { guest, files, found, evidence, signal };
    const fault = await mend(patient, damaged, parts).catch(fault => ({ fault }));
    if (!fault) {
      const model = await promoteMended(patient, again ?? (file => admitFile(Admission, guest, file, {
        ...requiredOf(found), limits: HIGHEST_LIMITS, signal,
      })));
      if (again) return model;
      model.release();
      return undefined;
    }
    cause = fault.fault;
    if (isPassing(cause)) throw isAdmissionError(cause) ? notNow(files, cause) : cause;
  }
  if (error.kind === 'source') throw error;
  await files.clear({ keepsPin: true });
  throw retry('damaged', `the stored file ${files.name} was damaged, and is deleted: ${messageOf(cause)}`, error);
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
 * @param {AdmissionError} cause
 */
const notNow = (files, cause) =>
  new AdmissionError(`the stored file ${files.name} is damaged, and cannot be mended now: ${messageOf(cause)}`, {
    ...picked(cause, DETAILS.all), cause,
  });

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
