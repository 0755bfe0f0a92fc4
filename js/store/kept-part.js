// A part that stays when its admission ends, and the journal that proves it.
import { ALGORITHMS } from '../guest/settings.js';
import { GROUP, VALUE, VALUES_AT, journalHead, journalOf } from './journal.js';

/** @typedef {import('./part.js').Part} Part */
/** @typedef {import('./journal.js').Begun} Begun */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * `NAME.part` of an earlier call, and what this one adds to it.
 *
 * A group of the part is written, and if there is time for it flushed, before its value in the journal. What the
 * journal proves is there, unless a disk lost it, which the value shows. With a synchronous handle both grow together.
 * As a stream the part comes to be when it is closed, and its journal after that.
 *
 * @implements {Part}
 */
export class KeptPart {
  /** Bytes of the earlier call that are used: whole groups. */
  bytes = 0;
  /** @type {number | undefined} of the file that is coming: from its source, or by an option */ length;
  /** @type {() => Uint8Array} the values of the groups that were taken in so far */
  valuesNow = () => new Uint8Array(0);
  /** Whether the header was accepted: only then is room asked for. */
  isHeaderReady = () => false;
  #files;
  #before;
  /** @type {Begun} */ #begun;
  #values = new Uint8Array(0);
  /** Values that the journal has on disk. */
  #noted = 0;
  /** When all was flushed last. */
  #flushedAt = -Infinity;
  /** How long it is not flushed again, in milliseconds. */
  #pause = 0;
  #isReserved = false;
  #isTouched = false;
  /** @type {Part | undefined} */ #part;
  /** @type {Part | undefined} */ #journal;

  /**
   * @param {StoredFile} files
   * @param {Begun['required']} required  of this call
   * @param {{ begun: Begun, values: Uint8Array } | undefined} before
   */
  constructor(files, required, before) {
    this.#files = files;
    this.#before = before;
    this.#begun = { required };
    if (!before) return;
    const { begun: { length }, values } = before;
    // Of a file that is all there the last group is asked for again, so that its server says what it is of.
    const most = length === undefined ? Infinity : Math.ceil(length / GROUP) - 1;
    this.#keep(values.subarray(0, Math.min(values.length / VALUE, most) * VALUE));
  }

  /**
   * What is kept of a file that may be the one that is wanted.
   *
   * @param {StoredFile} files
   * @param {{ length?: number, sha256?: string, blake3?: string }} wanted
   */
  static async find(files, wanted) {
    /** @type {Begun['required']} */ const required = {};
    for (const name of NAMES) if (wanted[name] !== undefined) required[name] = wanted[name].toLowerCase();
    await files.demote();
    const found = await journalOf(await files.bytes('.journal'));
    const isOther = (await files.partSize()) === 0 || found && (differ(found.begun.length, wanted.length)
      || NAMES.some(name => differ(found.begun.required[name], required[name])));
    return new KeptPart(files, required, isOther ? undefined : found);
  }

  /** @returns {import('../sources/http/earlier.js').Earlier} */
  get earlier() {
    const { length, total, identity, required } = /** @type {Begun} */ (this.#before?.begun);
    return { offset: this.bytes, length, total, identity, isRequired: this.isRequired(required) };
  }

  /** The values of what is kept. */
  get values() {
    return this.#values;
  }

  /** @param {Begun['required']} [then]  digests that were required in the earlier call */
  isRequired(then = this.#before?.begun.required ?? {}) {
    return NAMES.some(name => then[name] !== undefined && then[name] === this.#begun.required[name]);
  }

  /**
   * What the journal is to say of the file, when it is begun.
   *
   * @param {Omit<Begun, 'required'>} about
   */
  tell({ length, total, identity }) {
    Object.assign(this.#begun, { length, total, identity });
  }

  /**
   * Uses the first groups only.
   *
   * @param {number} groups
   */
  cut(groups) {
    this.#keep(this.#values.slice(0, groups * VALUE));
  }

  /**
   * @param {number} offset
   * @param {number} count
   * @param {Uint8Array<ArrayBuffer>} [room]
   */
  async read(offset, count, room) {
    return (await this.#opened()).read(offset, count, room);
  }

  /**
   * Reads at once: once it was read, and where that can be.
   *
   * @returns {((target: Uint8Array, offset: number) => number) | undefined}
   */
  get readAt() {
    const part = this.#part;
    return part?.readAt && ((target, offset) => /** @type {any} */ (part).readAt(target, offset));
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   */
  async write(bytes, offset) {
    const end = offset + bytes.length;
    if (end <= this.bytes) return; // it is there
    const part = await this.#opened();
    await this.#beginJournal(part);
    const { length } = this;
    if (!this.#isReserved && length !== undefined && this.isHeaderReady()) {
      this.#isReserved = true;
      await part.truncate(length);
    }
    await part.write(bytes, offset);
    const whole = Math.floor(end / GROUP);
    if (whole * VALUE > this.#values.length) this.#values = this.valuesNow().slice(0, whole * VALUE);
    if (part.flush && this.#values.length / VALUE > this.#noted) await this.#note(part);
  }

  /**
   * Gives the file its full length: room that is missing is known before its bytes come.
   *
   * @param {number} length
   */
  async truncate(length) {
    await (await this.#opened()).truncate(length);
  }

  async finish() {
    await this.#part?.finish();
    await this.#journal?.finish();
    this.#part = this.#journal = undefined;
    if (this.#values.length / VALUE > this.#noted) await this.#writeJournal();
  }

  async discard() {
    await this.#part?.discard();
    await this.#journal?.discard();
    this.#part = this.#journal = undefined;
  }

  /** Ends it such that the next call can go on. Where nothing is proven, nothing stays. */
  async keep() {
    if (this.#values.length === 0) {
      const isTouched = this.#isTouched;
      await this.discard();
      return isTouched ? this.#files.clearPart() : undefined;
    }
    await this.finish();
  }

  /** All at once: of a part that was written as a stream, once it is closed. */
  async #writeJournal() {
    const journal = await this.#files.open('.journal');
    try {
      await journal.write(await journalHead(this.#begunNow), 0);
      await journal.write(this.#values, VALUES_AT);
      await journal.finish();
      this.#noted = this.#values.length / VALUE;
    } catch (error) {
      await journal.discard();
      throw error;
    }
  }

  /** Where it goes on, what was known in the earlier call is what the bytes are of. */
  get #begunNow() {
    return this.bytes > 0 && this.#before ? this.#before.begun : this.#begun;
  }

  /** @param {Uint8Array} values */
  #keep(values) {
    this.#values = new Uint8Array(values);
    this.#noted = values.length / VALUE;
    this.bytes = this.#noted * GROUP;
  }

  async #opened() {
    if (this.#part) return this.#part;
    this.#isTouched = true;
    if (this.bytes === 0) await this.#files.clearPart();
    return (this.#part = await this.#files.open('.part', { keeps: this.bytes > 0 }));
  }

  /** @param {Part} part */
  async #beginJournal(part) {
    if (this.#journal || !part.flush) return;
    this.#journal = await this.#files.open('.journal', { keeps: true });
    if (this.bytes === 0) await this.#journal.write(await journalHead(this.#begun), 0);
    await this.#journal.truncate(VALUES_AT + this.#noted * VALUE);
    this.#journal.flush?.();
  }

  /** @param {Part} part */
  async #note(part) {
    const began = performance.now();
    const isDue = began - this.#flushedAt >= this.#pause;
    if (isDue) part.flush?.();
    await this.#journal?.write(this.#values.subarray(this.#noted * VALUE), VALUES_AT + this.#noted * VALUE);
    this.#noted = this.#values.length / VALUE;
    if (!isDue) return;
    this.#journal?.flush?.();
    this.#flushedAt = performance.now();
    this.#pause = Math.min(FLUSH_PAUSE, SPARING * (this.#flushedAt - began));
  }
}

/**
 * A group is flushed before its value is written, then the value: while that takes a twentieth of the time at most.
 * Where bytes come faster, from a disk say, some groups have to wait for their flush, a second at most. Their values do
 * not: what was written outlives a kill of worker, tab or browser, flushed or not, and without its value it is worth
 * nothing. Of a machine that stops what came since the last flush may be lost, which the values show.
 */
const SPARING = 20;
/** Milliseconds. */
const FLUSH_PAUSE = 1000;
const NAMES = /** @type {import('../guest/settings.js').Algorithm[]} */ (Object.keys(ALGORITHMS));

/**
 * @param {unknown} one
 * @param {unknown} other
 */
const differ = (one, other) => one !== undefined && other !== undefined && one !== other;
