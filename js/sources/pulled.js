import { unlessAborted } from '../core/waiting.js';

/** @typedef {import('./source.js').Source} Source */
/** @typedef {import('./source.js').Earlier} Earlier */

/** @typedef {Pick<Source, 'length' | 'total' | 'position' | 'identity'>} Opened  What is known once it is open. */

/**
 * A source that somebody else reads, in another thread say, and that is asked for each piece.
 *
 * @implements {Source}
 */
export class PulledSource {
  /** @type {number | undefined} */ length = undefined;
  /** @type {number | undefined} */ total = undefined;
  /** @type {number | undefined} */ position = undefined;
  /** @type {Source['identity']} */ identity = undefined;
  /** @type {Earlier | undefined} */ #earlier;
  #owner;
  #isClosed = false;

  /**
   * @param {object} owner
   * @param {(earlier?: Earlier) => Promise<Opened>} owner.open
   * @param {(most: number) => Promise<Uint8Array | null>} owner.read
   * @param {(offset: number) => Promise<void>} owner.rewind
   * @param {(reason?: unknown) => Promise<void>} owner.close
   * @param {((start: number, end: number) => Promise<Uint8Array>) | undefined} owner.part  of what can be asked again
   * @param {AbortSignal} signal  of the admission
   */
  constructor(owner, signal) {
    this.#owner = owner;
    const { part } = owner;
    /** @type {import('./source.js').Parts | undefined} */
    this.parts = part && { read: (start, end) => unlessAborted(signal, part(start, end)) };
  }

  /** @param {Earlier} earlier */
  goOnFrom(earlier) {
    this.#earlier = earlier;
  }

  async open() {
    Object.assign(this, await this.#owner.open(this.#earlier));
  }

  /** @param {number} most */
  async read(most) {
    const bytes = await this.#owner.read(most);
    if (bytes && this.position !== undefined) this.position += bytes.length;
    return bytes;
  }

  /** @param {number} offset */
  async rewind(offset) {
    await this.#owner.rewind(offset);
    this.position = offset;
  }

  /** @param {unknown} [reason] */
  async close(reason) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#owner.close(reason).catch(() => {});
  }
}
