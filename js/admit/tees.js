import { patiently, unlessAborted } from '../core/waiting.js';

/**
 * @typedef {object} Tee  Sees the bytes as they pass, in order, after the guest has accepted them.
 * @property {(bytes: Uint8Array, offset: number) => unknown} write
 *   `bytes` is the tee's to read until the promise settles, which the source waits for; it must not be changed or kept.
 * @property {(report: import('../guest/report.js').FileReport) => unknown} [close]  the file is admitted
 * @property {(reason: unknown) => unknown} [abort]
 *   The admission failed. Called unless `close` went well; a `write` may still be under way when a signal aborts. It is
 *   waited for, ten seconds at most.
 * @property {boolean} [isStore]
 *   It keeps the file: closed after all the others, when nothing else can fail any more.
 */

/**
 * How long a tee may take to clean up, in milliseconds. A file system may be held for some seconds by a tab that
 * closed.
 */
export const PATIENCE = 10_000;

/** Some tees as one. */
export class Tees {
  #tees;
  /** @type {Set<Tee>} */ #closed = new Set();

  /** @param {Tee | readonly Tee[] | undefined} tee */
  constructor(tee) {
    /** @type {Tee[]} */
    const tees = tee === undefined ? [] : [tee].flat();
    this.#tees = tees.sort((a, b) => Number(a.isStore ?? false) - Number(b.isStore ?? false));
  }

  get isEmpty() {
    return this.#tees.length === 0;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   * @param {AbortSignal} [signal]
   */
  async write(bytes, offset, signal) {
    const writes = this.#tees.map(async tee => tee.write(bytes, offset));
    // All have to settle, also when one fails: until then the bytes are theirs.
    const settled = await unlessAborted(signal, Promise.allSettled(writes));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
  }

  /**
   * @param {() => import('../guest/report.js').FileReport} report
   * @param {AbortSignal} [signal]
   */
  async close(report, signal) {
    for (const tee of this.#tees) {
      await unlessAborted(signal, (async () => tee.close?.(report()))());
      this.#closed.add(tee);
    }
  }

  /** @param {unknown} reason */
  async abort(reason) {
    const open = this.#tees.filter(tee => !this.#closed.has(tee));
    // The admission has its error already: one from here would hide it.
    await Promise.all(open.map(tee => patiently(() => tee.abort?.(reason), PATIENCE)));
  }
}
