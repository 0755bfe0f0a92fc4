// A stored file that its record says nothing of any more: the disk spoilt the record, or version 0.2.0 wrote it.
import { admit } from '../admit/admit.js';
import { isAdmissionError } from '../core/errors.js';
import { hasEvidence } from '../guest/group.js';
import { HIGHEST_LIMITS } from '../guest/settings.js';
import { noted } from './noted.js';

/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * A file whose record was spoilt is admitted again. If its digests agree with one that still stands in the record, or
 * its evidence with the one beside it, it is what was stored, and its record is written anew.
 *
 * For the owner of the name's lock.
 *
 * @param {Guest} guest
 * @param {StoredFile} files
 * @param {AbortSignal} [signal]
 * @returns {Promise<Stored | undefined>}
 */
export async function judgedAnew(guest, files, signal) {
  const found = await files.unrecorded();
  const seen = found && (await lookedThrough(guest, found.file, signal));
  if (!seen) return undefined;
  const { length, digests, evidence } = seen;
  const isNamed = Object.values(digests).some(digest => found.digests.includes(digest));
  const isProven = isNamed || (evidence && isEqual(evidence, await files.bytes('.evidence')));
  if (!isProven) return undefined;
  if (evidence) await files.putEvidence(evidence);
  await files.record({ length, digests, id: crypto.randomUUID() });
  return files.lookup();
}

/**
 * The evidence of a stored file that has none: it is read once, and what it shows is written down.
 *
 * @param {Guest} guest
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ evidence: Uint8Array, digests: Stored['digests'] } | undefined>} undefined where it is not what
 *   its record says
 */
export async function learnt(guest, files, found, signal) {
  const seen = await lookedThrough(guest, found.file, signal);
  const isIt = seen?.length === found.length && Object.entries(found.digests).every(([name, digest]) =>
    digest === seen.digests[/** @type {import('../guest/settings.js').Algorithm} */ (name)]);
  if (!isIt || !seen.evidence) return undefined;
  const { evidence, digests } = seen;
  await noted(files, found, { evidence, digests });
  return { evidence, digests };
}

/**
 * What a file on the disk is, all of it read.
 *
 * @param {Guest} guest
 * @param {FileSystemFileHandle} file
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ length: number, digests: Stored['digests'], evidence?: Uint8Array } | undefined>} undefined of
 *   one that breaks a rule
 */
export async function lookedThrough(guest, file, signal) {
  const isWithEvidence = hasEvidence(guest);
  /** @type {import('../guest/settings.js').Computed[]} */
  const digests = ['sha256', 'blake3', ...(isWithEvidence ? /** @type {const} */ (['evidence']) : [])];
  try {
    const model = await admit(guest, file, { digests, limits: HIGHEST_LIMITS, signal });
    try {
      const { position, digests } = model.report;
      return { length: position, digests, evidence: isWithEvidence ? model.evidence() : undefined };
    } finally {
      model.release();
    }
  } catch (error) {
    if (isAdmissionError(error) && error.kind === 'rejected') return undefined;
    throw error;
  }
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
const isEqual = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);
