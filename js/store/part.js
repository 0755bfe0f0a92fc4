// A file of the origin's private file system while it is written.
import { PATIENCE, sleep } from '../core/waiting.js';
import { misuse, nameOf } from '../core/errors.js';

/**
 * @typedef {object} Part  Bytes are written once, in any order; either `finish` or `discard` ends it.
 * @property {(bytes: Uint8Array, offset: number) => void | Promise<void>} write
 * @property {(offset: number, count: number, room?: Uint8Array<ArrayBuffer>) => Uint8Array | Promise<Uint8Array>} read
 *   what was there when it was opened; fewer bytes at the end. They may lie in `room`, which has room for them
 * @property {(target: Uint8Array, offset: number) => number} [readAt]  the same at once, where that can be
 * @property {(length: number) => void | Promise<void>} truncate  gives the file this length: the room is asked for
 * @property {() => void} [flush]           what was written is on the disk; only where that is so before the end
 * @property {() => Promise<void>} finish   all of it is on its way to the disk, and the file is closed
 * @property {() => Promise<void>} discard  closed; what was written is nobody's. Never fails
 */

/**
 * @typedef {object} SyncAccessHandle
 * @property {(bytes: BufferSource, options: { at: number }) => number} write
 * @property {(target: BufferSource, options: { at: number }) => number} read
 * @property {(length: number) => void} truncate
 * @property {() => void} flush
 * @property {() => void} close
 */

/** How often it is tried whether a tab that was closed has let go of a file, in milliseconds. */
const PAUSE = 50;

/**
 * Opens a file for writing: with a synchronous handle in a worker, else as a stream.
 *
 * @param {FileSystemFileHandle} file
 * @param {object} [how]
 * @param {boolean} [how.keeps]  whether what is in it stays, where it is not written over
 * @returns {Promise<Part>}
 */
export async function openPart(file, { keeps = false } = {}) {
  const { createSyncAccessHandle } = /** @type {{ createSyncAccessHandle?: () => Promise<SyncAccessHandle> }} */ (
    /** @type {unknown} */ (file)
  );
  if (createSyncAccessHandle) {
    try {
      return new SyncPart(await whenFree(() => createSyncAccessHandle.call(file)));
    } catch (error) {
      // A file on the user's disk, not in the private file system, has no such handle.
      const isElsewhere = error instanceof DOMException && error.name === 'InvalidStateError';
      if (!isElsewhere || !file.createWritable) throw error;
    }
  }
  if (file.createWritable) {
    const stream = await whenFree(() => file.createWritable({ keepExistingData: keeps }));
    return new StreamPart(stream, keeps ? await file.getFile() : new Blob());
  }
  throw misuse('this engine stores files in a worker only: use GuestWorker', { code: 'unsupported' });
}

/**
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
export async function whenFree(act) {
  for (const began = performance.now(); ; await sleep(PAUSE)) {
    try {
      return await act();
    } catch (error) {
      const isHeld = error instanceof DOMException && error.name === 'NoModificationAllowedError';
      if (!isHeld || performance.now() - began > PATIENCE.tab) throw error;
    }
  }
}

/**
 * Firefox tells of a quota, or of a full disk, by an error of its own.
 *
 * @template T
 * @param {() => T} act
 */
function orNoRoom(act) {
  try {
    return act();
  } catch (cause) {
    if (nameOf(cause) !== 'NS_ERROR_FILE_NO_DEVICE_SPACE') throw cause;
    throw new DOMException('the disk, or what this site may store of it, is full', 'QuotaExceededError');
  }
}

/** @implements {Part} */
class SyncPart {
  #handle;

  /** @param {SyncAccessHandle} handle */
  constructor(handle) {
    this.#handle = handle;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   */
  write(bytes, offset) {
    for (let done = 0; done < bytes.length; ) {
      const piece = /** @type {Uint8Array<ArrayBuffer>} */ (bytes.subarray(done));
      const count = orNoRoom(() => this.#handle.write(piece, { at: offset + done }));
      if (count === 0) throw new DOMException('the file takes no more bytes', 'QuotaExceededError');
      done += count;
    }
  }

  /**
   * @param {number} offset
   * @param {number} count
   * @param {Uint8Array<ArrayBuffer>} [room]
   */
  read(offset, count, room) {
    const bytes = room ? room.subarray(0, count) : new Uint8Array(count);
    let done = 0;
    for (let read = -1; read !== 0 && done < count; done += read) {
      read = this.readAt(bytes.subarray(done), offset + done);
    }
    return bytes.subarray(0, done);
  }

  /**
   * @param {Uint8Array} target
   * @param {number} at
   */
  readAt(target, at) {
    return this.#handle.read(/** @type {Uint8Array<ArrayBuffer>} */ (target), { at });
  }

  /** @param {number} length */
  truncate(length) {
    orNoRoom(() => this.#handle.truncate(length));
  }

  flush() {
    orNoRoom(() => this.#handle.flush());
  }

  async finish() {
    this.flush();
    this.#handle.close();
  }

  async discard() {
    try {
      this.#handle.close();
    } catch {
      // It was not going to be kept.
    }
  }
}

/** @implements {Part} */
class StreamPart {
  #stream;
  #before;

  /**
   * @param {FileSystemWritableFileStream} stream
   * @param {Blob} before  what was in the file
   */
  constructor(stream, before) {
    this.#stream = stream;
    this.#before = before;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} position
   */
  write(bytes, position) {
    return this.#stream.write({ type: 'write', position, data: /** @type {Uint8Array<ArrayBuffer>} */ (bytes) });
  }

  /**
   * @param {number} offset
   * @param {number} count
   */
  async read(offset, count) {
    return new Uint8Array(await this.#before.slice(offset, offset + count).arrayBuffer());
  }

  /** @param {number} length */
  truncate(length) {
    return this.#stream.truncate(length);
  }

  finish() {
    return this.#stream.close();
  }

  async discard() {
    await this.#stream.abort().catch(() => {});
  }
}
