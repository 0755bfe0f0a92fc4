import { patiently } from '../abort.js';
import { Pieces } from '../bytes.js';
import { sourceFault } from '../errors.js';

/** @typedef {import('./source.js').Source} Source */

/** Reads that took longer than SLOW are asked for less, those quicker than QUICK for more (milliseconds). */
const SLOW = 250;
const QUICK = 50;
const LEAST = 64 * 1024;

/**
 * A ReadableStream. A byte stream is read into one buffer that goes to and fro, so that memory stays flat: a default
 * reader's chunks are bounded by the garbage collector only.
 *
 * A stream of the engine's own is read with `min`, else it gives 64 KiB at a time. A stream of the caller's is not: by the
 * standard it fails when it was closed with less than `min` in its queue, and those bytes are lost.
 *
 * @implements {Source}
 */
export class StreamSource {
  /** @type {ReadableStreamBYOBReader | undefined} */ #byob;
  /** @type {ReadableStreamDefaultReader<unknown> | undefined} */ #reader;
  #buffer = new ArrayBuffer(0);
  #isOwn;
  #least = 1;
  #pieces = new Pieces();

  /**
   * @param {ReadableStream<unknown>} stream
   * @param {object} [about]
   * @param {number} [about.length]
   * @param {boolean} [about.isOwn]  the engine's own: of a Blob, or of what was fetched
   */
  constructor(stream, { length, isOwn = false } = {}) {
    if (stream.locked) throw sourceFault('the stream is locked to another reader', { code: 'locked' });
    this.length = length;
    this.#isOwn = isOwn;
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
      const { value, done } = await reader.read(new Uint8Array(this.#buffer, 0, most), { min: Math.min(most, this.#least) });
      this.#adapt(performance.now() - began, most);
      if (value) this.#buffer = value.buffer;
      // A stream that ends with less than `min` gives what there is and says done.
      if (value?.byteLength) return value;
      if (done) return null;
    }
  }

  /**
   * @param {number} milliseconds  that the last read took
   * @param {number} most
   */
  #adapt(milliseconds, most) {
    if (!this.#isOwn) return;
    if (milliseconds < QUICK) this.#least = Math.min(most, Math.max(LEAST, 2 * this.#least));
    else if (milliseconds > SLOW) this.#least = Math.max(1, this.#least >> 1);
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
