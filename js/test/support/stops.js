// A tab that dies at any of its steps, and the one that comes after it.
import { FakeDirectory } from './opfs.js';
import { newOrigin } from './store.js';

/** @typedef {[hasSync: boolean, hasMove: boolean, losesUnflushed: boolean]} Engine */

/**
 * Lets `act` be stopped at its first call of the file system, then at its second, and so on, until it comes to its end.
 *
 * @param {Engine} engine
 * @param {(disk: FakeDirectory) => unknown} prepare
 * @param {() => Promise<unknown>} act
 * @param {(disk: FakeDirectory, at: number) => Promise<unknown>} judge  what the next tab finds
 */
export async function stopAnywhere([hasSync, hasMove, loses], prepare, act, judge) {
  for (let at = 1, isOver = false; !isOver; at++) {
    const disk = new FakeDirectory();
    newOrigin(disk);
    Object.assign(disk, { hasSync, hasMove });
    await prepare(disk);
    disk.losesUnflushed = loses;
    disk.crashAt(at);
    await act().catch(() => {});
    isOver = !disk.isCrashed;
    disk.revive();
    newOrigin(disk);
    await judge(disk, at);
  }
}
