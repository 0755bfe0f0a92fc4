// A file of the origin's private file system while it is written.
import { PATIENCE, sleep } from '../core/waiting.js';
import { misuse } from '../core/errors.js';

/**
 * @typedef {object} Part  Bytes are written once, in any order; either `finish` or `discard` ends it.
 * @property {(bytes: Uint8Array, offset: number) => void | Promise<void>} write
 * @property {() => Promise<void>} finish   all of it is on its way to the disk, and the file is closed
 * @property {() => Promise<void>} discard  closed; what was written is nobody's. Never fails
 */

/**
 * @typedef {object} SyncAccessHandle
 * @property {(bytes: BufferSource, options: { at: number }) => number} write
 * @property {() => void} flush
 * @property {() => void} close
 */

/** How often it is tried whether a tab that was closed has let go of a file, in milliseconds. */
const PAUSE = 50;

/**
 * Opens a file for writing: with a synchronous handle in a worker, else as a stream.
 *
 * @param {FileSystemFileHandle} file
 * @returns {Promise<Part>}
 */
export async function openPart(file) {
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
  if (file.createWritable) return new StreamPart(await whenFree(() => file.createWritable()));
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
      const count = this.#handle.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes.subarray(done)), {
        at: offset + done,
      });
      if (count === 0) throw new DOMException('the file takes no more bytes', 'QuotaExceededError');
      done += count;
    }
  }

  async finish() {
    this.#handle.flush();
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

  /** @param {FileSystemWritableFileStream} stream */
  constructor(stream) {
    this.#stream = stream;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} position
   */
  write(bytes, position) {
    return this.#stream.write({ type: 'write', position, data: /** @type {Uint8Array<ArrayBuffer>} */ (bytes) });
  }

  finish() {
    return this.#stream.close();
  }

  async discard() {
    await this.#stream.abort().catch(() => {});
  }
}
