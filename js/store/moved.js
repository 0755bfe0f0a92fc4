// A file of a directory that gets another name.
import { openPart, whenFree } from './part.js';

/** Bytes that are copied at a time, where files cannot be moved. */
const PIECE = 1024 * 1024;

/**
 * An engine that cannot move files copies it: for that time both take room.
 *
 * @param {FileSystemDirectoryHandle} directory
 * @param {FileSystemFileHandle} file
 * @param {string} name  that it has
 * @param {string} to    that it gets: nothing has it, or what is worth nothing
 */
export async function moved(directory, file, name, to) {
  const { move } = /** @type {{ move?: (name: string) => Promise<void> }} */ (/** @type {unknown} */ (file));
  if (move) return whenFree(() => move.call(file, to));
  const from = await file.getFile();
  const copy = await openPart(await directory.getFileHandle(to, { create: true }));
  try {
    for (let at = 0; at < from.size; at += PIECE) {
      await copy.write(new Uint8Array(await from.slice(at, at + PIECE).arrayBuffer()), at);
    }
    await copy.finish();
  } catch (error) {
    await copy.discard();
    throw error;
  }
  await whenFree(() => directory.removeEntry(name).catch(unlessMissing));
}

/**
 * @param {unknown} error
 * @returns {undefined}
 */
export function unlessMissing(error) {
  if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
}
