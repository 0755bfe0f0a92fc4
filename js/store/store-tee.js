// A tee that stores the file, in the origin's private file system, while it is being admitted.
import { Asking, askedBy } from '../core/asking.js';
import { misuse } from '../core/errors.js';
import { checkOptions, object } from '../core/options.js';
import { PATIENCE, follow } from '../core/waiting.js';
import { isStored, isStoreFault, storeFault } from './fault.js';
import { StoredFile } from './stored-file.js';

/** @typedef {import('./part.js').Part} Part */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('../guest/report.js').FileReport} FileReport */

/**
 * @typedef {object} StoreOptions
 * @property {FileSystemDirectoryHandle} [directory]  default: the root of the origin's private file system
 */

/** @type {Readonly<Record<keyof StoreOptions, import('../core/options.js').Check>>} */
export const STORE_OPTIONS = { directory: object('getFileHandle') };

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
 * @returns {import('../admit/tees.js').Tee}
 */
export const opfsTee = (name, options) => new OpfsTee(name, options);

/**
 * @typedef {object} Keeper  Of a part that stays when its admission ends.
 * @property {import('./kept-part.js').KeptPart} part
 * @property {(reason: unknown) => boolean} isRefused  whether it ended by a judgement of the file
 * @property {Uint8Array | undefined} evidence          of the admitted file
 * @property {import('./watched.js').Told} told          who waits for the name
 */

/**
 * @typedef {object} Finder  How a file is looked for.
 * @property {(stored: Stored) => boolean} [isWanted]  one that is not gives way, once there is a better one
 * @property {(files: StoredFile) => Promise<void>} [onFound]  of one that is, before anybody else may have the name
 * @property {(files: StoredFile) => Promise<Stored | undefined>} [judgedAnew]  where there is no record of it
 * @property {(files: StoredFile) => Promise<Keeper>} [keeperOf]  where a part stays; by default none does
 */

/**
 * @implements {Tee}
 * @typedef {import('../admit/tees.js').Tee} Tee
 */
export class OpfsTee {
  isStore = true;
  /** Whether the admission goes on without the store, where that fails. */
  isOptional = false;
  /** @type {import('../core/errors.js').AdmissionError | undefined} why the admission went on without */ fault;
  /** Of the admission whose tee this is. One tee is for one at a time. */
  admission = new Asking();
  #askedBy = askedBy();
  #over = new AbortController();
  /** @type {Promise<StoredFile> | undefined} */ #place;
  /** @type {(() => void) | undefined} while the lock is ours */ #unlock;
  /** @type {StoredFile | undefined} while the files of this name are ours */ #files;
  /** @type {Part | undefined} while it is open */ #part;
  /** @type {Keeper | undefined} while the files are ours, where a part stays */ #keeper;
  #position = 0;
  /** @type {Promise<unknown>} what was asked last: one thing is done after another */ #latest = Promise.resolve();

  /**
   * @param {string} name
   * @param {StoreOptions} [options]
   */
  constructor(name, options) {
    this.name = name;
    this.directory = checkOptions(options, STORE_OPTIONS).directory;
  }

  /** The files of this name. */
  get files() {
    return (this.#place ??= StoredFile.at(this.name, this.directory));
  }

  /** Whether the name is locked for this tee. */
  get isClaimed() {
    return this.#unlock !== undefined;
  }

  /** Where tees of several names are claimed, this is their order: two admissions never wait for each other. */
  get order() {
    return `${this.directory?.name ?? ''}/${this.name}`;
  }

  /**
   * Waits for the lock of the name.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  claim(signal) {
    return this.#next(() => this.#heeding(signal, () => this.#claim()));
  }

  /** Gives the name up, unused. */
  unclaim() {
    return this.#next(async () => this.#giveUp());
  }

  /**
   * Waits for the lock, and looks whether the file is stored. If it is not, the name is this tee's until `close` or
   * `abort`.
   *
   * @param {AbortSignal} [signal]
   * @param {Finder} [by]
   * @returns {Promise<Stored | undefined>}
   */
  find(signal, by) {
    return this.#next(() => this.#heeding(signal, () => this.#find(by)));
  }

  /** How many of the file's first bytes an earlier call has left. */
  get has() {
    return this.#keeper?.part.bytes ?? 0;
  }

  /**
   * What an earlier call has left went by as far as `offset`.
   *
   * @param {number} offset
   */
  pass(offset) {
    this.#position = offset;
    const { part, told } = this.#keeper ?? {};
    if (part) told?.tell(offset, part.length, part.bytes);
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset  of the first of them: the tee takes a file's bytes in order, each once
   */
  write(bytes, offset) {
    return this.#unlessFailed(async () => {
      if (offset !== this.#position) throw isElsewhere(this.name, this.#position, offset);
      if (!this.#files && (await this.#heeding(undefined, () => this.#find()))) throw isStored(this.name);
      this.#part ??= this.#keeper?.part ?? (await this.#files?.open('.part'));
      await this.#part?.write(bytes, offset);
      this.pass(offset + bytes.length);
    });
  }

  /** @param {FileReport} report */
  close({ length, digests }) {
    return this.#unlessFailed(async () => {
      await this.#part?.finish();
      this.#part = undefined;
      const known = { length: length ?? this.#position, digests: digests ?? {} };
      await this.#files?.promote(known, this.#keeper?.evidence);
      // Else `abort` waits for its turn, and deletes it.
      if (!this.#over.signal.aborted) this.#giveUp();
    });
  }

  /**
   * Deletes what was written, unless it is kept for the next call, and gives up the name. What was stored before stays,
   * unless its place was taken already.
   *
   * @param {unknown} [reason]
   */
  abort(reason) {
    this.#over.abort(reason);
    return this.#next(() => this.#leave(reason)).finally(() => this.#giveUp());
  }

  /** @param {unknown} reason */
  async #leave(reason) {
    if (this.#keeper && !this.#keeper.isRefused(reason)) return this.#keeper.part.keep();
    await (this.#keeper?.part ?? this.#part)?.discard();
    this.#part = undefined;
    await this.#files?.undo();
  }

  /**
   * Where the store may fail, it leaves what it would leave of an admission that ended here.
   *
   * @param {() => Promise<void>} act
   */
  #unlessFailed(act) {
    return this.#next(async () => {
      if (this.fault) return;
      try {
        await act();
      } catch (error) {
        const fault = await this.#faultOf(error);
        if (!this.isOptional || this.#over.signal.aborted || !isStoreFault(fault)) throw error;
        this.fault = fault;
        // What fails once fails again, perhaps; the next call sees to what is left.
        await this.#leave(fault).catch(() => {});
        this.#giveUp();
      }
    });
  }

  /**
   * Gives the name up where `act` fails, or the signal has ended it.
   *
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<T>} act
   */
  async #heeding(signal, act) {
    const unhear = follow(this.#over, signal);
    try {
      const answer = await act();
      this.#over.signal.throwIfAborted();
      return answer;
    } catch (error) {
      this.#giveUp();
      throw error;
    } finally {
      unhear();
    }
  }

  /** @param {Finder} [by] */
  async #find({ isWanted = () => true, onFound, judgedAnew, keeperOf } = {}) {
    await this.#claim();
    const files = await this.files;
    const stored = (await files.lookup()) ?? (await files.replaced()) ?? (await judgedAnew?.(files));
    if (stored && isWanted(stored)) {
      await files.clearPart();
      await onFound?.(files);
      this.#giveUp();
      return stored;
    }
    // It is to be replaced: what cannot be is known before anything is fetched.
    if (stored) await files.unlessOpen(async () => {});
    this.#keeper = await keeperOf?.(files);
    if (!this.#keeper) await files.clearPart();
    this.#files = files;
    return undefined;
  }

  async #claim() {
    this.#over.signal.throwIfAborted();
    if (this.#unlock) return;
    const files = await this.files;
    this.#unlock = await files.lock(this.#over.signal, { admission: this.admission, askedBy: this.#askedBy });
  }

  #giveUp() {
    this.#keeper?.told.close();
    this.#files = this.#keeper = undefined;
    this.#unlock?.();
    this.#unlock = undefined;
  }

  /** @param {unknown} error */
  #faultOf(error) {
    return storeFault(this.name, error, this.#position, 'stored', this.#keeper?.part.length);
  }

  /**
   * @template T
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  #next(act) {
    const done = this.#latest.then(act).catch(async error => {
      throw this.#over.signal.aborted ? error : await this.#faultOf(error);
    });
    this.#latest = done.catch(() => {});
    return done;
  }
}

/**
 * Deletes what a worker that crashed in the middle of storing has left, unless its journal proves some of it. If
 * another tab has the name by now, it sees to that itself.
 *
 * @param {string} name
 * @param {StoreOptions} [options]
 */
export async function clearAfterCrash(name, { directory } = {}) {
  const files = await StoredFile.at(name, directory);
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE.tab);
  try {
    const unlock = await files.lock(patience.signal, { admission: new Asking(), askedBy: [] });
    await files.clearUnproven().finally(unlock);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {string} name
 * @param {number} position
 * @param {number} offset
 */
const isElsewhere = (name, position, offset) =>
  misuse(`the store of ${name} is at byte ${position}: it takes a file's bytes in order, those of one admission`, {
    code: 'state', offset, expected: String(position), found: String(offset),
  });
