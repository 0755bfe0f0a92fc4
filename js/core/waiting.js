// Waiting: every wait of an admission ends when its signal says so.

/**
 * What `promise` settles to, or the signal's reason if that comes first.
 *
 * @template T
 * @param {AbortSignal | undefined} signal
 * @param {T | PromiseLike<T>} promise
 * @returns {Promise<T>}
 */
export function unlessAborted(signal, promise) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal?.reason);
    const settle = () => signal?.removeEventListener('abort', stop);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop);
    // Also after an abort: a promise that fails late is nobody's unhandled rejection.
    Promise.resolve(promise).then(resolve, reject).then(settle);
  });
}

/**
 * By hand, as engines before Safari 17.4 have no AbortSignal.any.
 *
 * @param {AbortController} controller
 * @param {AbortSignal | undefined} signal  that it is aborted with
 * @returns {() => void} ends that
 */
export function follow(controller, signal) {
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  return () => signal?.removeEventListener('abort', abort);
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(milliseconds, signal) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const slept = new Promise(resolve => (timer = setTimeout(resolve, milliseconds)));
  return unlessAborted(signal, slept).finally(() => clearTimeout(timer)).then(() => {});
}

/** How long a source may take over its own clean-up before the admission goes on without it, in milliseconds. */
const PATIENCE = 1000;

/**
 * Waits for somebody else's clean-up, which may fail or hang: neither is our error.
 *
 * @param {() => unknown} cleanUp
 * @param {number} [milliseconds]
 */
export async function patiently(cleanUp, milliseconds = PATIENCE) {
  const timeout = new AbortController();
  await Promise.race([(async () => cleanUp())().catch(() => {}), sleep(milliseconds, timeout.signal).catch(() => {})]);
  timeout.abort();
}

/** Longest time that an admission keeps the thread to itself, in milliseconds: a frame. */
const TURN = 16;

/** Gives the thread away now and then, so that timers, clicks and aborts are heard while bytes come without waiting. */
export class Turns {
  #began = performance.now();

  async pass() {
    if (performance.now() - this.#began < TURN) return;
    await nextTask();
    this.#began = performance.now();
  }
}

/** @returns {Promise<void>} */
function nextTask() {
  if (typeof setImmediate === 'function') return new Promise(resolve => void setImmediate(resolve));
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(null);
  });
}
