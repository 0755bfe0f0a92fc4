// A stored file that is admitted again while tees watch: they see what was stored, whatever a disk did to it.
import { deliver } from '../admit/deliver.js';
import { admissionOf } from '../admit/file.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { AdmissionError, isAdmissionError } from '../core/errors.js';
import { blobSource } from '../sources/blob.js';
import { readAtOnce } from '../sources/file-handle.js';
import { proofOf } from './evidence.js';
import { GROUP } from './journal.js';
import { groupsOf } from './opened-model.js';

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
  /** @type {import('../sources/direct.js').DirectSource | undefined} where it can be read at once */ #direct;
  /** @type {Blob | undefined} where it cannot */ #snapshot;
  /** @type {Source | undefined} of the snapshot, from the group on that is read next */ #stream;
  #next = NaN;
  #position = 0;
  /** @type {Uint8Array} */ #group = new Uint8Array(0);
  /** One for all groups: a new one each time costs as much as the reading. */ #room = new Uint8Array(GROUP);

  /** @param {import('./stored-file.js').Stored} found */
  constructor({ file, length }) {
    this.#file = file;
    this.length = length;
  }

  async open() {
    this.#direct = await readAtOnce(this.#file);
    this.#snapshot = this.#direct ? undefined : await this.#file.getFile();
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
   * A group as it lies on the disk, good until the next is asked for.
   *
   * @param {number} index
   */
  async groupAt(index) {
    const { length } = this;
    const room = this.#room.subarray(0, Math.min(GROUP, length - index * GROUP));
    if (this.#direct) return readAt(this.#direct, room, index * GROUP);
    const snapshot = /** @type {Blob} */ (this.#snapshot);
    try {
      return await this.#readOn(snapshot, room, index);
    } catch {
      return groupsOf(snapshot, index, 1); // a stream reads ahead: it may be another group that cannot be read
    }
  }

  /**
   * @param {FileSystemFileHandle} file  that has taken the place of the other
   * @param {number} group  where it goes on
   */
  async goOnWith(file, group) {
    this.#file = file;
    this.#position = group * GROUP;
    await this.open();
  }

  async close() {
    this.#next = NaN;
    await Promise.all([this.#direct?.close(), this.#stream?.close()]);
    this.#direct = this.#stream = undefined;
  }

  /**
   * One after the other: to ask for each costs more than to read it.
   *
   * @param {Blob} snapshot
   * @param {Uint8Array} room
   * @param {number} index
   */
  async #readOn(snapshot, room, index) {
    if (this.#next !== index) {
      await this.#stream?.close();
      this.#stream = blobSource(snapshot.slice(index * GROUP));
    }
    this.#next = NaN;
    for (let done = 0; done < room.length; ) {
      const bytes = await this.#stream?.read(room.length - done);
      if (!bytes) return room.subarray(0, done);
      room.set(bytes, done);
      done += bytes.length;
    }
    this.#next = index + 1;
    return room;
  }
}

/**
 * @param {import('../sources/direct.js').DirectSource} direct
 * @param {Uint8Array} room
 * @param {number} offset
 */
function readAt(direct, room, offset) {
  let done = 0;
  for (let count = -1; count !== 0 && done < room.length; done += count) {
    count = direct.readSync(room.subarray(done), offset + done);
  }
  return room.subarray(0, done);
}

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
      if ('bytes' in read && this.#isGood(index, read.bytes)) return read.bytes;
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
    await this.#source.close();
    await this.#source.goOnWith(await this.#about.mend(error), group);
    this.#admission = new this.#about.Session(this.#about.guest, this.#options);
    for (let index = 0; index < group; index++) {
      const bytes = await this.#source.groupAt(index);
      await this.#admission.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes), signal);
    }
  }

  /**
   * One behind the header is compared as it passes, but one that is cut short is not whole ever.
   *
   * @param {number} index
   * @param {Uint8Array} bytes
   */
  #isGood(index, bytes) {
    const isWhole = bytes.length === Math.min(GROUP, this.#about.found.length - index * GROUP);
    return isWhole && (this.state !== 'open' || this.#isProven(index, bytes));
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
