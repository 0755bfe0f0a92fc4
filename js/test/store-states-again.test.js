// What is on the disk after a second stop: of a call that went on where one had been stopped, and of a removal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, findStored, listStored, pinStored, removeStored } from '../index.js';
import { freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { FakeDirectory } from './support/opfs.js';
import { serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, directory, guest, newOrigin } from './support/store.js';

const MIB = 2 ** 20;
/** Four groups, of which two are kept. */
const model = gguf({ tensors: [{ bytes: 3 * MIB }, { bytes: MIB / 2 }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, length: model.length };

/** @type {[hasSync: boolean, hasMove: boolean, losesUnflushed: boolean][]} */
const DISKS = [[true, true, false], [true, false, true], [false, true, false]];

/** @param {FakeDirectory} disk  a tab that has died: another comes @param {Partial<FakeDirectory>} [engine] */
function revived(disk, engine = {}) {
  disk.revive();
  Object.assign(disk, engine);
  newOrigin(disk);
}

for (const [hasSync, hasMove, losesUnflushed] of DISKS) {
  const engine = [hasSync ? 'synchronous handles' : 'writable streams', hasMove ? 'move' : 'no move'].join(', ');
  const what = `${engine}${losesUnflushed ? ', unflushed writes lost' : ''}`;

  test(`a stop at any step of a call that goes on costs two groups at most (${what})`, async t => {
    let now = 0;
    // As in store-states.test.js: a second passes with each look at a clock, so that every group is flushed.
    if (losesUnflushed) t.mock.method(performance, 'now', () => (now += 1000));
    const server = await serving(model, { breakAfter: 2.6 * MIB }, {});
    newOrigin();
    Object.assign(directory, { hasSync, hasMove });
    await admitStored(guest, 'm.gguf', server.url, options).catch(() => {});
    const kept = (await listStored())[0]?.kept ?? 0;
    assert.ok(kept >= MIB);
    const disk = new Map([...directory.files].map(([name, { bytes }]) => [name, bytes]));

    for (let at = 1, isOver = false; !isOver; at++) {
      const again = new FakeDirectory();
      for (const [name, bytes] of disk) {
        await again.getFileHandle(name, { create: true });
        Object.assign(/** @type {any} */ (again.files.get(name)), { bytes: bytes.slice(), flushed: bytes.slice() });
      }
      revived(again, { hasSync, hasMove, losesUnflushed });
      again.crashAt(at);
      let reached = kept;
      const tee = { write: (/** @type {Uint8Array} */ { length }, /** @type {number} */ offset) =>
        void (reached = Math.max(reached, offset + length)) };
      await admitStored(await freshGuest(), 'm.gguf', server.url, { ...options, tee }).catch(() => {});
      isOver = !again.isCrashed;
      revived(again);
      let from = 0;
      const onProgress = (/** @type {{ kept: number }} */ event) => void (from = event.kept);
      const { model: admitted, found } = await admitStored(guest, 'm.gguf', server.url, { ...options, onProgress });
      admitted.release();
      const least = hasSync ? reached - 2 * MIB : kept;
      assert.ok(found || from >= least, `step ${at}: of ${reached} bytes ${from} are kept`);
      assert.deepEqual(bytesOf('m.gguf'), model, `step ${at}`);
      assertNothingLeft(STORED);
    }
  });

  test(`a stop at any step of a removal leaves the file, or what the next removal takes away (${what})`, async () => {
    for (let at = 1, isOver = false; !isOver; at++) {
      newOrigin();
      Object.assign(directory, { hasSync, hasMove });
      (await admitStored(guest, 'm.gguf', model)).model.release();
      await pinStored('m.gguf');
      directory.losesUnflushed = losesUnflushed;
      directory.crashAt(at);
      await removeStored('m.gguf').catch(() => {});
      isOver = !directory.isCrashed;
      revived(directory);
      if (await findStored('m.gguf')) assert.deepEqual(bytesOf('m.gguf'), model, `step ${at}`);
      else if (directory.names.length > 0) assert.equal((await listStored()).length, 1, `step ${at}: it is listed`);
      if (at % 2) (await admitStored(guest, 'm.gguf', model)).model.release();
      await removeStored('m.gguf');
      assertNothingLeft();
    }
  });
}
