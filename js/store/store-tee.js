// A tee that stores the file, in the origin's private file system, while it is being admitted.
import { AdmissionError, messageOf } from '../core/errors.js';
import { StoredFile } from './stored-file.js';

/** @typedef {import('./part.js').Part} Part */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('../guest/report.js').FileReport} FileReport */

/**
 * @typedef {object} StoreOptions
 * @property {FileSystemDirectoryHandle} [directory]  default: the root of the origin's private file system
 */

/**
 * Stores the file under `name` as it passes: `NAME.part` until the file is admitted, then `NAME`, in the place of
 * whatever had that name; of a file that is not admitted nothing stays. It is closed after all other tees: what is
 * stored was admitted. In a worker the bytes go through a synchronous handle, on a page through `createWritable`.
 *
 * There is one lock for each name. If another tab is storing the file, the first `write` waits for it; if it is stored
 * by then, or was before, the admission ends with an `AdmissionError` of the code `stored`: admit it from there, or
 * call `admitStored`, which does all this by itself.
 *
 * For one admission. With a `GuestWorker` the tee works in the worker.
 *
 * @param {string} name
 * @param {StoreOptions} [options]
 * @returns {OpfsTee}
 */
export const opfsTee = (name, options) => new OpfsTee(name, options);

/**
 * @implements {Tee}
 * @typedef {import('../admit/tees.js').Tee} Tee
 */
export class OpfsTee {
  isStore = true;
  #over = new AbortController();
  /** @type {(() => void) | undefined} while the lock is ours */ #unlock;
  /** @type {StoredFile | undefined} while the files of this name are ours */ #files;
  /** @type {Part | undefined} while it is open */ #part;
  #position = 0;
  /** @type {Promise<unknown>} what was asked last: one thing is done after another */ #latest = Promise.resolve();

  /**
   * @param {string} name
   * @param {StoreOptions} [options]
   */
  constructor(name, { directory } = {}) {
    this.name = name;
    this.directory = directory;
  }

  /**
   * Waits for the lock, and looks whether the file is stored. If it is not, the name is this tee's until `close` or
   * `abort`.
   *
   * @param {AbortSignal} [signal]
   * @param {(stored: Stored) => boolean} [isWanted]  one that is not gives way, once there is a better one
   * @returns {Promise<Stored | undefined>}
   */
  find(signal, isWanted = () => true) {
    return this.#next(() => this.#find(signal, isWanted));
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   */
  write(bytes, offset) {
    return this.#next(async () => {
      if (!this.#files && (await this.#find())) throw isStored(this.name);
      this.#part ??= await this.#files?.part();
      await this.#part?.write(bytes, offset);
      this.#position = offset + bytes.length;
    });
  }

  /** @param {FileReport} report */
  close({ length, digests }) {
    return this.#next(async () => {
      await this.#part?.finish();
      this.#part = undefined;
      await this.#files?.promote(length ?? this.#position, digests ?? {});
      // Else `abort` waits for its turn, and deletes it.
      if (!this.#over.signal.aborted) this.#giveUp();
    });
  }

  /**
   * Deletes what was written, and gives up the name. What was stored before stays, unless its place was taken already.
   *
   * @param {unknown} [reason]
   */
  abort(reason) {
    this.#over.abort(reason);
    return this.#next(async () => {
      await this.#part?.discard();
      this.#part = undefined;
      await this.#files?.undo();
    }).finally(() => this.#giveUp());
  }

  /**
   * @param {AbortSignal} [signal]
   * @param {(stored: Stored) => boolean} [isWanted]
   */
  async #find(signal, isWanted = () => true) {
    this.#over.signal.throwIfAborted();
    const files = await StoredFile.at(this.name, this.directory);
    const stop = () => this.#over.abort(signal?.reason);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    try {
      this.#unlock = await files.lock(this.#over.signal);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    try {
      const stored = await files.lookup();
      if (stored && isWanted(stored)) {
        this.#giveUp();
        return stored;
      }
      await files.clearPart();
    } catch (error) {
      this.#giveUp();
      throw error;
    }
    this.#files = files;
    return undefined;
  }

  #giveUp() {
    this.#files = undefined;
    this.#unlock?.();
    this.#unlock = undefined;
  }

  /**
   * @template T
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  #next(act) {
    const done = this.#latest.then(act).catch(async error => {
      throw this.#over.signal.aborted ? error : await storeFault(this.name, error, this.#position);
    });
    this.#latest = done.catch(() => {});
    return done;
  }
}

/** How long a worker that ended may take to let go of the name, in milliseconds. */
const PATIENCE = 3000;

/**
 * Deletes what a worker that crashed in the middle of storing has left. If another tab has the name by now, it has done
 * so itself.
 *
 * @param {string} name
 * @param {StoreOptions} [options]
 */
export async function clearAfterCrash(name, { directory } = {}) {
  const files = await StoredFile.at(name, directory);
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  try {
    const unlock = await files.lock(patience.signal);
    await files.clearPart().finally(unlock);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} name */
const isStored = name =>
  new AdmissionError(`${name} is stored already: admit it from there`, { code: 'stored', kind: 'retry', found: name });

/**
 * @param {string} name
 * @param {unknown} cause
 * @param {number} [offset]
 * @param {string} [what]  that could not be done with the file
 */
export async function storeFault(name, cause, offset, what = 'stored') {
  if (cause instanceof AdmissionError) return cause;
  if (!(cause instanceof DOMException) || cause.name !== 'QuotaExceededError') {
    return new AdmissionError(`${name} could not be ${what}: ${messageOf(cause)}`, {
      code: 'store',
      kind: 'source',
      offset,
      cause,
    });
  }
  const { usage, quota } = (await globalThis.navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  const known = quota === undefined ? '' : `: of ${quota} bytes that this site may store, ${usage} are taken`;
  return new AdmissionError(`there is no room to store ${name} from byte ${offset ?? 0} on${known}`, {
    code: 'quota', kind: 'retry', offset, expected: null, found: quota === undefined ? null : String(quota), cause,
  });
}
