// The guest off the main thread: admission, hashing and storing happen in a dedicated worker.
import { ASYNC_DISPOSE } from '../core/disposal.js';
import { PATIENCE, patiently, unlessAborted } from '../core/waiting.js';
import { AdmissionError, isAdmissionError, misuse } from '../core/errors.js';
import { checkOptions, object } from '../core/options.js';
import { placeOf, whyUnfetched } from '../core/text.js';
import { ROOM_OPTIONS, persistStored } from '../store/room.js';
import { findStored, removeStored } from '../store/stored.js';
import { listStored, pinStored } from '../store/stored-entry.js';
import { Line } from './line.js';
import { admitRemotely } from './remote-admission.js';
import { openRemotely } from './remote-opened.js';
import { notStarted, startedWorker } from './started-worker.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */
/** @typedef {import('../sources/source-of.js').Admissibles} Admissibles */
/** @typedef {import('../admit/admit.js').SetOptions} SetOptions */
/** @typedef {import('../store/stored.js').StoredOptions} StoredOptions */
/** @typedef {import('../store/stored-set.js').StoredSetOptions} StoredSetOptions */
/** @typedef {import('./remote-model.js').RemoteModel} RemoteModel */
/** @typedef {import('./remote-model-set.js').RemoteModelSet} RemoteModelSet */
/** @typedef {import('./remote-opened.js').RemoteOpenedModel} RemoteOpenedModel */
/** @typedef {import('./remote-opened.js').RemoteOpenedSet} RemoteOpenedSet */
/** @typedef {import('./started-worker.js').Started} Started */
/** @typedef {import('./remote-model.js').RemoteHeader} RemoteHeader */
/** @typedef {Pick<Worker, 'postMessage' | 'terminate' | 'addEventListener'>} WorkerLike */

/**
 * A guest in a worker. Models that it admits live until `release`, or until `close`.
 *
 * A File, a Blob, a URL, a Request or a file handle is read by the worker: none of its bytes pass the page. Anything
 * else, a stream or a Response say, is read by the page, a piece at a time, when the worker asks.
 *
 * When the worker ends, by `close` or by a crash, every call that waits and every later one fails with an
 * `AdmissionError` of the kind `dead`.
 */
export class GuestWorker {
  #worker;
  #line;
  /** @type {Set<Line>} */ #lines = new Set();
  /** @type {AdmissionError | undefined} */ #dead;
  #lifeline = `gguf-admission worker ${crypto.randomUUID?.() ?? Math.random()}`;
  /** @type {Promise<void> | undefined} settles when the worker is gone, however it went */ #gone;
  /** @type {Promise<void> | undefined} */ #closed;

  /** @param {WorkerLike} worker  that runs worker/entry.js, for this object alone; see `loadGuestWorker` */
  constructor(worker) {
    checkOptions({ worker: worker ?? null }, { worker: workerIn });
    this.#worker = worker;
    const { port1, port2 } = new MessageChannel();
    this.#line = this.#own(new Line(port1));
    worker.addEventListener('error', event => {
      const { message = '' } = /** @type {ErrorEvent} */ (event);
      this.#end(ended(message ? `broke: ${message}` : 'could not be started'));
    });
    worker.postMessage({ port: port2 }, [port2]);
  }

  /**
   * Has the worker load the guest. The first call, made by `loadGuestWorker`.
   *
   * @param {string | BufferSource | WebAssembly.Module} [from]
   */
  async load(from) {
    let isHeld;
    try {
      isHeld = await this.#line.ask('load', [from, this.#lifeline]);
    } catch (error) {
      await this.close();
      throw error;
    }
    // The worker holds this lock for as long as it lives.
    this.#gone = isHeld ? navigator.locks.request(this.#lifeline, () => this.#end(ended('crashed'))) : undefined;
  }

  /**
   * As `admit(guest, source, options)`, in the worker. Callbacks and tees are called here, on the page, but for
   * `opfsTee`, which works in the worker. Progress does not wait for `onProgress`; a throw in it ends the admission.
   *
   * @overload
   * @param {Admissible} source
   * @param {AdmitOptions} [options]
   * @returns {Promise<RemoteModel>}
   */
  /**
   * As `admit(guest, sources, options)`, in the worker: a model in several files.
   *
   * @overload
   * @param {Admissibles} sources
   * @param {SetOptions} [options]
   * @returns {Promise<RemoteModelSet>}
   */
  /**
   * @param {Admissible | Admissibles} source
   * @param {AdmitOptions | SetOptions} [options]
   */
  async admit(source, options) {
    return (await this.#admit(source, options, 'model')).model;
  }

  /**
   * As `readHeader(guest, source, options)`, in the worker.
   *
   * @param {Admissible} source
   * @param {import('../admit/read-header.js').HeaderOptions} [options]
   * @returns {Promise<RemoteHeader>}
   */
  async readHeader(source, options) {
    return (await this.#admit(source, options, 'header')).model;
  }

  /**
   * As `admitStored(guest, name, source, options)`, in the worker.
   *
   * @overload
   * @param {string} name
   * @param {Admissible} source
   * @param {StoredOptions} [options]
   * @returns {Promise<{ model: RemoteModel, found: boolean }>}
   */
  /**
   * As `admitStored(guest, names, sources, options)`, in the worker: a model in several files.
   *
   * @overload
   * @param {readonly string[]} names
   * @param {Admissibles} sources
   * @param {StoredSetOptions} [options]
   * @returns {Promise<{ model: RemoteModelSet, found: boolean }>}
   */
  /**
   * @param {string | readonly string[]} name
   * @param {Admissible | Admissibles} source
   * @param {StoredOptions | StoredSetOptions} [options]
   * @returns {Promise<{ model: any, found: boolean }>}
   */
  admitStored(name, source, options) {
    return this.#admit(source, options, { stored: name });
  }

  /**
   * As `openStored(guest, name, options)`, in the worker.
   *
   * @overload
   * @param {string} name
   * @param {import('../store/open-stored.js').OpenOptions} [options]
   * @returns {Promise<RemoteOpenedModel | undefined>}
   */
  /**
   * As `openStored(guest, names, options)`, in the worker: a model in several files.
   *
   * @overload
   * @param {readonly string[]} names
   * @param {import('../store/open-stored.js').OpenOptions} [options]
   * @returns {Promise<RemoteOpenedSet | undefined>}
   */
  /**
   * @param {string | readonly string[]} name
   * @param {import('../store/open-stored.js').OpenOptions} [options]
   * @returns {Promise<any>}
   */
  openStored(name, options) {
    return openRemotely(name, options, (port, line) => {
      this.#own(line);
      this.#line.ask('admit', [port], [port]).catch(() => {});
    });
  }

  /**
   * As `makeRoom(bytes, options)`, in the worker: a page of an engine that writes files in workers only can ask, too.
   *
   * @param {number} bytes
   * @param {import('../store/room.js').RoomOptions} [options]  the signal ends the wait, not a removal that has begun
   * @returns {Promise<string[]>}
   */
  async makeRoom(bytes, options) {
    const { signal, ...settings } = checkOptions(options, ROOM_OPTIONS);
    signal?.throwIfAborted();
    return unlessAborted(signal, this.#line.ask('makeRoom', [bytes, settings]));
  }

  /**
   * As `findStored(name, options)`. This call and the four that follow need no guest, and are done here.
   *
   * @param {Parameters<typeof findStored>} about
   */
  findStored(...about) {
    return findStored(...about);
  }

  /**
   * As `listStored(options)`.
   *
   * @param {Parameters<typeof listStored>} about
   */
  listStored(...about) {
    return listStored(...about);
  }

  /**
   * As `removeStored(name, options)`.
   *
   * @param {Parameters<typeof removeStored>} about
   */
  removeStored(...about) {
    return removeStored(...about);
  }

  /**
   * As `pinStored(name, on, options)`.
   *
   * @param {Parameters<typeof pinStored>} about
   */
  pinStored(...about) {
    return pinStored(...about);
  }

  /** As `persistStored()`. */
  persistStored() {
    return persistStored();
  }

  /** @returns {Promise<number>} size of the guest's memory, in bytes */
  memoryBytes() {
    return this.#line.ask('memoryBytes');
  }

  /**
   * Calls an export of the guest, whichever: a runtime's own, say. One turn of the worker. A negative answer is a
   * status, and fails with an `AdmissionError`.
   *
   * @param {string} name
   * @param {...(number | bigint)} args  a bigint for each 64-bit number
   * @returns {Promise<number | bigint>} a bigint where the export answers 64 bits
   */
  call(name, ...args) {
    return this.#line.ask('call', [name, ...args]);
  }

  /**
   * Calls an export that answers a slice. One turn of the worker.
   *
   * @param {string} name
   * @param {...(number | bigint)} args
   * @returns {Promise<Uint8Array<ArrayBuffer>>} a copy of the slice
   */
  callRead(name, ...args) {
    return this.#line.ask('callRead', [name, ...args]);
  }

  /**
   * Calls an export that lends a slice, and writes `bytes` to its start. One turn of the worker.
   *
   * @param {string} name
   * @param {Uint8Array} bytes  no more than the slice has
   * @param {...(number | bigint)} args
   * @returns {Promise<number>} how many bytes were written
   */
  callWrite(name, bytes, ...args) {
    return this.#line.ask('callWrite', [name, bytes, ...args]);
  }

  /**
   * Ends the worker, and waits for its end. Admissions that are under way fail, and clean up first.
   *
   * @returns {Promise<void>}
   */
  close() {
    return (this.#closed ??= this.#close());
  }

  [ASYNC_DISPOSE]() {
    return this.close();
  }

  async #close() {
    const error = ended('was closed');
    if (!this.#dead) await patiently(() => this.#line.ask('end', [this.#line.faults.pack(error)]), PATIENCE.worker);
    this.#end(error);
    await patiently(() => this.#gone);
  }

  /**
   * @param {Admissible | Admissibles} source
   * @param {StoredOptions | StoredSetOptions | undefined} options
   * @param {import('./remote-admission.js').Wanted} wanted
   */
  #admit(source, options, wanted) {
    return admitRemotely(source, options, (port, line) => {
      this.#own(line);
      this.#line.ask('admit', [port], [port]).catch(() => {});
    }, wanted);
  }

  /** @param {Line} line */
  #own(line) {
    if (this.#dead) line.end(this.#dead);
    for (const other of this.#lines) if (other.isOver) this.#lines.delete(other);
    this.#lines.add(line);
    return line;
  }

  /** @param {AdmissionError} error */
  #end(error) {
    if (this.#dead) return;
    this.#dead = error;
    this.#worker.terminate();
    for (const line of this.#lines) line.end(error);
    this.#lines.clear();
  }
}

/**
 * @typedef {object} WorkerOptions
 * @property {string | URL | BufferSource | WebAssembly.Module} [guest]  default: `guest.wasm` of this package
 * @property {WorkerLike} [worker]  one that runs worker/entry.js, for a page that has to start it in its own way
 */

/** @type {Readonly<Record<keyof WorkerOptions, import('../core/options.js').Check>>} */
const WORKER_OPTIONS = { guest: moduleIn, worker: workerIn };

/** @type {import('../core/options.js').Check} */
function workerIn(value, name, refuse) {
  for (const method of ['postMessage', 'terminate', 'addEventListener']) object(method)(value, name, refuse);
  return value;
}

/**
 * An address is the page's, not the worker's.
 *
 * @type {import('../core/options.js').Check}
 */
function moduleIn(value, name) {
  if (typeof value !== 'string' && !(value instanceof URL)) return value;
  const fault = whyUnfetched(value);
  if (fault) throw misuse(`${name} cannot be fetched: ${placeOf(value)}: ${fault}`, { path: name });
  return new URL(value, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}

/**
 * Starts a worker and loads the guest in it. Both may come from another origin, if it allows that (CORS). Where the
 * page asks for Trusted Types, the worker's address goes through the policy `gguf-admission`.
 *
 * @param {WorkerOptions} [options]
 * @returns {Promise<GuestWorker>}
 */
export async function loadGuestWorker(options) {
  const { guest, worker } = checkOptions(options, WORKER_OPTIONS);
  const started = worker ? undefined : startedWorker();
  try {
    const guestWorker = new GuestWorker(worker ?? /** @type {Started} */ (started).worker);
    await guestWorker.load(guest);
    return guestWorker;
  } catch (error) {
    const isNoStart = started && isAdmissionError(error) && error.code === 'worker';
    throw isNoStart ? await notStarted(error) : error;
  } finally {
    started?.forget();
  }
}

/** @param {string} how */
const ended = how => new AdmissionError(`the guest's worker ${how}`, { code: 'worker', kind: 'dead' });
