import { sleep, unlessAborted } from '../core/waiting.js';

/**
 * @typedef {object} ProgressEvent
 * @property {number} bytes
 * @property {number | undefined} total
 * @property {number} rate    bytes a second, lately; of the whole with `done`. The time that `onHeader` takes does not
 *   count
 * @property {'header' | 'data' | 'done'} phase
 * @property {number} kept    how many of all bytes were kept by an earlier call, and are not fetched again
 * @property {boolean} [elsewhere]  of `admitStored`: another tab, or another call, is storing the file. These are its
 *   bytes; this call waits for it
 */

/** @typedef {(progress: ProgressEvent) => unknown} OnProgress  Awaited. A throw ends the admission. */

/** Milliseconds between two calls. */
const INTERVAL = 100;
/** Weight of the latest interval in the rate. */
const WEIGHT = 0.3;

/** Calls `onProgress` at most ten times a second, and once at the end. */
export class Progress {
  /** Bytes that an earlier call kept. */
  kept = 0;
  /** @type {number | undefined} as far as it is known */ total;
  #onProgress;
  #signal;
  #began = performance.now();
  #calledAt = -Infinity;
  #measuredAt = this.#began;
  #measuredBytes = 0;
  /** @type {number | undefined} */ #rate;
  /** @type {[bytes: number, phase: 'header' | 'data'] | undefined} what came too soon to be told */ #held;

  /**
   * @param {OnProgress | undefined} onProgress
   * @param {number | undefined} total
   * @param {AbortSignal} [signal]
   */
  constructor(onProgress, total, signal) {
    this.#onProgress = onProgress;
    this.total = total;
    this.#signal = signal;
  }

  /**
   * What `decide` answers. The time that it takes is none of the source's: the rate leaves it out.
   *
   * @template T
   * @param {() => T | PromiseLike<T>} decide
   * @returns {Promise<T>}
   */
  async pausedFor(decide) {
    const asked = performance.now();
    try {
      return await decide();
    } finally {
      const waited = performance.now() - asked;
      this.#began += waited;
      this.#measuredAt += waited;
    }
  }

  /**
   * @param {number} bytes
   * @param {'header' | 'data'} phase
   */
  async tell(bytes, phase) {
    if (!this.#onProgress) return;
    const now = performance.now();
    this.#held = now - this.#calledAt < INTERVAL ? [bytes, phase] : undefined;
    if (this.#held) return;
    this.#calledAt = now;
    const seconds = (now - this.#measuredAt) / 1000;
    if (seconds > 0) {
      const latest = (bytes - this.#measuredBytes) / seconds;
      this.#rate = this.#rate === undefined ? latest : WEIGHT * latest + (1 - WEIGHT) * this.#rate;
      this.#measuredAt = now;
      this.#measuredBytes = bytes;
    }
    // A total that was passed was a guess.
    const total = bytes <= (this.total ?? -1) ? this.total : undefined;
    await this.#call({ bytes, total, rate: this.#rate ?? 0, phase });
  }

  /**
   * Tells what was held back once its time has come, if nothing else comes before.
   *
   * @param {Promise<unknown>} next
   */
  async catchUp(next) {
    if (!this.#held) return;
    const stop = new AbortController();
    const isDue = sleep(INTERVAL - (performance.now() - this.#calledAt), stop.signal).then(() => true, () => false);
    const isSlow = await Promise.race([isDue, next.then(() => false, () => false)]);
    stop.abort();
    // Timers may ring early, by a little.
    if (isSlow && performance.now() - this.#calledAt < INTERVAL) this.#calledAt = performance.now() - INTERVAL;
    if (isSlow) await this.tell(...this.#held);
  }

  /** @param {number} bytes */
  async done(bytes) {
    const seconds = Math.max(performance.now() - this.#began, 0.001) / 1000;
    await this.#call({ bytes, total: bytes, rate: bytes / seconds, phase: 'done' });
  }

  /** @param {Omit<ProgressEvent, 'kept' | 'elsewhere'>} event */
  async #call(event) {
    await unlessAborted(this.#signal, this.#onProgress?.({ ...event, kept: this.kept }));
  }
}
