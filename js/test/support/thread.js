// Node's worker threads behind the face of a browser's Worker.
import { Worker } from 'node:worker_threads';
import { loadGuestWorker } from '../../index.js';

export class Thread extends EventTarget {
  #worker = new Worker(new URL('./thread-entry.js', import.meta.url));
  #isEnded = false;

  constructor() {
    super();
    const broke = (/** @type {string} */ message) =>
      this.#isEnded || this.dispatchEvent(Object.assign(new Event('error'), { message }));
    this.#worker.on('error', error => broke(error.message));
    this.#worker.on('exit', () => broke('it ended'));
  }

  /**
   * @param {unknown} message
   * @param {any} [transfer]
   */
  postMessage(message, transfer) {
    this.#worker.postMessage(message, transfer);
  }

  terminate() {
    this.#isEnded = true;
    void this.#worker.terminate();
  }

  /** Ends it as a crash would. */
  crash() {
    return this.#worker.terminate();
  }
}

/**
 * Calls `use` with a guest in a worker, and closes it.
 *
 * @param {(guest: import('../../index.js').GuestWorker, thread: Thread) => unknown} use
 */
export async function withGuestWorker(use) {
  const thread = new Thread();
  const guest = await loadGuestWorker({ worker: thread });
  try {
    await use(guest, thread);
  } finally {
    await guest.close();
  }
}
