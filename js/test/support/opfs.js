// A private file system in memory, with its locks, that fails where a test wants it to.

/** @typedef {(call: string, count: number) => void} OnCall  before each call; a throw is what the caller sees */

/** What a call throws in a tab that is no more: nothing that it does after that has any effect. */
class Crash extends Error {}

let made = 0;

export class FakeDirectory {
  /** @type {Map<string, FakeFile>} */ files = new Map();
  /** Bytes that all files together may hold. */
  quota = Infinity;
  hasSync = true;
  hasMove = true;
  /** Whether this lies on the user's disk: its files have no synchronous handles, though their class has. */
  isOnDisk = false;
  name = `directory ${++made}`;
  /** Whether what was written and not flushed is lost when the tab dies, in files as zeros. */
  losesUnflushed = false;
  calls = 0;
  /** @type {OnCall | undefined} */ onCall;
  /** @type {((target: Uint8Array, at: number) => void) | undefined} before each read of a handle */ onRead;
  #isCrashed = false;

  get names() {
    return [...this.files.keys()].sort();
  }

  /** The tab dies at the call of this number, in the middle of it. @param {number} at */
  crashAt(at) {
    this.calls = 0;
    this.onCall = (_, count) => {
      if (count >= at) this.#isCrashed = true;
    };
  }

  get isCrashed() {
    return this.#isCrashed;
  }

  /** A new tab: nothing is held open any more. */
  revive() {
    this.#isCrashed = false;
    this.onCall = undefined;
    for (const file of this.files.values()) {
      if (this.losesUnflushed && file.isHeld) file.lose();
      Object.assign(file, { isHeld: false, readers: 0 });
    }
    this.losesUnflushed = false;
  }

  /** As of a directory below the root, of its own name. @param {FakeDirectory} directory */
  async resolve(directory) {
    return directory === this ? [] : [directory.name];
  }

  /**
   * @param {string} name
   * @param {() => void} [half]  what has happened when the tab dies in the middle
   */
  call(name, half) {
    if (this.#isCrashed) throw new Crash();
    this.onCall?.(name, ++this.calls);
    if (!this.#isCrashed) return;
    half?.();
    throw new Crash();
  }

  /**
   * @param {string} name
   * @param {{ create?: boolean }} [options]
   */
  async getFileHandle(name, { create } = {}) {
    this.call('getFileHandle');
    const found = this.files.get(name);
    if (found) return found.handle();
    if (!create) throw new DOMException(name, 'NotFoundError');
    const file = new FakeFile(this);
    this.files.set(name, file);
    return file.handle();
  }

  /** @returns {AsyncGenerator<[string, any]>} */
  async *entries() {
    for (const [name, file] of [...this.files]) yield [name, file.handle()];
  }

  /** @param {string} name */
  async removeEntry(name) {
    this.call('removeEntry');
    const file = this.files.get(name);
    if (!file) throw new DOMException(name, 'NotFoundError');
    file.refuseIfHeld();
    this.files.delete(name);
  }

  /** @param {number} more */
  refuseIfFull(more) {
    const used = [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (more > 0 && used + more > this.quota) throw new DOMException('no capacity', 'QuotaExceededError');
  }
}

class FakeFile {
  bytes = new Uint8Array(0);
  /** What of it is on the disk, while a synchronous handle writes. */
  flushed = new Uint8Array(0);
  isHeld = false;
  /** Synchronous handles that are open to read: they hold the file against all but each other. */
  readers = 0;
  /** A byte that the disk gives no more, nor what is read together with it. */
  lost = NaN;
  #directory;

  /** @param {FakeDirectory} directory */
  constructor(directory) {
    this.#directory = directory;
  }

  refuseIfHeld() {
    if (this.isHeld || this.readers > 0) throw new DOMException('held open', 'NoModificationAllowedError');
  }

  /** As a machine that stops: lengths are written at once, bytes later. */
  lose() {
    this.bytes = resized(this.flushed, this.bytes.length);
  }

  handle() {
    const directory = this.#directory;
    const handle = {
      kind: 'file',
      getFile: async () => {
        directory.call('getFile');
        return this.#readable(new Blob([this.bytes]), 0);
      },
      createWritable: async ({ keepExistingData = false } = {}) => {
        directory.call('createWritable');
        this.refuseIfHeld();
        let bytes = keepExistingData ? this.bytes : new Uint8Array(0);
        const kept = bytes.length;
        return {
          /** @param {number} length */
          truncate: async length => {
            directory.call('truncate');
            directory.refuseIfFull(length - kept);
            bytes = resized(bytes, length);
          },
          /** @param {{ position: number, data: Uint8Array }} write */
          write: async ({ position, data }) => {
            directory.call('write');
            directory.refuseIfFull(Math.max(bytes.length, position + data.length) - kept);
            bytes = written(bytes, data, position);
          },
          close: async () => {
            directory.call('close');
            this.bytes = bytes;
          },
          abort: async () => directory.call('abort'),
        };
      },
    };
    if (directory.hasSync) Object.assign(handle, { createSyncAccessHandle: () => this.#openSync() });
    if (directory.hasMove) Object.assign(handle, { move: (/** @type {string} */ name) => this.#move(name) });
    return handle;
  }

  async #openSync({ mode = 'readwrite' } = {}) {
    const directory = this.#directory;
    directory.call('createSyncAccessHandle');
    if (directory.isOnDisk) throw new DOMException('not in the private file system', 'InvalidStateError');
    const isReader = mode === 'read-only';
    if (!isReader || this.isHeld) this.refuseIfHeld();
    if (isReader) this.readers++;
    else this.isHeld = true;
    this.flushed = this.bytes;
    let isOpen = true;
    return {
      getSize: () => this.bytes.length,
      /** @param {Uint8Array} target  @param {{ at: number }} options */
      read: (target, { at }) => {
        directory.onRead?.(target, at);
        const piece = this.bytes.subarray(at, at + target.length);
        this.#refuseIfLost(at, piece.length);
        target.set(piece);
        return piece.length;
      },
      /** @param {Uint8Array} data  @param {{ at: number }} options */
      write: (data, { at }) => {
        directory.call('write', () => (this.bytes = written(this.bytes, data.subarray(0, data.length >> 1), at)));
        directory.refuseIfFull(at + data.length - this.bytes.length);
        this.bytes = written(this.bytes, data, at);
        return data.length;
      },
      /** @param {number} length */
      truncate: length => {
        directory.call('truncate');
        directory.refuseIfFull(length - this.bytes.length);
        this.bytes = resized(this.bytes, length);
      },
      flush: () => {
        directory.call('flush');
        this.flushed = this.bytes;
      },
      close: () => {
        directory.call('close');
        if (isOpen && isReader) this.readers--;
        else if (isOpen) this.isHeld = false;
        isOpen = false;
      },
    };
  }

  /** @param {number} from  @param {number} count */
  #refuseIfLost(from, count) {
    if (from <= this.lost && this.lost < from + count) throw new DOMException('the disk is bad', 'NotReadableError');
  }

  /** @param {Blob} blob  @param {number} from  where it begins in the file */
  #readable(blob, from) {
    if (!(from <= this.lost && this.lost < from + blob.size)) return blob;
    const fail = async () => this.#refuseIfLost(from, blob.size);
    return Object.assign(blob, {
      arrayBuffer: fail,
      stream: () => new ReadableStream({ type: 'bytes', pull: fail }),
      slice: (/** @type {number} */ start, /** @type {number} */ end = blob.size) =>
        this.#readable(Blob.prototype.slice.call(blob, start, end), from + start),
    });
  }

  /** @param {string} name */
  async #move(name) {
    this.#directory.call('move');
    this.refuseIfHeld();
    const { files } = this.#directory;
    const [old] = [...files].find(([, file]) => file === this) ?? [];
    files.delete(/** @type {string} */ (old));
    files.set(name, this);
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array} more
 * @param {number} at
 */
function written(bytes, more, at) {
  const all = new Uint8Array(Math.max(bytes.length, at + more.length));
  all.set(bytes);
  all.set(more, at);
  return all;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} length
 */
function resized(bytes, length) {
  const all = new Uint8Array(length);
  all.set(bytes.subarray(0, length));
  return all;
}

/** The locks of an origin: one at a time for each name, or any number that share it. */
export class FakeLocks {
  /** @type {Map<string, Set<{ isShared: boolean }>>} */ #holders = new Map();
  /** @type {Map<string, (() => boolean)[]>} */ #waiting = new Map();
  held = 0;

  /**
   * @param {string} name
   * @param {LockOptions | ((lock: unknown) => unknown)} given
   * @param {(lock: unknown) => unknown} [used]
   */
  async request(name, given, used) {
    const use = used ?? /** @type {(lock: unknown) => unknown} */ (given);
    const { signal, ifAvailable, mode = 'exclusive' } = /** @type {LockOptions} */ (used ? given : {});
    const holders = this.#holders.get(name) ?? new Set();
    const waiting = this.#waiting.get(name) ?? [];
    this.#holders.set(name, holders);
    this.#waiting.set(name, waiting);
    const lock = { isShared: mode === 'shared' };
    const take = () => {
      const isFree = holders.size === 0 || (lock.isShared && [...holders].every(({ isShared }) => isShared));
      if (isFree) holders.add(lock);
      return isFree;
    };
    if (signal?.aborted) throw signal.reason;
    if (waiting.length > 0 || !take()) {
      if (ifAvailable) return use(null);
      await new Promise((resolve, reject) => {
        const next = () => take() && (resolve(undefined), true);
        waiting.push(next);
        signal?.addEventListener('abort', () => {
          if (waiting.includes(next)) waiting.splice(waiting.indexOf(next), 1);
          reject(signal.reason);
          while (waiting[0]?.()) waiting.shift();
        });
      });
    }
    this.held++;
    try {
      return await use(lock);
    } finally {
      this.held--;
      holders.delete(lock);
      while (waiting[0]?.()) waiting.shift();
    }
  }
}

/**
 * Gives this thread a private file system and locks of its own.
 *
 * @param {FakeDirectory} [directory]
 */
export function fakeOrigin(directory = new FakeDirectory()) {
  const locks = new FakeLocks();
  const storage = { getDirectory: async () => directory, estimate: async () => ({ quota: directory.quota, usage: 0 }) };
  Object.defineProperty(globalThis, 'navigator', { value: { locks, storage }, configurable: true });
  return { directory, locks };
}
