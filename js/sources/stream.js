import { Turns, patiently } from '../core/waiting.js';
import { Pieces } from '../core/pieces.js';
import { sourceFault } from '../core/errors.js';

/** @typedef {import('./source.js').Source} Source */

/** Reads that took longer than SLOW are asked for less, those quicker than QUICK for more (milliseconds). */
const SLOW = 250;
const QUICK = 50;
const LEAST = 64 * 1024;

/**
 * Readers that are waiting. Chromium lets its collector take a stream that is being read when nothing else holds on to
 * it (whoever waits is held by the read itself), and then the read never ends.
 *
 * @type {Set<ReadableStreamBYOBReader>}
 */
const waiting = new Set();

/**
 * For each read an engine makes objects of its own that weigh nothing with its JavaScript collector, which sees no
 * cause to run (docs/design.md has numbers). So now and then it is given something that weighs enough: zeros that
 * nobody touches take no memory, and are gone with the rest.
 */
const REMINDED_EACH = 256 * 1024 * 1024;
const WEIGHT = 64 * 1024 * 1024;

/**
 * A ReadableStream. A byte stream is read into one buffer that goes to and fro, so that memory stays flat: a default
 * reader's chunks are bounded by the garbage collector only.
 *
 * A stream of the engine's own is read with `min`, else it gives 64 KiB at a time. But by the standard a read fails,
 * and the bytes are lost, when the stream was closed with less than `min` in its queue. That is how a stream of the
 * caller's may be, and in Node what was fetched too, once it was cloned and the clone was read first. So `min` stays
 * within what is sure to come. Where that is not known it is 1: more calls, and no byte lost.
 *
 * @implements {Source}
 */
export class StreamSource {
  /** @type {ReadableStreamBYOBReader | undefined} */ #byob;
  /** @type {ReadableStreamDefaultReader<unknown> | undefined} */ #reader;
  #buffer = new ArrayBuffer(0);
  /** Bytes that are sure to come still, of a stream of the engine's own. */ #sure;
  #least = 1;
  #sinceReminded = 0;
  #pieces = new Pieces();
  #turns = new Turns();

  /**
   * @param {ReadableStream<unknown>} stream
   * @param {object} [about]
   * @param {number} [about.length]
   * @param {boolean} [about.isOwn]  the engine's own: of a Blob, or of what was fetched
   * @param {number} [about.sure]    bytes that are sure to come, of the engine's own; by default `length`
   */
  constructor(stream, { length, isOwn = false, sure = length ?? 0 } = {}) {
    if (stream.locked) throw sourceFault('the stream is locked to another reader', { code: 'locked' });
    this.length = length;
    this.#sure = isOwn ? sure : 0;
    this.#byob = byobReader(stream);
    if (!this.#byob) this.#reader = stream.getReader();
  }

  /** @param {number} most */
  read(most) {
    return this.#byob ? this.#readInto(this.#byob, most) : this.#readChunk(most);
  }

  /** @param {unknown} [reason] */
  async close(reason) {
    const reader = this.#byob ?? this.#reader;
    this.#byob = this.#reader = undefined;
    await patiently(() => {
      const cancelled = reader?.cancel(reason);
      reader?.releaseLock();
      return cancelled;
    });
  }

  /**
   * @param {ReadableStreamBYOBReader} reader
   * @param {number} most
   * @returns {Promise<Uint8Array | null>}
   */
  async #readInto(reader, most) {
    for (;;) {
      if (this.#buffer.byteLength < most) this.#buffer = new ArrayBuffer(most);
      const began = performance.now();
      waiting.add(reader);
      const read = reader.read(new Uint8Array(this.#buffer, 0, most), { min: this.#leastOf(most) });
      const { value, done } = await read.finally(() => waiting.delete(reader));
      this.#adapt(performance.now() - began, most);
      if (value) this.#buffer = value.buffer;
      this.#count(value?.byteLength ?? 0);
      // A stream that ends with less than `min` gives what there is and says done.
      if (value?.byteLength) return value;
      if (done) return null;
    }
  }

  /** @param {number} most */
  #leastOf(most) {
    return Math.max(1, Math.min(most, this.#least, this.#sure));
  }

  /**
   * @param {number} milliseconds  that the last read took
   * @param {number} most
   */
  #adapt(milliseconds, most) {
    if (milliseconds < QUICK) this.#least = Math.min(most, Math.max(LEAST, 2 * this.#least));
    else if (milliseconds > SLOW) this.#least = Math.max(1, this.#least >> 1);
  }

  /** @param {number} bytes */
  #count(bytes) {
    this.#sure -= bytes;
    this.#sinceReminded += bytes;
    if (this.#sinceReminded < REMINDED_EACH) return;
    this.#sinceReminded = 0;
    try {
      new ArrayBuffer(WEIGHT);
    } catch {
      // An engine that has no room for it has been reminded.
    }
  }

  /**
   * @param {number} most
   * @returns {Promise<Uint8Array | null>}
   */
  async #readChunk(most) {
    while (this.#pieces.isEmpty) {
      const result = await this.#reader?.read();
      if (!result || result.done) return null;
      this.#pieces = new Pieces(result.value);
      // Empty ones may come for ever.
      await this.#turns.pass();
    }
    return this.#pieces.take(most);
  }
}

/** @param {ReadableStream<unknown>} stream */
function byobReader(stream) {
  try {
    return stream.getReader({ mode: 'byob' });
  } catch {
    return undefined; // not a byte stream, or an engine without them
  }
}
