// NAME.evidence: the values of a stored file's groups, and what they prove.
import { isAdmissionError } from '../core/errors.js';
import { Admission } from '../guest/admission.js';
import { hasEvidence } from '../guest/group.js';
import { GROUP, VALUE } from './journal.js';

/** @typedef {import('../guest/guest.js').Guest} Guest */

/**
 * A session that tells whether bytes are a group of a file.
 *
 * @param {Guest} guest
 * @param {{ length: number, blake3?: string, evidence: Uint8Array }} file
 */
export const proofOf = (guest, { length, blake3, evidence }) => new Admission(guest, { length, blake3, evidence });

/**
 * The values, if they are of the very file that the record speaks of.
 *
 * @param {Guest} guest
 * @param {import('./record.js').Known} known
 * @param {Uint8Array} evidence  as it lies on the disk
 * @returns {Uint8Array | undefined}
 */
export function proven(guest, { length, digests: { blake3 } }, evidence) {
  const isWhole = evidence.length === Math.ceil(length / GROUP) * VALUE;
  if (!blake3 || !isWhole || !hasEvidence(guest)) return undefined;
  const proof = proofOf(guest, { length, blake3, evidence });
  try {
    proof.checkGroup(0, new Uint8Array(0)); // a first question: the guest merges the values
    return evidence;
  } catch (error) {
    if (isAdmissionError(error) && error.code === 'digest') return undefined;
    throw error;
  } finally {
    proof.release();
  }
}
