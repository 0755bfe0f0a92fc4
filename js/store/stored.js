// Files that `opfsTee` stored: found again, admitted again, deleted.
import { patiently } from '../core/waiting.js';
import { admit } from '../admit/admit.js';
import { AdmissionError, messageOf } from '../core/errors.js';
import { OpfsTee, storeFault } from './store-tee.js';
import { StoredFile } from './stored-file.js';
import { HIGHEST_LIMITS, settingsOf } from '../guest/settings.js';
import { sourceOf } from '../sources/source-of.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('./stored-file.js').Stored} Stored */

/**
 * The stored file of this name: its handle, which `admit` takes, with the length and the digests that the guest gave
 * when the file was stored. It is as good as the disk is: admit it with a digest required.
 *
 * @param {string} name
 * @param {StoreOptions} [options]
 * @returns {Promise<Stored | undefined>}
 */
export async function findStored(name, { directory } = {}) {
  const files = await StoredFile.at(name, directory);
  return orFault(name, 'looked up', () => files.lookup());
}

/**
 * Deletes a stored file, once nobody is storing it.
 *
 * @param {string} name
 * @param {StoreOptions & { signal?: AbortSignal }} [options]
 */
export async function removeStored(name, { directory, signal } = {}) {
  await owned(name, { directory, signal }, files => files.clear());
}

/**
 * Works on the files of a name once they are nobody else's.
 *
 * @template T
 * @param {string} name
 * @param {StoreOptions & { signal?: AbortSignal }} options
 * @param {(files: StoredFile) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function owned(name, { directory, signal = new AbortController().signal }, work) {
  const files = await StoredFile.at(name, directory);
  const unlock = await files.lock(signal);
  try {
    return await orFault(name, 'changed', () => work(files));
  } finally {
    unlock();
  }
}

/**
 * @template T
 * @param {string} name
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function orFault(name, what, work) {
  try {
    return await work();
  } catch (cause) {
    throw await storeFault(name, cause, undefined, what);
  }
}

/**
 * Admits the stored file of this name; if there is none, admits `source` and stores it beside.
 *
 * What is stored is admitted with the BLAKE3 of its first admission required. If another tab is storing the file, this
 * waits for it, and then finds it; nothing is fetched meanwhile. A stored file of another `length`, `sha256` or
 * `blake3` than the options require gives way to `source`, when that is admitted.
 *
 * Two errors of the kind `retry` ask for the same call again (with a new stream or Response, if it was one): `damaged`,
 * the stored file is not what was stored, and was deleted; `changed`, it turned out to be another one than required, by
 * a digest that had not been computed when it was stored, or another tab replaced or deleted it meanwhile.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {string} name
 * @param {import('../sources/source-of.js').Admissible} source  given up unread when the file is stored
 * @param {AdmitOptions & StoreOptions} [options]
 * @returns {Promise<{ model: import('../guest/model.js').Model, found: boolean }>} found: it was stored
 */
export async function admitStored(guest, name, source, options = {}) {
  const tee = new OpfsTee(name, options);
  let found;
  try {
    settingsOf(options);
    found = await tee.find(options.signal, file => isWanted(file, options));
  } catch (error) {
    await giveUp(source, options, error);
    throw error;
  }
  if (!found) return { model: await admitAndStore(guest, source, options, tee), found: false };

  await giveUp(source, options);
  const { file, length, digests: { blake3, sha256 } } = found;
  const recorded = { length, ...(blake3 ? { blake3 } : sha256 ? { sha256 } : {}) };
  try {
    return { model: await admit(guest, file, { ...options, ...recorded }), found: true };
  } catch (error) {
    if (!(error instanceof AdmissionError) || !['rejected', 'source'].includes(error.kind)) throw error;
    // Whoever replaced it meanwhile has the name, perhaps for as long as a download takes: that is not waited for.
    const refuseReplaced = async () => {
      if (!isSame(await findStored(name, options), found)) throw isReplaced(name, error);
    };
    await refuseReplaced();
    if (error.kind === 'source') throw error;
    // It may be the options, a callback or a tee that rejected the file.
    const sound = await isSound(guest, file, recorded, options.signal).catch(async fault => {
      await refuseReplaced();
      throw fault;
    });
    await refuseReplaced();
    if (sound) throw (await isAnother(name, options, found, error)) ?? error;
    await owned(name, options, async files => {
      if (!isSame(await files.lookup(), found)) throw isReplaced(name, error);
      await files.clear();
    });
    throw retry('damaged', `the stored file ${name} was damaged, and is deleted: ${messageOf(error)}`, error);
  }
}

/**
 * A digest that is not recorded was required, and is not this file's. What was learnt is recorded, so that the file
 * gives way next time.
 *
 * @param {string} name
 * @param {AdmitOptions & StoreOptions} options
 * @param {Stored} found
 * @param {AdmissionError} error
 */
async function isAnother(name, options, found, error) {
  const algorithm = error.code === 'digest' && /^digests\.(sha256|blake3)$/.exec(error.path ?? '')?.[1];
  if (!algorithm || !error.found || algorithm in found.digests) return undefined;
  const digests = { ...found.digests, [algorithm]: error.found };
  await owned(name, options, async files => {
    if (isSame(await files.lookup(), found)) await files.record({ ...found, digests });
  });
  return retry('changed', `the stored file ${name} is another one than is required: ${messageOf(error)}`, error);
}

/**
 * @param {string} code
 * @param {string} message
 * @param {AdmissionError} cause
 */
const retry = (code, message, cause) =>
  new AdmissionError(message, {
    code, kind: 'retry', offset: cause.offset, path: cause.path, expected: cause.expected, found: cause.found, cause,
  });

/**
 * @param {string} name
 * @param {AdmissionError} error
 */
const isReplaced = (name, error) =>
  retry('changed', `the stored file ${name} was replaced while it was read: ${messageOf(error)}`, error);

/**
 * @param {Stored | undefined} one
 * @param {Stored} other
 */
const isSame = (one, other) =>
  one !== undefined && one.id === other.id && JSON.stringify(one.digests) === JSON.stringify(other.digests);

/**
 * @param {import('../guest/guest.js').Guest} guest
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} options
 * @param {OpfsTee} tee
 */
function admitAndStore(guest, source, options, tee) {
  const { sha256, blake3, tee: others = [] } = options;
  const asked =
    options.digests ?? (sha256 === undefined && blake3 === undefined ? /** @type {const} */ (['sha256']) : []);
  return admit(guest, source, {
    ...options,
    digests: [...asked, 'blake3'],
    tee: [others, tee].flat(),
  });
}

/**
 * @param {Stored} file
 * @param {AdmitOptions} options
 */
const isWanted = ({ length, digests }, options) =>
  (options.length ?? length) === length && ['sha256', 'blake3'].every(name => {
    const { [name]: required } = /** @type {Record<string, any>} */ (options);
    const { [name]: recorded } = /** @type {Record<string, string | undefined>} */ (digests);
    return required === undefined || recorded === undefined || required.toLowerCase() === recorded;
  });

/**
 * @param {unknown} error
 * @returns {error is AdmissionError}
 */
const isRejected = error => error instanceof AdmissionError && error.kind === 'rejected';

/**
 * Is it what was stored, whatever the options of this call say of it?
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {FileSystemFileHandle} file
 * @param {AdmitOptions} recorded
 * @param {AbortSignal} [signal]
 */
async function isSound(guest, file, recorded, signal) {
  try {
    (await admit(guest, file, { ...recorded, limits: HIGHEST_LIMITS, signal })).release();
    return true;
  } catch (error) {
    if (isRejected(error)) return false;
    throw error;
  }
}

/**
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} options
 * @param {unknown} [reason]
 */
async function giveUp(source, options, reason) {
  await patiently(() => sourceOf(source, options).close(reason));
}
