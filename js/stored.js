// Files that `opfsTee` stored: found again, admitted again, deleted.
import { patiently } from './abort.js';
import { admit } from './admit.js';
import { AdmissionError, messageOf } from './errors.js';
import { OpfsTee } from './opfs-tee.js';
import { takeLock } from './opfs/lock.js';
import { StoredFile } from './opfs/stored-file.js';
import { settingsOf } from './settings.js';
import { sourceOf } from './sources.js';

/** @typedef {import('./admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./opfs-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('./opfs/stored-file.js').Stored} Stored */

/**
 * The stored file of this name: its handle, which `admit` takes, with the length and the digests that the guest gave
 * when the file was stored. It is as good as the disk is: admit it with a digest required.
 *
 * @param {string} name
 * @param {StoreOptions} [options]
 * @returns {Promise<Stored | undefined>}
 */
export async function findStored(name, { directory } = {}) {
  return (await StoredFile.at(name, directory)).lookup();
}

/**
 * Deletes a stored file, once nobody is storing it.
 *
 * @param {string} name
 * @param {StoreOptions & { signal?: AbortSignal }} [options]
 */
export async function removeStored(name, { directory, signal } = {}) {
  const files = await StoredFile.at(name, directory);
  const unlock = await takeLock(name, signal ?? new AbortController().signal);
  try {
    await files.clear();
  } finally {
    unlock();
  }
}

/**
 * Admits the stored file of this name; if there is none, admits `source` and stores it beside.
 *
 * What is stored is admitted with the BLAKE3 of its first admission required. If another tab is storing the file, this
 * waits for it, and then finds it; nothing is fetched meanwhile. A stored file of another `length`, `sha256` or `blake3`
 * than the options require gives way to `source`. One that turns out damaged is deleted, and the call fails with the
 * code `damaged` and the kind `retry`: the same call again takes `source`.
 *
 * @param {import('./guest.js').Guest} guest
 * @param {string} name
 * @param {import('./sources.js').Admissible} source  given up unread when the file is stored
 * @param {AdmitOptions & StoreOptions} [options]
 * @returns {Promise<{ model: import('./model.js').Model, found: boolean }>} found: it was stored
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
    if (!isRejected(error) || (error.code === 'limit' && (await isWhole(guest, file, recorded, options.signal)))) throw error;
    await removeStored(name, options);
    throw new AdmissionError(`the stored file ${name} was damaged, and is deleted: ${messageOf(error)}`, {
      code: 'damaged', kind: 'retry', offset: error.offset, path: error.path, expected: error.expected, found: error.found, cause: error,
    });
  }
}

/**
 * @param {import('./guest.js').Guest} guest
 * @param {import('./sources.js').Admissible} source
 * @param {AdmitOptions} options
 * @param {OpfsTee} tee
 */
function admitAndStore(guest, source, options, tee) {
  const { sha256, blake3, tee: others = [] } = options;
  const asked = options.digests ?? (sha256 === undefined && blake3 === undefined ? /** @type {const} */ (['sha256']) : []);
  return admit(guest, source, {
    ...options,
    digests: [...asked, 'blake3'],
    // The last to be closed: when another fails, nothing is stored.
    tee: [...(/** @type {readonly import('./tee.js').Tee[]} */ (Array.isArray(others) ? others : [others])), tee],
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

/** The guest lowers them to its bounds. */
const MOST = Number.MAX_SAFE_INTEGER;
const HIGHEST = { headerBytes: MOST, metadataEntries: MOST, tensors: MOST, stringBytes: MOST, arrayItems: MOST, memory: MOST, trailingBytes: MOST };

/**
 * A file that was stored under higher limits than today's is not damaged.
 *
 * @param {import('./guest.js').Guest} guest
 * @param {FileSystemFileHandle} file
 * @param {AdmitOptions} recorded
 * @param {AbortSignal} [signal]
 */
async function isWhole(guest, file, recorded, signal) {
  try {
    (await admit(guest, file, { ...recorded, limits: HIGHEST, signal })).release();
    return true;
  } catch (error) {
    if (isRejected(error)) return false;
    throw error;
  }
}

/**
 * @param {import('./sources.js').Admissible} source
 * @param {AdmitOptions} options
 * @param {unknown} [reason]
 */
async function giveUp(source, options, reason) {
  await patiently(() => sourceOf(source, options).close(reason));
}
