import { Pieces, asBytes } from '../core/pieces.js';

/**
 * Bytes that are in memory already.
 *
 * @implements {Source}
 * @typedef {import('./source.js').Source} Source
 */
export class BytesSource {
  #pieces;

  /** @param {unknown} bytes  ArrayBuffer or a view */
  constructor(bytes) {
    this.length = asBytes(bytes).byteLength || undefined;
    this.#pieces = new Pieces(bytes);
  }

  /** @param {number} most */
  async read(most) {
    return this.#pieces.isEmpty ? null : this.#pieces.take(most);
  }

  async close() {}
}
