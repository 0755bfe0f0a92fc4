import { misuse } from '../core/errors.js';
import { shown } from '../core/text.js';
import { VALUES_AT } from './journal.js';
import { announce, takeLock } from './lock.js';
import { openPart, whenFree } from './part.js';

/**
 * @typedef {object} Stored  A file that was admitted, whole, and stored.
 * @property {FileSystemFileHandle} file
 * @property {number} length
 * @property {import('../guest/report.js').Digests} digests  that the guest gave when it admitted the file
 * @property {string} [id]  a new one each time that something is stored
 */

const PART = '.part';
const JOURNAL = '.journal';
const RECORD = '.digests';
const EVIDENCE = '.evidence';
/** Ends of names that are the store's own. */
const RESERVED = [PART, RECORD, JOURNAL, EVIDENCE];
/** Most that a name may have in UTF-8, in bytes: a file system takes 255, and a companion's end is part of them. */
const LONGEST_NAME = 240;
/** Bytes that are copied at a time, where files cannot be moved. */
const PIECE = 1024 * 1024;
/** Characters of a record: one that is written over another leaves nothing of it, and needs no room. */
const RECORD_SIZE = 512;

/** @typedef {'.part' | '.journal' | '.digests' | '.evidence'} Suffix  of a companion */

/**
 * A name in a directory, and the files that belong to it:
 *
 *   NAME.part      bytes that nobody has admitted yet
 *   NAME.journal   which of them are proven (see journal.js)
 *   NAME           all bytes of an admitted file
 *   NAME.evidence  the value of each group of it
 *   NAME.digests   its length and digests. Written after the file is in its place: what has no record, or one that does
 *                  not fit, is not stored
 *
 * A file that is stored stays until the next one is whole: for that time both take room. After a crash at any moment
 * there is a file with its record, or a part whose journal proves its first bytes, or something that the next call
 * deletes. All but `lookup` is for the owner of the name's lock.
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
    const storage = globalThis.navigator?.storage;
    if (!storage?.getDirectory) {
      if (directory) return new StoredFile(name, directory, [directory.name]);
      throw misuse('there is no private file system here (it needs a secure context)', { code: 'unsupported' });
    }
    const root = await storage.getDirectory();
    // Null for a directory that lies elsewhere, on the user's disk.
    const path = directory ? (await root.resolve(directory)) ?? ['', directory.name] : [];
    return new StoredFile(name, directory ?? root, path);
  }

  /**
   * @param {string} name
   * @param {FileSystemDirectoryHandle} directory
   * @param {string[]} path  of the directory
   */
  constructor(name, directory, path) {
    this.#name = name;
    this.#directory = directory;
    this.#lockName = [...path, name].join('/');
  }

  get name() {
    return this.#name;
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

  /** @returns {Promise<Stored | undefined>} */
  async lookup() {
    const record = parsed(await this.#text(this.#name + RECORD));
    const file = record && (await this.#existing(this.#name));
    // It may go away in between.
    const size = (await file?.getFile().catch(unlessMissing))?.size;
    return file && size === record.length ? { file, ...record } : undefined;
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
    const file = await (await this.#existing(this.#name + suffix))?.getFile().catch(unlessMissing);
    return new Uint8Array((await file?.arrayBuffer()) ?? []);
  }

  /** @returns {Promise<number>} of `NAME.part`; 0 where there is none */
  async partSize() {
    const part = await this.#existing(this.#name + PART);
    return (await part?.getFile().catch(unlessMissing))?.size ?? 0;
  }

  /**
   * Undoes a `promote` that a crash has stopped between the file's new name and its record: what has the name, and no
   * record, is the part that the journal speaks of. (If it is not, its values will not fit.)
   */
  async demote() {
    const [journal, part] = await Promise.all([JOURNAL, PART].map(suffix => this.#existing(this.#name + suffix)));
    const file = journal && !part && (await this.#existing(this.#name));
    if (file) await this.#move(file, this.#name, PART);
  }

  /**
   * Makes the finished `NAME.part` the stored file, in the place of whatever has this name.
   *
   * @param {number} length
   * @param {Stored['digests']} digests
   * @param {Uint8Array} [evidence]
   */
  async promote(length, digests, evidence) {
    const part = await this.#directory.getFileHandle(this.#name + PART);
    const { size } = await part.getFile();
    if (size !== length) throw new Error(`${this.#name + PART} has ${size} bytes, the admitted file ${length}`);
    await this.#remove(''); // first: a file that another tab is reading stays as it is, with its record
    this.#isTaken = true;
    await this.#remove(RECORD);
    await this.#remove(EVIDENCE);
    await this.#move(part, this.#name + PART, '');
    if (evidence) await this.#put(EVIDENCE, evidence);
    await this.record({ length, digests, id: crypto.randomUUID() });
    await this.#remove(JOURNAL);
  }

  /**
   * Writes what is known of the file that is in its place.
   *
   * @param {Omit<Stored, 'file'>} known
   */
  record({ length, digests, id }) {
    return this.#put(RECORD, new TextEncoder().encode(JSON.stringify({ length, digests, id }).padEnd(RECORD_SIZE)));
  }

  /** Deletes `NAME.part` and its journal, whoever left them. */
  async clearPart() {
    await this.#remove(JOURNAL); // first: of a part that is written anew it would tell nothing
    await this.#remove(PART);
  }

  /** Deletes `NAME.part` where no journal speaks of it. */
  async clearUnproven() {
    const isProven = (await this.#existing(this.#name + JOURNAL))?.getFile().then(({ size }) => size > VALUES_AT);
    if (!(await isProven)) await this.clearPart();
  }

  /** Deletes what was written for this name; what was stored before stays, unless its place was taken already. */
  async undo() {
    await (this.#isTaken ? this.clear() : this.clearPart());
  }

  /** Deletes whatever there is under this name. */
  async clear() {
    // The file first: one that cannot be deleted, as somebody is reading it, stays stored.
    for (const suffix of ['', RECORD, EVIDENCE, JOURNAL, PART]) await this.#remove(suffix);
  }

  /** @param {string} suffix */
  #remove(suffix) {
    return whenFree(() => this.#directory.removeEntry(this.#name + suffix).catch(unlessMissing));
  }

  /**
   * @param {FileSystemFileHandle} file
   * @param {string} name    that it has
   * @param {string} suffix  that it gets, behind the name
   */
  async #move(file, name, suffix) {
    const to = this.#name + suffix;
    const { move } = /** @type {{ move?: (name: string) => Promise<void> }} */ (/** @type {unknown} */ (file));
    if (move) return whenFree(() => move.call(file, to));
    // An engine that cannot move files: for the time of the copy both take room, and the copy counts for nothing until
    // its record is written.
    const from = await file.getFile();
    const copy = await openPart(await this.#directory.getFileHandle(to, { create: true }));
    try {
      for (let at = 0; at < from.size; at += PIECE) {
        await copy.write(new Uint8Array(await from.slice(at, at + PIECE).arrayBuffer()), at);
      }
      await copy.finish();
    } catch (error) {
      await copy.discard();
      throw error;
    }
    await whenFree(() => this.#directory.removeEntry(name).catch(unlessMissing));
  }

  /**
   * @param {Suffix} suffix
   * @param {Uint8Array} bytes
   */
  async #put(suffix, bytes) {
    const file = await this.open(suffix);
    try {
      await file.write(bytes, 0);
      await file.finish();
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  /** @param {string} name */
  async #text(name) {
    const file = await this.#existing(name);
    return (await file?.getFile().catch(unlessMissing))?.text() ?? '';
  }

  /** @param {string} name */
  #existing(name) {
    return this.#directory.getFileHandle(name).catch(unlessMissing);
  }
}

/** @param {unknown} name */
function checkName(name) {
  const fault = typeof name === 'string' ? faultOf(name) : 'it is no text';
  if (fault) throw misuse(`not a name for a file: ${shown(name)} (${fault})`, { path: 'name', found: shown(name) });
}

/**
 * What a name must not hold, so that no two names are one file, or one file's companion, on any disk: engines cut or
 * replace what is not a character of its own, and some disks know no case and drop dots and blanks at the end.
 *
 * @param {string} name
 */
function faultOf(name) {
  if (name === '' || name === '.' || name === '..') return 'it names no file';
  if (/[/\\]/.test(name)) return 'it holds a separator';
  // Cc: control characters. Cs: halves of a pair.
  if (/[\p{Cc}\p{Cs}]/u.test(name)) return 'it holds a control character or half of a character';
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > LONGEST_NAME) return `it has ${bytes} bytes, ${LONGEST_NAME} are allowed`;
  const end = name.normalize('NFKC').toLowerCase().replace(/[\s.\p{Cf}]+$/u, '');
  const suffix = RESERVED.find(suffix => end.endsWith(suffix));
  return suffix && `it must not end in ${suffix}`;
}

/**
 * @param {string} text
 * @returns {Omit<Stored, 'file'> | undefined}
 */
function parsed(text) {
  try {
    const { length, digests, id } = JSON.parse(text);
    const isDigest = (/** @type {unknown} */ hex) => typeof hex === 'string' && /^[0-9a-f]{64}$/.test(hex);
    const isFile = Number.isSafeInteger(length) && length > 0;
    const isKnown = typeof digests === 'object' && digests !== null && Object.values(digests).every(isDigest);
    return isFile && isKnown ? { length, digests, id } : undefined;
  } catch {
    return undefined; // cut short by a crash, or spoilt
  }
}

/**
 * @param {unknown} error
 * @returns {undefined}
 */
function unlessMissing(error) {
  if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
}
