// A stored file whose disk spoilt some of it: what differs is fetched again, and no more.
import { isAdmissionError, sourceFault } from '../core/errors.js';
import { proofOf } from './evidence.js';
import { orFault } from './fault.js';
import { GROUP } from './journal.js';

/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../sources/source.js').Parts} Parts */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * @typedef {object} Patient  A stored file, and what proves it.
 * @property {Guest} guest
 * @property {StoredFile} files
 * @property {Stored} found
 * @property {Uint8Array} evidence  of the very file that was stored
 * @property {AbortSignal} [signal]
 */

/**
 * The groups that are not what was stored.
 *
 * @param {Patient} patient
 * @returns {Promise<number[]>}
 */
export async function damagedGroups({ guest, found, evidence, signal }) {
  const { length, digests: { blake3 }, file } = found;
  const snapshot = await file.getFile();
  const proof = proofOf(guest, { length, blake3, evidence });
  /** @type {number[]} */ const damaged = [];
  try {
    for (let group = 0; group * GROUP < length; group++) {
      signal?.throwIfAborted();
      const bytes = await readGroup(snapshot, group);
      if (!bytes || !proof.checkGroup(group, bytes)) damaged.push(group);
    }
    return damaged;
  } finally {
    proof.release();
  }
}

/**
 * Writes the file anew as `NAME.part`, with the damaged groups from where they are fetched. For the owner of the name's
 * lock. What cannot be done leaves no part.
 *
 * @param {Patient} patient
 * @param {readonly number[]} damaged
 * @param {Parts} parts
 */
export async function mend(patient, damaged, parts) {
  const { files, signal } = patient;
  try {
    // Before anything is written: whether the server has that file is known by the first one.
    const [first, ...others] = damaged;
    const fetched = await fetchedGroup(patient, first, parts);
    await orFault(files.name, 'mended', () => writePart(patient, async group => {
      if (group === first) return fetched;
      return others.includes(group) ? fetchedGroup(patient, group, parts) : undefined;
    }));
  } catch (error) {
    await files.clearPart();
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * Makes the mended part the stored file, once all of it is admitted.
 *
 * @template {{ release(): void }} M
 * @param {Patient} patient
 * @param {(mended: FileSystemFileHandle) => Promise<M>} admit
 * @returns {Promise<M>}
 */
export async function promoteMended({ files, found }, admit) {
  /** @type {M | undefined} */ let admitted;
  try {
    admitted = await admit(await files.partHandle());
    await orFault(files.name, 'mended', () => files.replace(found));
    return admitted;
  } catch (error) {
    admitted?.release();
    await files.clearPart();
    throw error;
  }
}

/**
 * Whether the call may do better later: then a file that could be mended must not go.
 *
 * @param {unknown} error  of `mend`
 */
export function isPassing(error) {
  if (!isAdmissionError(error)) return true; // an abort, say
  const { code, status } = error;
  // A signed address that has expired says 401 or 403: with a new one the file is mended.
  const isNotNow = code === 'http' && status !== null && (status >= 500 || [401, 403, 408, 429].includes(status));
  // So does a page to log in, in the place of the file.
  return isNotNow || ['source', 'html', 'memory', 'sessions', 'poisoned'].includes(code);
}

/**
 * @param {Patient} patient
 * @param {(group: number) => Promise<Uint8Array | undefined>} replacement
 */
async function writePart({ files, found: { file, length }, signal }, replacement) {
  const snapshot = await file.getFile();
  const part = await files.open('.part');
  try {
    await part.truncate(length); // all of the room, before more is fetched
    for (let group = 0; group * GROUP < length; group++) {
      signal?.throwIfAborted();
      const bytes = (await replacement(group)) ?? (await readGroup(snapshot, group)) ?? new Uint8Array(0);
      await part.write(bytes, group * GROUP);
    }
    await part.finish();
  } catch (error) {
    await part.discard();
    throw error;
  }
}

/**
 * @param {Patient} patient
 * @param {number} group
 * @param {Parts} parts
 */
async function fetchedGroup({ guest, found, evidence }, group, parts) {
  const { length, digests: { blake3 } } = found;
  const bytes = await parts.read(group * GROUP, Math.min((group + 1) * GROUP, length));
  const proof = proofOf(guest, { length, blake3, evidence });
  try {
    if (proof.checkGroup(group, bytes)) return bytes;
  } finally {
    proof.release();
  }
  throw sourceFault('the source is another file than was stored', { code: 'changed', offset: group * GROUP });
}

/**
 * @param {Blob} file
 * @param {number} group
 * @returns {Promise<Uint8Array | undefined>} undefined of one that cannot be read
 */
async function readGroup(file, group) {
  try {
    return new Uint8Array(await file.slice(group * GROUP, (group + 1) * GROUP).arrayBuffer());
  } catch {
    return undefined; // a disk that gives some of a file no more
  }
}
