// The guest of this page: in a worker where there are workers, else on the page's own thread.
import { admit, loadGuest, loadGuestWorker } from '../index.js';

/**
 * @typedef {object} PageGuest
 * @property {'worker' | 'page'} thread
 * @property {(source: import('../index.js').Admissible, options: import('../index.js').AdmitOptions)
 *   => Promise<import('../index.js').Model | import('../index.js').RemoteModel>} admit
 * @property {() => Promise<number>} memoryBytes
 * @property {() => Promise<void>} close
 */

/**
 * A new one for each file: WebAssembly memory never shrinks, and this page shows what one file takes.
 *
 * @param {boolean} mayUseWorker
 * @returns {Promise<PageGuest>}
 */
export async function openGuest(mayUseWorker) {
  if (mayUseWorker) {
    try {
      const worker = await loadGuestWorker();
      return {
        thread: 'worker',
        admit: (source, options) => worker.admit(source, options),
        memoryBytes: () => worker.memoryBytes(),
        close: () => worker.close(),
      };
    } catch {
      // What is wrong with the guest itself shows below, too.
    }
  }
  const guest = await loadGuest();
  return {
    thread: 'page',
    admit: (source, options) => admit(guest, source, options),
    memoryBytes: async () => guest.memoryBytes,
    close: async () => {},
  };
}
