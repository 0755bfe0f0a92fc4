/** @typedef {import('./source.js').Source} Source */

/**
 * A source that somebody else reads, in another thread say, and that is asked for each piece.
 *
 * @implements {Source}
 */
export class PulledSource {
  /** @type {number | undefined} */ length = undefined;
  /** @type {number | undefined} */ total = undefined;
  #owner;
  #isClosed = false;

  /**
   * @param {object} owner
   * @param {() => Promise<{ length?: number, total?: number }>} owner.open
   * @param {(most: number) => Promise<Uint8Array | null>} owner.read
   * @param {(reason?: unknown) => Promise<void>} owner.close
   */
  constructor(owner) {
    this.#owner = owner;
  }

  async open() {
    const { length, total } = await this.#owner.open();
    this.length = length;
    this.total = total;
  }

  /** @param {number} most */
  read(most) {
    return this.#owner.read(most);
  }

  /** @param {unknown} [reason] */
  async close(reason) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#owner.close(reason).catch(() => {});
  }
}
