import { sourceFault } from '../core/errors.js';
import { nodeFs } from '../core/node.js';
import { DirectSource } from './direct.js';
import { IterableSource } from './iterable.js';

/** @typedef {import('./source.js').Source} Source */

/**
 * A file of Node's, opened here and closed here.
 *
 * @param {string | URL} path
 * @returns {Promise<Source>}
 */
export async function pathSource(path) {
  const fs = nodeFs();
  // Not in this turn: opening a pipe waits for whoever writes to it.
  const fd = await new Promise((resolve, reject) => fs.open(path, 'r', (error, fd) => (error ? reject(error) : resolve(fd))));
  return descriptorSource(fd, () => fs.closeSync(fd));
}

/**
 * An open file of Node's. A pipe or a device is read as a stream, without `readSync`: it has no offsets and may wait.
 *
 * @param {number} fd
 * @param {() => void} [close]  left out for a descriptor of the caller's, which stays open
 * @returns {Source}
 */
export function descriptorSource(fd, close) {
  const fs = nodeFs();
  try {
    const stat = fs.fstatSync(fd);
    if (stat.isDirectory()) throw sourceFault('this is a directory, not a file');
    if (!stat.isFile()) return new IterableSource(fs.createReadStream('', { fd, autoClose: close !== undefined }));
    const readAt = (/** @type {Uint8Array} */ target, /** @type {number} */ offset) => fs.readSync(fd, target, 0, target.length, offset);
    return new DirectSource({ length: stat.size, readAt, close });
  } catch (error) {
    close?.();
    throw error;
  }
}
