// One admission, step by step. `admit` is the same with a source, progress and tees around it.
import { DISPOSE } from '../core/disposal.js';
import { unlessAborted } from '../core/waiting.js';
import { asBytes } from '../core/pieces.js';
import { isAdmissionError, misuse } from '../core/errors.js';
import { callback, checkOptions, lookedAt, signal as signalIn } from '../core/options.js';
import { shown } from '../core/text.js';
import { Header, guestIn } from './header.js';
import { checkGroup } from './group.js';
import { Model } from './model.js';
import { ADMISSION_OPTIONS, VALUE_BYTES, limitId, limitValue, settingsOf } from './settings.js';

/** @typedef {import('./guest.js').Guest} Guest */
/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./report.js').State} State */
/** @typedef {import('./settings.js').Limits} Limits */

/**
 * @callback OnHeader  Looks at the header before anything of tensor size is reserved or read. A throw refuses the file.
 * @param {Report} report
 * @param {import('./header.js').Metadata} header  to look at metadata in full: arrays, long strings
 * @returns {unknown}
 */

/**
 * @callback Fill  Writes the file's bytes from `offset` on to the start of `window`, at once (not in a promise). It is
 *   asked again for what was not taken.
 * @param {Uint8Array<ArrayBuffer>} window  guest memory: it must not be kept
 * @param {number} offset
 * @returns {number} how many bytes were written; 0 at the end of the file
 */

/** @type {readonly (State | undefined)[]} */
const STATES = [undefined, 'open', 'header_ready', 'receiving', 'admitted', 'failed'];

/** @typedef {import('./settings.js').AdmissionOptions & { onHeader?: OnHeader }} StepwiseOptions */

/** @type {Readonly<Record<keyof StepwiseOptions, import('../core/options.js').Check>>} */
const STEPWISE = { ...ADMISSION_OPTIONS, onHeader: callback };

/** Bytes at a window's start by which the guest tells whether anything was written. */
const STAMP = 16;
/** Pushes below STAMP bytes are never compared with the stamp. */
const BELOW_STAMP = 8;

/**
 * A session in the guest. End it with `finish` or `release`: there are 64 of them.
 */
export class Admission {
  #guest;
  #handle = 0;
  /** @type {State} */ #state = 'open';
  #position = 0;

  /** @type {OnHeader | undefined} */ #onHeader;
  #deciding = false;
  /** Whether `onHeader` is being called; `#deciding` until it has answered. */ #asking = false;
  /** @type {Model | undefined} */ #model;
  /** @type {WritableStream<BufferSource> | undefined} */ #writable;
  /** @type {Promise<void> | undefined} the last `write` that waits or is under way */ #writing;

  // The guest's stamp is replaced by a mark that no file can be made to hold. So a window that still shows the mark was
  // not written, and one that shows the stamp was, by a file that holds those bytes.
  #mark = crypto.getRandomValues(new Uint8Array(STAMP));
  #stamp = new Uint8Array(STAMP);
  #stampedAt = -1;

  /**
   * @param {Guest} guest
   * @param {StepwiseOptions} [options]
   */
  constructor(guest, options) {
    const { onHeader, ...admission } = checkOptions(options, STEPWISE);
    const { sink, length, digests, expected, evidence, limits, profile } = settingsOf(admission);
    this.#guest = guestIn(guest);
    this.#onHeader = onHeader;
    this.#handle = guest.begin(length, sink);
    try {
      for (const [id, value] of limits) guest.limit(this.#handle, id, value);
      if (profile) guest.profile(this.#handle, ...profile);
      guest.digests(this.#handle, digests);
      for (const [algorithm, words] of expected) guest.expectDigest(this.#handle, algorithm, words);
      if (evidence) guest.expectEvidence(this.#handle, evidence.length / VALUE_BYTES).set(evidence);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** The session's handle in the guest; 0 once it is released. */
  get handle() {
    return this.#handle;
  }

  /** @returns {State} after the last call: `open`, `header_ready`, `receiving`, `admitted` or `failed` */
  get state() {
    return this.#state;
  }

  /** The offset of the next byte. */
  get position() {
    return this.#position;
  }

  /** @returns {Report} of the file as far as it is in, made anew at each look; after `release` an error `handle` */
  get report() {
    return this.#guest.report(this.#handle);
  }

  /** @returns {Uint8Array<ArrayBuffer>} the evidence so far, 32 bytes for each group that is whole: a copy */
  get evidence() {
    return this.#guest.evidence(this.#handle).slice();
  }

  /**
   * Whether `bytes` are group `group` of the file. Its value must be expected, and the length declared. A group is 2^20
   * bytes; the last one may be shorter. The bytes that are coming in are not touched.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   * @returns {boolean}
   */
  checkGroup(group, bytes) {
    return checkGroup(this.#guest, this.#handle, group, bytes);
  }

  /** @returns {Model | undefined} the model, once it is admitted */
  get model() {
    return this.#model;
  }

  /**
   * Reads a limit, or sets it: `memory` until the data begins, the others before the first byte.
   *
   * @param {keyof Limits} name
   * @param {number} [value]
   * @returns {number} the value in effect
   */
  limit(name, value) {
    return this.#guest.limit(this.#handle, limitId(name), value === undefined ? undefined : limitValue(name, value));
  }

  /**
   * Lends a window, has it filled and pushes it, all at once.
   *
   * In the state `header_ready` a further step, or `finish`, is the consent to the data: look at `report` first. Where
   * there is an `onHeader`, `decide` asks it before.
   * After an error of the kind `retry` the same step can be made again. While a `write` is under way it is misuse.
   *
   * @param {Fill} fill
   * @returns {number} bytes taken, of those that `fill` wrote the first; 0 when it had none
   */
  step(fill) {
    this.#refuseWriting();
    return this.#step(/** @type {Fill} */ (callback(fill, 'fill', () => {})));
  }

  /** @param {Fill} fill */
  #step(fill) {
    this.#refuseUndecided();

    const window = this.#lend();
    const room = window.length;
    const count = fill(window, this.#position);
    if (!Number.isInteger(count) || count < 0 || count > room) {
      throw misuse(`fill must answer at once how many bytes it wrote: 0 to ${room}, found ${shown(count)}`);
    }
    if (count === 0) return 0;

    if (window.length === 0 || (count >= STAMP && isSame(window, this.#mark))) {
      throw misuse('the window was not written', { code: 'unwritten', offset: this.#position });
    }
    const taken = count >= STAMP && isSame(window, this.#stamp) ? BELOW_STAMP : count;
    this.#judged(() => this.#guest.pushChunk(this.#handle, this.#position, taken));
    this.#position += taken;
    return taken;
  }

  /**
   * Takes all of `bytes`, in as many steps as it needs, and asks `onHeader` in between. A call while another is under
   * way waits for it, so that bytes go in in the order of the calls; also while `onHeader` is thinking, which must not
   * wait for a `write` itself. If one fails, all that wait behind it fail with its error: their bytes would not stand
   * at their place.
   *
   * @param {BufferSource} bytes  as they are until the promise settles
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  write(bytes, signal) {
    /** @type {Promise<void>} */ let written;
    try {
      if (this.#asking) throw misuse('onHeader cannot write: its answer is waited for', { code: 'state' });
      checkSignal(signal);
      const chunk = asBytes(bytes);
      const size = chunk.byteLength; // now: a chunk that is detached while it waits would have none
      const write = () => this.#write(chunk, size, signal);
      written = this.#writing ? this.#writing.then(write) : write();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#writing = written;
    const over = () => {
      if (this.#writing === written) this.#writing = undefined;
    };
    written.then(over, over);
    return written;
  }

  /**
   * @param {Uint8Array} chunk
   * @param {number} size
   * @param {AbortSignal} [signal]
   */
  async #write(chunk, size, signal) {
    for (let done = 0; done < size; ) {
      done += this.#step(window => {
        if (chunk.byteLength !== size) throw misuse('the bytes were detached while they were being written');
        const piece = chunk.subarray(done, done + window.length);
        window.set(piece);
        return piece.length;
      });
      await this.decide(signal);
    }
  }

  /**
   * When the header is ready, asks `onHeader`. If that throws, the session is released and the error passed on.
   *
   * @param {AbortSignal} [signal]
   */
  async decide(signal) {
    checkSignal(signal);
    if (this.#state !== 'header_ready' || !this.#onHeader) return;
    const ask = this.#onHeader;
    this.#onHeader = undefined;
    this.#deciding = true;
    try {
      await unlessAborted(signal, this.#answerOf(ask));
    } catch (error) {
      this.release();
      throw error;
    } finally {
      this.#deciding = false;
    }
  }

  /**
   * Says that this file is a shard of the set that `lead` leads, once its header is ready. The lead, which is the first
   * shard, joins itself first. A file that does not belong to the set is rejected; the others stay as they are.
   *
   * @param {{ readonly handle: number }} lead  an admission or a model
   */
  join(lead) {
    const handle = lookedAt('lead', () => lead.handle);
    this.#judged(() => this.#guest.join(this.#handle, handle));
  }

  /**
   * End of the file. While a `write` is under way it is misuse.
   *
   * @returns {Model}
   */
  finish() {
    this.#refuseWriting();
    this.#refuseUndecided();
    this.#judged(() => this.#guest.finish(this.#handle));
    return (this.#model = new Model(this.#guest, this.#handle));
  }

  /** Ends the session, or the model that came of it. Doing it twice is harmless. */
  release() {
    const handle = this.#handle;
    this.#handle = 0;
    if (this.#model) this.#model.release();
    else if (handle !== 0) this.#guest.release(handle);
  }

  [DISPOSE]() {
    this.release();
  }

  /**
   * The session as a stream: `await response.body.pipeTo(admission.writable, { signal })`, then `admission.model`.
   * Closing it is `finish`. Whatever goes wrong, the session is released. A pipe waits for the write under way before
   * it aborts: an `onHeader` that asks the user has to end by itself then (`admit` hears its signal at once).
   *
   * @returns {WritableStream<BufferSource>}
   */
  get writable() {
    // A stream that fails in write or close calls no abort: each cleans up after itself.
    /** @param {() => unknown} act */
    const orRelease = async act => {
      try {
        await act();
      } catch (error) {
        this.release();
        throw error;
      }
    };
    return (this.#writable ??= new WritableStream({
      write: (chunk, controller) => orRelease(() => this.write(chunk, controller.signal)),
      close: () => orRelease(() => this.finish()),
      abort: () => this.release(),
    }));
  }

  #refuseWriting() {
    if (this.#writing) throw misuse('a write is under way: wait for it', { code: 'state' });
  }

  /** @param {OnHeader} ask */
  #answerOf(ask) {
    const header = new Header(this.#guest, this.#handle);
    const { report } = header;
    this.#asking = true;
    try {
      return ask(report, { metadata: key => header.metadata(key) });
    } finally {
      this.#asking = false;
    }
  }

  #refuseUndecided() {
    if (this.#deciding) throw misuse('onHeader has not answered yet', { code: 'state' });
    if (this.#onHeader && this.#state === 'header_ready')
      throw misuse('onHeader has to be asked first: decide', { code: 'state' });
  }

  #lend() {
    const window = this.#guest.window(this.#handle);
    if (this.#state === 'header_ready') this.#state = 'receiving';
    if (window.length >= STAMP) {
      // The same window may be lent again, and then no longer shows the stamp.
      if (this.#stampedAt !== this.#position) this.#stamp.set(window.subarray(0, STAMP));
      this.#stampedAt = this.#position;
      window.set(this.#mark);
    }
    return window;
  }

  /** @param {() => number} call  of the guest, that answers the session's state */
  #judged(call) {
    try {
      this.#state = STATES[call()] ?? this.#state;
    } catch (error) {
      if (isAdmissionError(error) && error.kind === 'rejected') this.#state = 'failed';
      throw error;
    }
  }
}

/** @param {unknown} signal */
const checkSignal = signal => void checkOptions({ signal }, { signal: signalIn });

/**
 * @param {Uint8Array} bytes  of any length
 * @param {Uint8Array} pattern
 */
function isSame(bytes, pattern) {
  for (let index = 0; index < pattern.length; index++) if (bytes[index] !== pattern[index]) return false;
  return true;
}
