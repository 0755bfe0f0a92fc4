import { sourceFault } from '../core/errors.js';
import { nodeFs, nodeNet } from '../core/node.js';
import { DirectSource } from './direct.js';
import { IterableSource } from './iterable.js';

/** @typedef {import('./source.js').Source} Source */

const PIECE = 64 * 1024;

/**
 * A file of Node's, opened here and closed here.
 *
 * A pipe is opened without waiting for whoever writes to it. Node opens files on four threads, and an open that waits
 * keeps its thread, also when it was given up: four of them would stop every other.
 *
 * @param {string | URL} path
 * @returns {Promise<Source>}
 */
export async function pathSource(path) {
  const fs = nodeFs();
  const { O_RDONLY, O_NONBLOCK = 0 } = fs.constants; // Windows has none
  /** @type {number} */
  const fd = await new Promise((resolve, reject) => {
    fs.open(path, O_RDONLY | O_NONBLOCK, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
  const close = () => fs.closeSync(fd);
  try {
    const stat = statOf(fd);
    if (stat.isFile()) return directSource(fd, stat.size, close);
    // A stream of a pipe waits without a thread. Each closes what it is made of.
    if (stat.isFIFO()) return new IterableSource(pipeStream(fd));
    return new IterableSource(fs.createReadStream('', { fd }));
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * An open file of the caller's: it is never closed here. A pipe or a device is read as a stream: it has no offsets and
 * may wait. An abort cannot take back a read that waits in a device, or in a socket.
 *
 * @param {number} fd
 * @returns {Source}
 */
export function descriptorSource(fd) {
  const stat = statOf(fd);
  if (stat.isFile()) return directSource(fd, stat.size);
  const own = stat.isFIFO() ? reopened(fd) : undefined;
  return new IterableSource(own === undefined ? chunksOf(fd) : pipeStream(own));
}

/** @param {number} fd */
function statOf(fd) {
  const stat = nodeFs().fstatSync(fd);
  if (stat.isDirectory()) throw sourceFault('this is a directory, not a file');
  return stat;
}

/**
 * @param {number} fd
 * @param {number} length
 * @param {() => void} [close]
 */
function directSource(fd, length, close) {
  const fs = nodeFs();
  /** @type {(target: Uint8Array, offset: number) => number} */
  const readAt = (target, offset) => fs.readSync(fd, target, 0, target.length, offset);
  return new DirectSource({ length, readAt, close });
}

/** @param {number} fd  that is the stream's from here on */
const pipeStream = fd => new (nodeNet().Socket)({ fd, readable: true, writable: false });

/**
 * A descriptor of our own of the caller's pipe, which is read without a thread and closed without touching the
 * caller's.
 *
 * @param {number} fd
 * @returns {number | undefined} undefined where the system has no such way
 */
function reopened(fd) {
  const fs = nodeFs();
  try {
    return fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/**
 * @param {number} fd
 * @returns {AsyncGenerator<Uint8Array, void, void>}
 */
async function* chunksOf(fd) {
  const fs = nodeFs();
  const buffer = new Uint8Array(PIECE);
  for (;;) {
    /** @type {number} */
    const count = await new Promise((resolve, reject) => {
      fs.read(fd, buffer, 0, PIECE, null, (error, count) => (error ? reject(error) : resolve(count)));
    });
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}
