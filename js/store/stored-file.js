// The files of one name.
import { checkName } from './file-name.js';
import { VALUES_AT } from './journal.js';
import { announce, share, takeLock, tryLock, unlessChanged, unlessLookedAt, unlessShared } from './lock.js';
import { moved, unlessMissing } from './moved.js';
import { openPart, whenFree } from './part.js';
import { placeOf } from './place.js';
import { digestsIn, knownIn, recordOf } from './record.js';
import { sealed, unsealed } from './seal.js';

/** @typedef {import('./file-name.js').Suffix} Suffix */
/** @typedef {import('./record.js').Known} Known */
/** @typedef {{ file: FileSystemFileHandle } & Known} Stored  A file that was admitted, whole, and stored. */

const PART = '.part';
const JOURNAL = '.journal';
const RECORD = '.digests';
const EVIDENCE = '.evidence';
const USED = '.used';
const PIN = '.pin';
/** Bytes of `NAME.used`, always: one that is written over another leaves nothing of it. */
const USED_SIZE = 128;
/**
 * A name in a directory, and the files that belong to it:
 *
 *   NAME.part      bytes that nobody has admitted yet
 *   NAME.journal   which of them are proven (see journal.js); of a whole part that is about to be NAME, its record
 *   NAME           all bytes of an admitted file
 *   NAME.evidence  the value of each group of it
 *   NAME.digests   its length and digests (see record.js). Written after the file is in its place: what has no record,
 *                  or one that does not fit, is not stored
 *   NAME.used      when it was last read
 *   NAME.pin       it is there: no room is made of the file
 *
 * A file that is stored stays until the next one is whole, and is known to be that: for that time both take room. After
 * a crash at any moment there is a file with its record, or a part whose journal proves its first bytes or holds its
 * record, or something that the next call deletes. All but `look`, `lookup` and `share` is for the owner of the name's
 * lock.
 */
export class StoredFile {
  #directory;
  #name;
  #lockName;
  /** Whether `promote` has deleted what had the name. */
  #isTaken = false;

  /**
   * @param {string} name
   * @param {FileSystemDirectoryHandle} [directory]  default: the root of the origin's private file system
   */
  static async at(name, directory) {
    checkName(name);
    return new StoredFile(name, await placeOf(directory));
  }

  /**
   * @param {string} name
   * @param {import('./place.js').Place} place
   */
  constructor(name, { directory, path }) {
    this.#name = name;
    this.#directory = directory;
    this.#lockName = [...path, name].join('/');
  }

  get name() {
    return this.#name;
  }

  /** Of the channel by which those who wait for the name hear how far its owner is. */
  get channel() {
    return `gguf-admission progress ${this.#lockName}`;
  }

  /**
   * Waits until the name is nobody else's.
   *
   * @param {AbortSignal} signal  gives up waiting; does not give up the lock
   * @param {Parameters<typeof takeLock>[2]} by
   * @returns {Promise<() => void>} gives it up; doing that twice is harmless
   */
  lock(signal, by) {
    return takeLock(this.#lockName, signal, by);
  }

  /**
   * Says that a worker may have the name, for an admission of this thread's.
   *
   * @param {import('../core/asking.js').Asking} admission
   */
  announce(admission) {
    return announce(this.#lockName, admission);
  }

  /**
   * Keeps the file from being removed or replaced, by whomever, as long as it is read.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<() => void>} ends that
   */
  share(signal) {
    return share(this.#lockName, signal);
  }

  /** @returns {Promise<(() => void) | undefined>} the lock, if it is to be had at once */
  tryLock() {
    return tryLock(this.#lockName);
  }

  /**
   * Works while nobody has the file open. Where somebody reads from it, that is an error of the code `locked`.
   *
   * @template T
   * @param {() => Promise<T>} work
   */
  unlessOpen(work) {
    return unlessShared(this.#lockName, this.#name, work);
  }

  /** @returns {Promise<Stored | undefined>} */
  lookup() {
    return this.look(async stored => stored);
  }

  /**
   * Looks up what is stored, and at what lies beside it, while nobody changes that.
   *
   * @template T
   * @param {(stored: Stored | undefined) => Promise<T>} see  it must not look up anything itself
   * @returns {Promise<T>}
   */
  look(see) {
    return unlessChanged(this.#lockName, async () => see(await this.#stored()));
  }

  async #stored() {
    const known = await knownIn(await this.bytes(RECORD));
    const file = known && (await this.#existing(this.#name));
    // It may go away in between.
    const size = (await file?.getFile().catch(unlessMissing))?.size;
    return file && size === known.length ? { file, ...known } : undefined;
  }

  /**
   * The file, where there is one whose record was spoilt.
   *
   * @returns {Promise<{ file: FileSystemFileHandle, digests: readonly string[] } | undefined>} digests: those that
   *   stand in the record, and may be spoilt too
   */
  async unrecorded() {
    const record = await this.bytes(RECORD);
    const file = record.length > 0 ? await this.#existing(this.#name) : undefined;
    // A promotion that a crash has stopped: see `demote`.
    return file && !(await this.#isHalfPromoted()) ? { file, digests: digestsIn(record) } : undefined;
  }

  /**
   * @param {Suffix} suffix
   * @param {{ keeps?: boolean }} [how]
   */
  async open(suffix, how) {
    return openPart(await this.#directory.getFileHandle(this.#name + suffix, { create: true }), how);
  }

  /**
   * @param {Suffix} suffix
   * @returns {Promise<Uint8Array>} all of the companion; nothing of one that is not there
   */
  async bytes(suffix) {
    return new Uint8Array((await (await this.snapshot(suffix))?.arrayBuffer()) ?? []);
  }

  /**
   * @param {Suffix | ''} suffix  none: of the file itself
   * @returns {Promise<File | undefined>} as it is now
   */
  async snapshot(suffix) {
    return (await this.#existing(this.#name + suffix))?.getFile().catch(unlessMissing);
  }

  /** `NAME.part`, which is there. */
  partHandle() {
    return this.#directory.getFileHandle(this.#name + PART);
  }

  /** @returns {Promise<number>} of `NAME.part`; 0 where there is none */
  async partSize() {
    return (await this.snapshot(PART))?.size ?? 0;
  }

  /** @returns {Promise<number | undefined>} when it was last read, in milliseconds, if that is known */
  async usedAt() {
    return (await unsealed(new TextDecoder().decode(await this.bytes(USED))))?.usedAt;
  }

  async isPinned() {
    return (await this.#existing(this.#name + PIN)) !== undefined;
  }

  /** @param {boolean} on */
  async pin(on) {
    if (on) await this.#directory.getFileHandle(this.#name + PIN, { create: true });
    else await this.#remove(PIN);
  }

  /**
   * Undoes a `promote` that a crash has stopped between the file's new name and its record: what has the name, and no
   * record, is the part that the journal speaks of. (If it is not, its values will not fit.) One that has its record is
   * stored, though its journal is still there.
   */
  async demote() {
    if (await this.lookup()) return;
    const file = (await this.#isHalfPromoted()) && (await this.#existing(this.#name));
    if (file) await moved(this.#directory, file, this.#name, this.#name + PART);
  }

  /**
   * Makes the finished `NAME.part` the stored file, in the place of whatever has this name.
   *
   * @param {Omit<Known, 'id' | 'storedAt'>} known
   * @param {Uint8Array} [evidence]
   */
  async promote(known, evidence) {
    const part = await this.partHandle();
    const { size } = await part.getFile();
    const { length } = known;
    if (size !== length) throw new Error(`${this.#name + PART} has ${size} bytes, the admitted file ${length}`);
    const all = { ...known, id: crypto.randomUUID(), storedAt: Date.now() };
    await this.unlessOpen(async () => {
      // Before what was stored goes, the disk says what the part is: by the values in its journal, or by its record.
      const isProven = ((await this.snapshot(JOURNAL))?.size ?? 0) > VALUES_AT;
      if (!isProven) await this.#put(JOURNAL, await recordOf(all));
      await this.#take(all, evidence);
    });
  }

  /**
   * Puts the whole `NAME.part` in the place of the file, of which all that is known goes for the part, too.
   *
   * @param {Known} known
   */
  replace(known) {
    return this.unlessOpen(async () => {
      await this.#put(JOURNAL, await recordOf(known));
      await this.#take(known);
    });
  }

  /**
   * Ends a `promote` or a `replace` that a crash has stopped, where the journal holds the record of the whole part.
   *
   * @returns {Promise<Stored | undefined>}
   */
  async replaced() {
    const known = await knownIn(await this.bytes(JOURNAL));
    const sizes = known ? [await this.partSize(), (await this.snapshot(''))?.size] : [];
    if (!known || !sizes.includes(known.length)) return undefined;
    await this.unlessOpen(() => this.#take(known));
    return this.lookup();
  }

  /**
   * Moves the part to its place, if it is not there, and writes what is known of it.
   *
   * @param {Known} known
   * @param {Uint8Array} [evidence]
   */
  async #take(known, evidence) {
    const part = await this.#existing(this.#name + PART);
    if (part) {
      await this.#remove(''); // first: a file that another tab is reading stays as it is, with its record
      this.#isTaken = true;
      // What is mended is what was stored: all that was known of it stays.
      const before = await knownIn(await this.bytes(RECORD));
      const isMended = JSON.stringify(before?.digests) === JSON.stringify(known.digests) && before?.id === known.id;
      if (!isMended) for (const suffix of [RECORD, EVIDENCE, USED]) await this.#remove(suffix);
      await moved(this.#directory, part, this.#name + PART, this.#name);
    }
    if (evidence) await this.putEvidence(evidence);
    await this.#put(RECORD, await recordOf(known));
    await this.#remove(JOURNAL);
  }

  /**
   * Writes what is known of the file that is in its place.
   *
   * @param {Known} known
   */
  async record(known) {
    const record = await recordOf(known);
    await unlessLookedAt(this.#lockName, () => this.#put(RECORD, record));
  }

  /** @param {Uint8Array} values */
  putEvidence(values) {
    return this.#put(EVIDENCE, values);
  }

  /** Writes down that it was read now. */
  async touch() {
    const text = (await sealed({ usedAt: Date.now() })).padEnd(USED_SIZE);
    await this.#put(USED, new TextEncoder().encode(text));
  }

  /** Deletes `NAME.part` and its journal, whoever left them. */
  async clearPart() {
    await this.#remove(JOURNAL); // first: of a part that is written anew it would tell nothing
    await this.#remove(PART);
  }

  /** Deletes `NAME.part` where no journal speaks of it, and it is not about to take the place of the file. */
  async clearUnproven() {
    if (!(await this.lookup()) && (await this.replaced())) return;
    const isProven = (await this.#existing(this.#name + JOURNAL))?.getFile().then(({ size }) => size > VALUES_AT);
    if (!(await isProven)) await this.clearPart();
  }

  /** Deletes what was written for this name; what was stored before stays, unless its place was taken already. */
  async undo() {
    await (this.#isTaken ? this.clear() : this.clearPart());
  }

  /**
   * Deletes whatever there is under this name.
   *
   * @param {{ keepsPin?: boolean, sparesPinned?: boolean }} [how]
   * @returns {Promise<boolean>} whether it did: one that is pinned may be spared
   */
  clear({ keepsPin = false, sparesPinned = false } = {}) {
    return this.unlessOpen(async () => {
      if (sparesPinned && (await this.isPinned())) return false;
      // The file first: one that cannot be deleted, as somebody is reading it, stays stored. The record last: by it
      // the name is listed until nothing is left.
      const pin = keepsPin ? [] : [PIN];
      for (const suffix of ['', PART, JOURNAL, EVIDENCE, USED, ...pin, RECORD]) await this.#remove(suffix);
      return true;
    });
  }

  async #isHalfPromoted() {
    const [journal, part] = await Promise.all([JOURNAL, PART].map(suffix => this.#existing(this.#name + suffix)));
    return journal !== undefined && part === undefined;
  }

  /** @param {string} suffix */
  #remove(suffix) {
    return whenFree(() => this.#directory.removeEntry(this.#name + suffix).catch(unlessMissing));
  }

  /**
   * @param {Suffix} suffix
   * @param {Uint8Array} bytes
   */
  async #put(suffix, bytes) {
    const file = await this.open(suffix);
    try {
      await file.write(bytes, 0);
      await file.truncate(bytes.length); // a disk may have made it longer
      await file.finish();
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  /** @param {string} name */
  #existing(name) {
    return this.#directory.getFileHandle(name).catch(unlessMissing);
  }
}
