// A file that is admitted and stored, from where an earlier call stood.
import { deliver } from '../admit/deliver.js';
import { admissionOf } from '../admit/file.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { AdmissionError, isAdmissionError, messageOf } from '../core/errors.js';
import { hasEvidence } from '../guest/group.js';
import { ALGORITHMS } from '../guest/settings.js';
import { sourceOf } from '../sources/source-of.js';
import { ContinuedIntake, ContinuedSource } from './continued.js';
import { KeptPart } from './kept-part.js';
import { Told } from './watched.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./store-tee.js').Keeper} Keeper */
/** @typedef {typeof import('../guest/admission.js').Admission} Session */

/** Errors of a source that say that the file is another one. */
const OTHERS = ['length', 'changed'];

/** @implements {Keeper} */
export class Storing {
  #guest;
  #Session;
  /** @type {ContinuedIntake | undefined} */ #intake;
  /** Whether `onHeader` refused the file. */ #isTurnedDown = false;

  /**
   * @param {import('../guest/guest.js').Guest} guest
   * @param {KeptPart} part
   * @param {Told} told
   * @param {Session} [Session]  of which make
   */
  constructor(guest, part, told, Session) {
    this.#guest = guest;
    this.#Session = Session;
    this.part = part;
    this.told = told;
  }

  /**
   * @param {import('../guest/guest.js').Guest} guest
   * @param {import('./stored-file.js').StoredFile} files
   * @param {AdmitOptions} wanted
   * @param {Session} [Session]
   */
  static async of(guest, files, wanted, Session) {
    const part = await KeptPart.find(files, wanted);
    if (!hasEvidence(guest)) part.cut(0); // it can prove nothing of it
    return new Storing(guest, part, new Told(files.channel), Session);
  }

  /** @param {unknown} reason */
  isRefused(reason) {
    const isOther = isAdmissionError(reason) && OTHERS.includes(reason.code);
    return this.#isTurnedDown || this.#intake?.state === 'failed' || isOther;
  }

  get evidence() {
    const values = this.#intake?.evidence;
    return values?.length ? values : undefined;
  }

  /**
   * @param {import('../sources/source-of.js').Admissible} source
   * @param {AdmitOptions} options
   * @param {import('../admit/tees.js').Tee} tee  that stores
   */
  async admit(source, options, tee) {
    const { part } = this;
    const digests = [...asked(options), strongest(this.#guest)];
    const all = { ...options, digests, tee: [options.tee ?? [], tee].flat() };
    /** @type {ContinuedSource} */ let continued;
    try {
      return await deliver(
        source,
        all,
        ADMIT_OPTIONS,
        (checked, length, progress) => {
          const { onHeader } = checked;
          const opened = { ...admissionOf(checked), length, onHeader: onHeader && this.#heard(onHeader, progress) };
          part.length = length;
          const tell = () => void (progress.kept = part.bytes);
          tell();
          const intake = new ContinuedIntake(this.#guest, part, opened, tell, this.#Session);
          return (this.#intake = continued.intake = intake);
        },
        (from, checked) => (continued = new ContinuedSource(part, sourceOf(from, checked))),
      );
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /**
   * @param {import('../guest/admission.js').OnHeader} onHeader
   * @param {import('../admit/progress.js').Progress} progress
   * @returns {import('../guest/admission.js').OnHeader}
   */
  #heard = (onHeader, progress) => async (report, header) => {
    try {
      return await progress.pausedFor(() => onHeader(report, header));
    } catch (error) {
      this.#isTurnedDown = true;
      throw error;
    }
  };

  /**
   * Bytes that were kept were trusted to be of the file that the digest speaks of: it may have been another then.
   *
   * @param {unknown} error
   */
  #explained(error) {
    const isDigest = isAdmissionError(error) && error.code === 'digest' && this.#intake?.state === 'failed';
    if (!isDigest || this.part.bytes === 0 || !this.part.isRequired()) return error;
    return new AdmissionError(`what was kept is of another file than is required: ${messageOf(error)}`, {
      code: 'changed', kind: 'retry', path: error.path, expected: error.expected, found: error.found, cause: error,
    });
  }
}

/**
 * What `admit` would compute beside what is required.
 *
 * @param {AdmitOptions} options
 * @returns {readonly import('../guest/settings.js').Computed[]}
 */
export function asked(options) {
  const isDigestRequired = Object.keys(ALGORITHMS).some(name => Object.hasOwn(options, name));
  return options.digests ?? (isDigestRequired ? [] : ['sha256']);
}

/**
 * What is computed of a file that is stored: evidence, and the BLAKE3 with it, by which it is admitted again.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @returns {import('../guest/settings.js').Computed}
 */
export const strongest = guest => (hasEvidence(guest) ? 'evidence' : 'blake3');
