// A stored file that is admitted again while tees watch: they see what was stored, whatever a disk did to it.
import { deliver } from '../admit/deliver.js';
import { admissionOf } from '../admit/file.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { AdmissionError, isAdmissionError } from '../core/errors.js';
import { proofOf } from './evidence.js';
import { GROUP } from './journal.js';
import { READ_GROUPS, groupsOf } from './opened-model.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {typeof import('../guest/admission.js').Admission} Session */

/**
 * @typedef {object} Watched
 * @property {Guest} guest
 * @property {Session} Session  of which make
 * @property {import('./stored-file.js').Stored} found
 * @property {Uint8Array} evidence  of the very file that was stored
 * @property {(error: AdmissionError) => Promise<FileSystemFileHandle>} mend  the mended file; throws where it cannot
 */

/**
 * @param {Watched} about
 * @param {AdmitOptions} options
 * @returns {Promise<Model>}
 */
export function admitWatched(about, options) {
  const source = new FoundSource(about.found);
  return deliver(
    about.found.file,
    options,
    ADMIT_OPTIONS,
    (checked, length, progress) => {
      const { onHeader } = checked;
      /** @type {typeof onHeader} */
      const heard = onHeader && ((report, header) => progress.pausedFor(() => onHeader(report, header)));
      return (source.intake = new FoundIntake(about, source, { ...admissionOf(checked), length, onHeader: heard }));
    },
    () => source,
  );
}

/**
 * The file, group by group.
 *
 * @implements {Source}
 */
class FoundSource {
  /** @type {FoundIntake | undefined} */ intake;
  #file;
  /** @type {Blob | undefined} */ #snapshot;
  #position = 0;
  /** @type {Uint8Array} */ #group = new Uint8Array(0);
  /** @type {{ first: number, bytes: Uint8Array }} groups that were read ahead */ #ahead = emptied();

  /** @param {import('./stored-file.js').Stored} found */
  constructor({ file, length }) {
    this.#file = file;
    this.length = length;
  }

  async open() {
    this.#snapshot = await this.#file.getFile();
  }

  /** @param {number} most */
  async read(most) {
    if (this.#position >= this.length) return null;
    const at = this.#position % GROUP;
    if (at === 0) this.#group = (await this.intake?.good(this.#position / GROUP)) ?? new Uint8Array(0);
    const bytes = this.#group.subarray(at, at + most);
    this.#position += bytes.length;
    return bytes;
  }

  /**
   * A group as it lies on the disk.
   *
   * @param {number} index
   */
  async groupAt(index) {
    const snapshot = /** @type {Blob} */ (this.#snapshot);
    const { first, bytes } = this.#ahead;
    const start = (index - first) * GROUP;
    if (start >= 0 && start < bytes.length) return bytes.subarray(start, start + GROUP);
    try {
      this.#ahead = { first: index, bytes: await groupsOf(snapshot, index, READ_GROUPS) };
    } catch {
      return groupsOf(snapshot, index, 1); // it may be another one that cannot be read
    }
    return this.#ahead.bytes.subarray(0, GROUP);
  }

  /**
   * @param {FileSystemFileHandle} file  that has taken the place of the other
   * @param {number} group  where it goes on
   */
  async goOnWith(file, group) {
    this.#snapshot = await file.getFile();
    this.#ahead = emptied();
    this.#position = group * GROUP;
  }

  async close() {}
}

const emptied = () => ({ first: 0, bytes: new Uint8Array(0) });

/**
 * Sessions to which no group is given that differs from what was stored, and a tee none of its bytes. The header's
 * groups are proven before they are taken in, as a tee has them piece by piece; those behind are compared by the guest
 * while they pass, whole. Where one is no good the file is mended, and another session takes in what came before it.
 *
 * An `Intake` of deliver.js.
 */
class FoundIntake {
  #about;
  #source;
  #options;
  #admission;
  /** @type {import('../guest/admission.js').Admission | undefined} */ #proof;
  #isMended = false;

  /**
   * @param {Watched} about
   * @param {FoundSource} source
   * @param {import('../guest/admission.js').StepwiseOptions} options
   */
  constructor(about, source, options) {
    this.#about = about;
    this.#source = source;
    const { onHeader } = options;
    this.#options = {
      ...options,
      onHeader: onHeader && ((/** @type {Parameters<typeof onHeader>} */ ...given) => {
        this.#options = { ...this.#options, onHeader: undefined }; // it is asked once
        return onHeader(...given);
      }),
    };
    this.#admission = new about.Session(about.guest, this.#options);
  }

  get state() {
    return this.#admission.state;
  }

  get position() {
    return this.#admission.position;
  }

  get report() {
    return this.#admission.report;
  }

  /**
   * A group that may be taken in.
   *
   * @param {number} index
   */
  async good(index) {
    for (;;) {
      const read = await this.#source.groupAt(index).then(bytes => ({ bytes }), error => ({ error }));
      if ('bytes' in read && (this.state !== 'open' || this.#isProven(index, read.bytes))) return read.bytes;
      await this.#again(index, 'error' in read ? read.error : isDamaged(index));
    }
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>} whether they count
   */
  async write(bytes, signal) {
    const { position } = this;
    try {
      await this.#admission.write(bytes, signal);
      return true;
    } catch (error) {
      const group = position / GROUP;
      const isDifferent = isAdmissionError(error) && error.code === 'digest' && error.path === `evidence[${group}]`;
      if (!isDifferent || this.state !== 'failed') throw error;
      await this.#again(group, error, signal);
      return false;
    }
  }

  finish() {
    this.#endProof();
    return this.#admission.finish();
  }

  release() {
    this.#endProof();
    this.#admission.release();
  }

  /**
   * @param {number} group  the first that is no good
   * @param {AdmissionError} error
   * @param {AbortSignal} [signal]
   */
  async #again(group, error, signal) {
    if (this.#isMended) throw error; // the disk spoils it as soon as it is written
    this.#isMended = true;
    this.release();
    await this.#source.goOnWith(await this.#about.mend(error), group);
    this.#admission = new this.#about.Session(this.#about.guest, this.#options);
    for (let index = 0; index < group; index++) {
      const bytes = await this.#source.groupAt(index);
      await this.#admission.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes), signal);
    }
  }

  /**
   * @param {number} index
   * @param {Uint8Array} bytes
   */
  #isProven(index, bytes) {
    const { guest, found: { length, digests: { blake3 } }, evidence } = this.#about;
    try {
      this.#proof ??= proofOf(guest, { length, blake3, evidence });
      return this.#proof.checkGroup(index, bytes);
    } catch (error) {
      // Of a set of 64 shards the last leaves none to prove by: a tee sees it before it is compared.
      if (isAdmissionError(error) && error.code === 'sessions') return true;
      throw error;
    }
  }

  #endProof() {
    this.#proof?.release();
    this.#proof = undefined;
  }
}

/** @param {number} group */
const isDamaged = group =>
  new AdmissionError(`group ${group} of the stored file is damaged`, {
    code: 'digest', kind: 'rejected', path: `evidence[${group}]`, offset: group * GROUP,
  });
