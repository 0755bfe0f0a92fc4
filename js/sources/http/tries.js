// How long a download waits for its server, and how often it is tried again.
import { sleep } from '../../core/waiting.js';

/** How long a server may be silent, in milliseconds. */
export const STALL_TIMEOUT = 30_000;
const RETRIES = 3;
const RETRY_DELAY = 500;
/** A wait grows up to this one, in milliseconds, and a server that asks for a longer one is not waited for. */
const LONGEST_DELAY = 30_000;

/** Tries without progress: each byte that comes gives all of them back. */
export class Tries {
  #most;
  #left;
  #firstDelay;
  #delay;

  /** @param {{ retries?: number, retryDelay?: number }} options */
  constructor({ retries = RETRIES, retryDelay = RETRY_DELAY }) {
    this.#most = this.#left = retries;
    this.#firstDelay = this.#delay = retryDelay;
  }

  /** There was progress. */
  refill() {
    this.#left = this.#most;
    this.#delay = this.#firstDelay;
  }

  /** @param {number} pause  milliseconds that the server asks for */
  isTooLong(pause) {
    return pause > Math.max(LONGEST_DELAY, this.#delay);
  }

  /**
   * Waits until the next one is due.
   *
   * @param {number} pause  milliseconds that the server asks for
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} whether there is one
   */
  async next(pause, signal) {
    if (this.#left <= 0) return false;
    this.#left--;
    await sleep(Math.max(this.#delay, pause), signal);
    this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY);
    return true;
  }
}
