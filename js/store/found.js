// A stored file that is admitted again.
import { admitFile } from '../admit/file.js';
import { AdmissionError, isAdmissionError } from '../core/errors.js';
import { hasEvidence } from '../guest/group.js';
import { isMended, mended, remedied, requiredOf } from './diagnosis.js';
import { proofOf, proven } from './evidence.js';
import { orFault } from './fault.js';
import { admitWatched } from './found-intake.js';
import { GROUP } from './journal.js';
import { noted } from './noted.js';
import { provenGroup } from './opened-model.js';
import { asked, strongest } from './storing.js';
import { storedAdmission } from './stored-model.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('../sources/source.js').Parts} Parts */
/** @typedef {import('../guest/report.js').Report} Report */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * With its BLAKE3 and its evidence required. One that has no evidence, or whose evidence a disk spoilt, gets it. One
 * that is damaged is mended, where that can be done.
 *
 * @param {Guest} guest
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {AdmitOptions} given
 * @param {object} by
 * @param {typeof import('../guest/admission.js').Admission} [by.Session]  of which make
 * @param {Parts} [by.parts]  from where what is damaged can be fetched
 * @param {() => void} by.unshare  lets the file be changed: it is shared until then, and is not after this
 * @returns {Promise<Model>}
 */
export async function admitFound(guest, files, found, given, { Session, parts, ...by }) {
  let { unshare } = by;
  const evidence = proven(guest, found, await orFault(files.name, 'looked up', () => files.bytes('.evidence')));
  const heard = new Heard(given, (file, report) => headerFault(guest, file, found, evidence, report));
  const options = {
    ...given,
    ...heard.callbacks(found.file),
    evidence: given.evidence ?? evidence,
    digests: [...toCompute(found, given), strongest(guest)],
    ...requiredOf(found),
  };
  const make = storedAdmission(found.digests, Session);
  const isTeed = [given.tee ?? []].flat().length > 0;
  const { signal } = given;
  const about = { guest, files, found, evidence, signal, parts };
  /** @type {unknown} */ let told;
  const mend = async (/** @type {AdmissionError} */ error) => {
    unshare();
    about.found = await mended(about, error).catch(fault => {
      throw (told = fault);
    });
    unshare = await files.share(signal);
    return about.found.file;
  };
  try {
    const model = isTeed && evidence
      ? await admitWatched({ guest, Session: make, found, evidence, mend }, { ...options, ...callbacks(given) })
      : await admitFile(make, guest, found.file, options);
    const isLearnt = !evidence && hasEvidence(guest);
    await noted(files, found, isLearnt ? { evidence: model.evidence(), digests: model.report.digests } : undefined);
    return model;
  } catch (error) {
    unshare();
    if (error === told) throw error;
    const again = (/** @type {FileSystemFileHandle} */ file) =>
      admitFile(make, guest, file, { ...options, ...heard.callbacks(file) });
    const model = await remedied({ ...about, again: isTeed ? undefined : again }, error);
    if (!model) throw isMended(files, error);
    return model;
  } finally {
    unshare();
  }
}

/** @param {AdmitOptions} given */
const callbacks = ({ onHeader, onProgress }) => ({ onHeader, onProgress });

/** The caller's callbacks, of two admissions of which each has to hear as of one. */
class Heard {
  #given;
  #faultOf;
  #isAsked = false;
  #most = 0;

  /**
   * @param {AdmitOptions} given
   * @param {(file: FileSystemFileHandle, report: Report) => Promise<unknown>} faultOf  of a header
   */
  constructor(given, faultOf) {
    this.#given = given;
    this.#faultOf = faultOf;
  }

  /**
   * @param {FileSystemFileHandle} file  that is admitted
   * @returns {Pick<AdmitOptions, 'onHeader' | 'onProgress'>}
   */
  callbacks(file) {
    const { onHeader, onProgress } = this.#given;
    return {
      onHeader: onHeader && !this.#isAsked ? async (report, header) => {
        const fault = await this.#faultOf(file, report);
        if (fault) throw fault;
        this.#isAsked = true;
        return onHeader(report, header);
      } : undefined,
      onProgress: onProgress && (event => {
        if (event.bytes < this.#most) return undefined;
        this.#most = event.bytes;
        return onProgress(event);
      }),
    };
  }
}

/**
 * The header is looked at before its last group is whole: what is looked at is proven first.
 *
 * @param {Guest} guest
 * @param {FileSystemFileHandle} file
 * @param {Stored} found
 * @param {Uint8Array | undefined} evidence
 * @param {Report} report
 * @returns {Promise<unknown>} what is wrong with it
 */
async function headerFault(guest, file, { length, digests: { blake3 } }, evidence, { gguf: { headerBytes } }) {
  if (!evidence) return undefined;
  const proof = proofOf(guest, { length, blake3, evidence });
  try {
    const snapshot = await file.getFile();
    for (let group = 0; group * GROUP < headerBytes; group++) {
      await provenGroup(snapshot, group, bytes => proof.checkGroup(group, bytes));
    }
    return undefined;
  } catch (cause) {
    if (!isAdmissionError(cause) || cause.code !== 'damaged') return cause;
    return new AdmissionError(cause.message, { code: 'digest', kind: 'rejected', path: 'evidence', cause });
  } finally {
    proof.release();
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
