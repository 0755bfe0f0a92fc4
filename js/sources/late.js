/** @typedef {import('./source.js').Source} Source */

/**
 * A source that has to be opened first: all but `open` is passed on.
 *
 * @implements {Source}
 */
export class LateSource {
  /** @type {number | undefined} */ length = undefined;
  /** @type {Source['readSync']} */ readSync = undefined;
  #open;
  #isClosed = false;
  /** @type {Source | undefined} */ #source;

  /** @param {() => Promise<Source>} open */
  constructor(open) {
    this.#open = open;
  }

  async open() {
    const source = await this.#open();
    if (this.#isClosed) return source.close(); // given up while it was being opened
    this.#source = source;
    this.length = source.length;
    this.readSync = source.readSync?.bind(source);
  }

  /** @param {number} most */
  async read(most) {
    return this.#source ? this.#source.read(most) : null;
  }

  /** @param {unknown} [reason] */
  async close(reason) {
    this.#isClosed = true;
    await this.#source?.close(reason);
  }
}
