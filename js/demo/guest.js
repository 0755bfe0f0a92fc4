// The guest of this page: in a worker where there are workers, else on the page's own thread.
import { AdmissionError, admit, admitStored, loadGuest, loadGuestWorker } from '../index.js';

/** The runtime on candle, a guest that also generates text. `cargo xtask build --runtime` puts it here. */
const RUNTIME = new URL('candle-runtime.wasm', import.meta.url).href;

/** @typedef {import('./result.js').AnyModel} AnyModel */
/** @typedef {import('./choice.js').Choice['source']} Source */

/**
 * @typedef {object} PageGuest
 * @property {'worker' | 'page'} thread
 * @property {(source: Source, options: import('../index.js').AdmitOptions) => Promise<AnyModel>} admit  the options are
 *   those that a file and a set have in common
 * @property {(names: string | string[], source: Source, options: import('../index.js').AdmitOptions)
 *   => Promise<{ model: AnyModel, found: boolean }>} admitStored
 * @property {() => Promise<number>} memoryBytes
 * @property {(name: string, ...args: (number | bigint)[]) => Promise<number | bigint>} call
 * @property {(name: string, ...args: (number | bigint)[]) => Promise<Uint8Array>} callRead
 * @property {(name: string, bytes: Uint8Array, ...args: (number | bigint)[]) => Promise<number>} callWrite
 * @property {() => Promise<void>} close
 */

/**
 * A new one for each file: WebAssembly memory never shrinks, and this page shows what one file takes.
 *
 * @param {boolean} mayUseWorker
 * @param {boolean} runs  whether it shall generate text
 * @returns {Promise<PageGuest>}
 */
export async function openGuest(mayUseWorker, runs) {
  const from = runs ? await runtime() : undefined;
  if (mayUseWorker) {
    try {
      const worker = await loadGuestWorker({ guest: from });
      return {
        thread: 'worker',
        admit: (source, options) => worker.admit(/** @type {any} */ (source), options),
        admitStored: (names, source, options) =>
          worker.admitStored(/** @type {any} */ (names), /** @type {any} */ (source), options),
        memoryBytes: () => worker.memoryBytes(),
        call: (name, ...args) => worker.call(name, ...args),
        callRead: (name, ...args) => worker.callRead(name, ...args),
        callWrite: (name, bytes, ...args) => worker.callWrite(name, bytes, ...args),
        close: () => worker.close(),
      };
    } catch {
      // What is wrong with the guest itself shows below, too.
    }
  }
  const guest = await loadGuest(from);
  return {
    thread: 'page',
    admit: (source, options) => admit(guest, /** @type {any} */ (source), options),
    admitStored: (names, source, options) =>
      admitStored(guest, /** @type {any} */ (names), /** @type {any} */ (source), options),
    memoryBytes: async () => guest.memoryBytes,
    call: (name, ...args) => later(() => guest.call(name, ...args)),
    callRead: (name, ...args) => later(() => guest.callRead(name, ...args).slice()),
    callWrite: (name, bytes, ...args) => later(() => guest.callWrite(name, bytes, ...args)),
    close: async () => {},
  };
}

/** The runtime's bytes, where it was built. */
async function runtime() {
  const response = await fetch(RUNTIME);
  if (response.ok) return response.arrayBuffer();
  const built = 'the runtime is not built here: cargo xtask build --runtime';
  throw new AdmissionError(built, { code: 'guest', kind: 'misuse' });
}

/**
 * By a message, not a timer: timers wait 4 ms each, and a whole second in a page that nobody sees.
 *
 * @template T
 * @param {() => T} call
 * @returns {Promise<T>} after the page had its turn
 */
const later = call =>
  new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve(undefined));
    port2.postMessage(null);
  }).then(call);
