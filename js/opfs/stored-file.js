import { misuse } from '../errors.js';
import { openPart, whenFree } from './part.js';

/**
 * @typedef {object} Stored  A file that was admitted, whole, and stored.
 * @property {FileSystemFileHandle} file
 * @property {number} length
 * @property {{ sha256?: string, blake3?: string }} digests  that the guest gave when it admitted the file
 */

const PART = '.part';
const RECORD = '.digests';
/** Bytes that are copied at a time, where files cannot be moved. */
const PIECE = 1024 * 1024;

/**
 * A name in a directory, and the three files that belong to it:
 *
 *   NAME.part      bytes that nobody has admitted yet
 *   NAME           all bytes of an admitted file
 *   NAME.digests   its length and digests. Written last and deleted first: what has no record, or one that does not fit,
 *                  is not stored
 *
 * So after a crash at any moment there is either a file with its record, or rubbish that `clear` takes away. All but
 * `lookup` is for the owner of the name's lock.
 */
export class StoredFile {
  #directory;
  #name;

  /**
   * @param {string} name
   * @param {FileSystemDirectoryHandle} [directory]  default: the root of the origin's private file system
   */
  static async at(name, directory) {
    if (directory) return new StoredFile(checkedName(name), directory);
    const storage = globalThis.navigator?.storage;
    if (!storage?.getDirectory) throw misuse('there is no private file system here (it needs a secure context)', { code: 'unsupported' });
    return new StoredFile(checkedName(name), await storage.getDirectory());
  }

  /**
   * @param {string} name
   * @param {FileSystemDirectoryHandle} directory
   */
  constructor(name, directory) {
    this.#name = name;
    this.#directory = directory;
  }

  /** @returns {Promise<Stored | undefined>} */
  async lookup() {
    const record = parsed(await this.#text(this.#name + RECORD));
    const file = record && (await this.#existing(this.#name));
    if (!record || !file || (await file.getFile()).size !== record.length) return undefined;
    return { file, ...record };
  }

  /** @returns {Promise<import('./part.js').Part>} `NAME.part`, new and empty */
  async part() {
    return openPart(await this.#directory.getFileHandle(this.#name + PART, { create: true }));
  }

  /**
   * Makes the finished `NAME.part` the stored file.
   *
   * @param {number} length
   * @param {Stored['digests']} digests
   */
  async promote(length, digests) {
    const part = await this.#directory.getFileHandle(this.#name + PART);
    const { size } = await part.getFile();
    if (size !== length) throw new Error(`${this.#name + PART} has ${size} bytes, the admitted file ${length}`);
    await this.#move(part);
    const record = await openPart(await this.#directory.getFileHandle(this.#name + RECORD, { create: true }));
    try {
      await record.write(new TextEncoder().encode(JSON.stringify({ length, digests })), 0);
      await record.finish();
    } catch (error) {
      await record.discard();
      throw error;
    }
  }

  /** Deletes whatever there is under this name, whoever left it. */
  async clear() {
    for (const suffix of [RECORD, '', PART]) {
      await whenFree(() => this.#directory.removeEntry(this.#name + suffix).catch(unlessMissing));
    }
  }

  /** @param {FileSystemFileHandle} part */
  async #move(part) {
    const { move } = /** @type {{ move?: (name: string) => Promise<void> }} */ (/** @type {unknown} */ (part));
    if (move) return whenFree(() => move.call(part, this.#name));
    // An engine that cannot move files: for the time of the copy both take room, and the copy counts for nothing until
    // its record is written.
    const from = await part.getFile();
    const copy = await openPart(await this.#directory.getFileHandle(this.#name, { create: true }));
    try {
      for (let at = 0; at < from.size; at += PIECE) {
        await copy.write(new Uint8Array(await from.slice(at, at + PIECE).arrayBuffer()), at);
      }
      await copy.finish();
    } catch (error) {
      await copy.discard();
      throw error;
    }
    await this.#directory.removeEntry(this.#name + PART);
  }

  /** @param {string} name */
  async #text(name) {
    const file = await this.#existing(name);
    return file ? (await file.getFile()).text() : '';
  }

  /** @param {string} name */
  #existing(name) {
    return this.#directory.getFileHandle(name).catch(unlessMissing);
  }
}

/** @param {string} name */
function checkedName(name) {
  if (typeof name !== 'string' || name === '' || name === '.' || name === '..' || /[/\\]/.test(name)) {
    throw misuse(`not a name for a file: ${JSON.stringify(name)}`);
  }
  if (name.endsWith(PART) || name.endsWith(RECORD)) throw misuse(`a stored file's name must not end in ${PART} or ${RECORD}: ${name}`);
  return name;
}

/**
 * @param {string} text
 * @returns {{ length: number, digests: Stored['digests'] } | undefined}
 */
function parsed(text) {
  try {
    const { length, digests } = JSON.parse(text);
    return Number.isSafeInteger(length) && typeof digests === 'object' && digests !== null ? { length, digests } : undefined;
  } catch {
    return undefined; // cut short by a crash
  }
}

/**
 * @param {unknown} error
 * @returns {undefined}
 */
function unlessMissing(error) {
  if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
}
