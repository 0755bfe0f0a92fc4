// A stored file that is admitted again.
import { admitFile } from '../admit/file.js';
import { hasEvidence } from '../guest/group.js';
import { diagnosed, requiredOf } from './diagnosis.js';
import { proven } from './evidence.js';
import { orFault } from './fault.js';
import { asked, strongest } from './storing.js';
import { storedAdmission } from './stored-model.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * With its BLAKE3 and its evidence required. One that has no evidence, or whose evidence a disk spoilt, gets it.
 *
 * @param {Guest} guest
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {AdmitOptions} given
 * @param {typeof import('../guest/admission.js').Admission} [Session]  of which make
 * @returns {Promise<Model>}
 */
export async function admitFound(guest, files, found, given, Session) {
  const evidence = proven(guest, found, await orFault(files.name, 'looked up', () => files.bytes('.evidence')));
  const options = {
    ...given,
    evidence: given.evidence ?? evidence,
    digests: [...toCompute(found, given), strongest(guest)],
    ...requiredOf(found),
  };
  try {
    const model = await admitFile(storedAdmission(found.digests, Session), guest, found.file, options);
    await noted(files, found, evidence || !hasEvidence(guest) ? undefined : model);
    return model;
  } catch (error) {
    throw await diagnosed(guest, files, found, given.signal, error);
  }
}

/**
 * What is asked for by name, and of what is not: that which the record does not know.
 *
 * @param {Stored} found
 * @param {AdmitOptions} options
 */
const toCompute = ({ digests }, options) =>
  options.digests ?? asked(options).filter(name => !Object.hasOwn(digests, name));

/**
 * Writes down that a file was used, and what was learnt of it. It is as good without: where that cannot be written, or
 * another tab has the name, the next admission does it.
 *
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {Model} [learnt]  where it knows more than the disk
 */
export async function noted(files, found, learnt) {
  const unlock = await files.tryLock();
  if (!unlock) return;
  try {
    if ((await files.lookup())?.id !== found.id) return;
    if (learnt) {
      await files.putEvidence(learnt.evidence());
      await files.record({ ...found, digests: { ...found.digests, ...learnt.report.digests } });
    }
    await files.touch();
  } catch {
    // A full disk, say: it is not what was asked for.
  } finally {
    unlock();
  }
}
