import { messageOf, sourceFault } from '../core/errors.js';
import { shown } from '../core/text.js';

/** @typedef {import('./source.js').Source} Source */

/**
 * A file that is read in place, at once: straight into the guest's window, without a JavaScript buffer.
 *
 * @implements {Source}
 */
export class DirectSource {
  /** @type {number | undefined} */ length = undefined;
  #readAt;
  #close;
  #position = 0;
  #buffer = new Uint8Array(0);

  /**
   * @param {object} file
   * @param {number} file.length
   * @param {(target: Uint8Array, offset: number) => number} file.readAt  0 at the end
   * @param {() => void} [file.close]
   */
  constructor({ length, readAt, close }) {
    this.length = length || undefined;
    this.#readAt = readAt;
    this.#close = close;
  }

  /**
   * @param {Uint8Array} target
   * @param {number} offset
   */
  readSync(target, offset) {
    let count;
    try {
      count = this.#readAt(target, offset);
    } catch (cause) {
      throw sourceFault(`the file could not be read: ${messageOf(cause)}`, { offset, cause });
    }
    if (Number.isInteger(count) && count >= 0 && count <= target.length) return count;
    throw sourceFault(`the file answered ${shown(count)} to a read of ${target.length} bytes`, { offset });
  }

  /** @param {number} most */
  async read(most) {
    if (this.#buffer.byteLength < most) this.#buffer = new Uint8Array(most);
    const count = this.readSync(this.#buffer.subarray(0, most), this.#position);
    this.#position += count;
    return count === 0 ? null : this.#buffer.subarray(0, count);
  }

  async close() {
    const close = this.#close;
    this.#close = undefined;
    try {
      close?.();
    } catch {
      // Nothing was written: a handle that cannot be closed is closed.
    }
  }
}
