// Where files are stored.
import { misuse } from '../core/errors.js';

/**
 * @typedef {object} Place
 * @property {FileSystemDirectoryHandle} directory
 * @property {string[]} path  of it: what tells the locks of two directories apart
 */

/**
 * @param {FileSystemDirectoryHandle} [directory]  default: the root of the origin's private file system
 * @returns {Promise<Place>}
 */
export async function placeOf(directory) {
  const storage = globalThis.navigator?.storage;
  if (!storage?.getDirectory) {
    if (directory) return { directory, path: [directory.name] };
    throw misuse('there is no private file system here (it needs a secure context)', { code: 'unsupported' });
  }
  const root = await storage.getDirectory();
  // Null for a directory that lies elsewhere, on the user's disk.
  const path = directory ? (await root.resolve(directory)) ?? ['', directory.name] : [];
  return { directory: directory ?? root, path };
}
