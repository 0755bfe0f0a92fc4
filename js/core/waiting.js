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

/** The longest time that a timer can hold, in milliseconds: one for a longer time fires at once. */
export const LONGEST = 2 ** 31 - 1;

/**
 * A source's own clean-up; then what a tab or a worker that ended still holds; then a tee's, which may wait for that.
 */
const [OF_A_SOURCE, OF_ANOTHER_TAB, OF_A_TEE] = [1000, 3000, 10_000];

/**
 * How long others are waited for before it goes on without them, in milliseconds. Each step holds the ones before it.
 */
export const PATIENCE = {
  source: OF_A_SOURCE,
  /** The files, or the lock, of a tab or a worker that is no more. */
  tab: OF_ANOTHER_TAB,
  /** A tee's `abort`: it may have to wait for the files of a tab. */
  tee: OF_A_TEE,
  /** The admissions of a worker that is closed: each waits for its tees. */
  worker: OF_A_TEE + 2000,
};

/**
 * Waits for somebody else's clean-up, which may fail or hang: neither is our error.
 *
 * @param {() => unknown} cleanUp
 * @param {number} [milliseconds]
 */
export async function patiently(cleanUp, milliseconds = PATIENCE.source) {
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
