import { misuse } from '../core/errors.js';

/**
 * Waits until nobody else, in any tab or worker of this origin, has the lock of this name.
 * A tab that is closed, or a worker that ends, gives up its locks.
 *
 * @param {string} name  of the file, with its place in the private file system
 * @param {AbortSignal} signal  gives up waiting; does not give up the lock
 * @returns {Promise<() => void>} gives it up; doing that twice is harmless
 */
export function takeLock(name, signal) {
  return new Promise((resolve, reject) => {
    const locks = globalThis.navigator?.locks;
    if (!locks) throw misuse('there are no locks here (they need a secure context)', { code: 'unsupported' });
    locks
      .request(
        `gguf-admission store ${name}`,
        { signal },
        () => new Promise(release => resolve(() => release(undefined))),
      )
      .catch(reject);
  });
}
