import { messageOf, sourceFault } from '../core/errors.js';
import { blobSource } from './blob.js';
import { DirectSource } from './direct.js';

/** @typedef {import('./source.js').Source} Source */
/**
 * @typedef {{ read(target: BufferSource, options?: { at?: number }): number, getSize(): number, close(): void }}
 * SyncAccessHandle
 */

/**
 * A synchronous handle of the caller's, in a worker: it stays open.
 *
 * @param {SyncAccessHandle} handle
 * @param {() => void} [close]
 */
export const syncHandleSource = (handle, close) =>
  new DirectSource({
    length: sizeOf(handle),
    readAt: (target, at) => handle.read(/** @type {Uint8Array<ArrayBuffer>} */ (target), { at }),
    close,
  });

/** @param {SyncAccessHandle} handle */
function sizeOf(handle) {
  try {
    return handle.getSize();
  } catch (cause) {
    throw sourceFault(`the synchronous handle cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * A file handle: through a synchronous handle of our own where there are such, else as a File.
 *
 * @param {FileSystemFileHandle} file
 * @returns {Promise<Source>}
 */
export const fileHandleSource = async file => (await readAtOnce(file)) ?? blobSource(await file.getFile());

/**
 * A file handle, read at once: in a worker, a file of the origin's private file system, nobody else writing. Until it
 * is closed nobody can remove or replace the file.
 *
 * @param {FileSystemFileHandle} file
 * @returns {Promise<DirectSource | undefined>}
 */
export async function readAtOnce(file) {
  const { createSyncAccessHandle } =
    /** @type {{ createSyncAccessHandle?: (options: object) => Promise<SyncAccessHandle> }} */ (file);
  const handle = await createSyncAccessHandle?.call(file, { mode: 'read-only' }).catch(() => undefined);
  return handle && syncHandleSource(handle, () => handle.close());
}
