// A guest, and a private file system in memory with its locks, new for each test.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach } from 'node:test';
import { assertNoSession, freshGuest } from './guest.js';
import { gguf } from './gguf.js';
import { fakeOrigin } from './opfs.js';

/** @type {import('../../index.js').Guest} */ export let guest;
/** @type {import('./opfs.js').FakeDirectory} */ export let directory;
/** @type {import('./opfs.js').FakeLocks} */ export let locks;
beforeEach(async () => {
  guest = await freshGuest();
  newOrigin();
});

/** A new file system and new locks; with a directory, new locks only: its tab is gone. */
export function newOrigin(/** @type {import('./opfs.js').FakeDirectory | undefined} */ from = undefined) {
  ({ directory, locks } = fakeOrigin(from));
}

export const file = gguf({ tensors: [{ bytes: 300_000 }] });
export const other = gguf({ tensors: [{ bytes: 300_000, fill: () => 7 }] });

/** @param {Uint8Array} bytes */
export const sha256Of = bytes => createHash('sha256').update(bytes).digest('hex');

/** @param {string} name */
export const bytesOf = name => directory.files.get(name)?.bytes;

/** When a stored file was read last may stand beside it, or not. */
export function assertNothingLeft(names = /** @type {string[]} */ ([])) {
  assert.deepEqual(directory.names.filter(name => !names.some(stored => name === `${stored}.used`)), names);
  assert.equal(locks.held, 0);
  assert.ok([...directory.files.values()].every(file => !file.isHeld && file.readers === 0));
  assertNoSession(guest);
}
