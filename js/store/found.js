// A stored file that is admitted again.
import { admitFile } from '../admit/file.js';
import { hasEvidence } from '../guest/group.js';
import { diagnosed, requiredOf } from './diagnosis.js';
import { proven } from './evidence.js';
import { orFault } from './fault.js';
import { noted } from './noted.js';
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
    const isLearnt = !evidence && hasEvidence(guest);
    await noted(files, found, isLearnt ? { evidence: model.evidence(), digests: model.report.digests } : undefined);
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
