import { Turns, patiently } from '../core/waiting.js';
import { Pieces } from '../core/pieces.js';

/** @typedef {import('./source.js').Source} Source */
/** @typedef {AsyncIterable<unknown> | Iterable<unknown>} Chunks */

/**
 * Chunks from an iterator: a generator, a Node stream, an array.
 *
 * @implements {Source}
 */
export class IterableSource {
  /** @type {undefined} */ length = undefined;
  #chunks;
  #iterator;
  #isReading = false;
  #isDone = false;
  #pieces = new Pieces();
  #turns = new Turns();

  /** @param {Chunks} chunks */
  constructor(chunks) {
    this.#chunks = chunks;
    const { [Symbol.asyncIterator]: later } = /** @type {Partial<AsyncIterable<unknown>>} */ (chunks);
    this.#iterator = later ? later.call(chunks) : /** @type {Iterable<unknown>} */ (chunks)[Symbol.iterator]();
  }

  /**
   * @param {number} most
   * @returns {Promise<Uint8Array | null>}
   */
  async read(most) {
    while (this.#pieces.isEmpty) {
      if (this.#isDone) return null;
      const { value, done } = await this.#next();
      if (done) return null;
      this.#pieces = new Pieces(value);
      // Empty ones may come for ever.
      await this.#turns.pass();
    }
    return this.#pieces.take(most);
  }

  /** @param {unknown} [_reason] */
  async close(_reason) {
    if (this.#isDone) return;
    this.#isDone = true;
    // A Node stream that is being read hears `destroy` only; a generator hears `return` after its current step.
    const isReading = this.#isReading;
    await patiently(() => {
      const { destroy } = /** @type {{ destroy?: unknown }} */ (this.#chunks);
      if (typeof destroy === 'function') destroy.call(this.#chunks);
    });
    await patiently(() => {
      const returned = Promise.resolve(this.#iterator.return?.());
      returned.catch(() => {});
      return isReading ? undefined : returned;
    });
  }

  async #next() {
    this.#isReading = true;
    try {
      const result = await this.#iterator.next();
      if (result.done) this.#isDone = true;
      return result;
    } catch (error) {
      this.#isDone = true;
      throw error;
    } finally {
      this.#isReading = false;
    }
  }
}
