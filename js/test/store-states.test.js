// What is on the disk after a stop between any two steps: a file with its record, or a part whose journal proves it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { admitStored, findStored } from '../index.js';
import { freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { FakeDirectory } from './support/opfs.js';
import { serve } from './support/server.js';
import { assertNothingLeft, bytesOf, guest, newOrigin, sha256Of } from './support/store.js';

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 2 * MIB }, { bytes: MIB + 333 }] });
/** What the model takes the place of: a file of another length, or of the same. */
const SHORTER = gguf({ tensors: [{ bytes: 1000 }] });
const AS_LONG = gguf({ tensors: [{ bytes: 2 * MIB, fill: () => 7 }, { bytes: MIB + 333 }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, length: model.length };
const wanted = { ...options, sha256: sha256Of(model) };

/** @type {Awaited<ReturnType<typeof serve>>} */ let server;
before(async () => void (server = await serve(model)));
after(() => server.close());

/** @type {[hasSync: boolean, hasMove: boolean, losesUnflushed: boolean, older?: Uint8Array<ArrayBuffer>][]} */
const DISKS = [
  [true, true, false], [true, true, false, SHORTER], [true, true, true], [true, true, true, AS_LONG],
  [true, false, true, AS_LONG], [false, true, false, SHORTER], [false, true, false, AS_LONG],
  [false, false, false, AS_LONG],
];

for (const [hasSync, hasMove, loses, older] of DISKS) {
  const engine = [hasSync ? 'synchronous handles' : 'writable streams', hasMove ? 'move' : 'no move'].join(', ');
  const replaced = older && `a file ${older === AS_LONG ? 'as long' : 'of another length'} is replaced`;
  const what = `${replaced ?? 'a file is stored'}${loses ? ', unflushed writes lost' : ''}`;
  test(`a stop at any step costs two groups at most (${what}; ${engine})`, async t => {
    // Of a machine that stops what came since the last flush is lost too. Here a second passes with each look at a
    // clock: every group is flushed.
    let now = 0;
    if (loses) t.mock.method(performance, 'now', () => (now += 1000));
    for (let at = 1, isOver = false; !isOver; at++) {
      const disk = new FakeDirectory();
      newOrigin(disk);
      Object.assign(disk, { hasSync, hasMove });
      if (older) (await admitStored(guest, 'm.gguf', older)).model.release();
      disk.losesUnflushed = loses;
      disk.crashAt(at);
      let reached = 0;
      const tee = { write: (/** @type {Uint8Array} */ { length }) => void (reached += length) };
      await admitStored(await freshGuest(), 'm.gguf', server.url, { ...wanted, tee }).catch(() => {});
      isOver = !disk.isCrashed;
      disk.revive();
      newOrigin(disk);

      const names = disk.names.join();
      const survivor = await findStored('m.gguf');
      const isNew = survivor?.digests.sha256 === wanted.sha256;
      if (survivor) assert.deepEqual(bytesOf('m.gguf'), isNew ? model : older, `step ${at}`);
      const isOlderGone = older && (!survivor || isNew);
      let kept = 0;
      const result = await admitStored(guest, 'm.gguf', server.url, {
        ...wanted, onProgress: event => void (kept = event.kept),
      });
      result.model.release();
      assert.equal(result.found, isNew, `step ${at}`);
      assert.deepEqual(bytesOf('m.gguf'), model, `step ${at}`);
      assertNothingLeft(STORED);
      // A stream leaves what was closed; but what was stored goes only when that cannot be lost any more.
      const isEnough = result.found || kept >= reached - 2 * MIB || !(hasSync || isOlderGone);
      assert.ok(isEnough, `step ${at}: of ${reached} bytes ${kept} are kept (${names})`);
    }
  });
}

test('what a machine loses that stops between two flushes is found, and fetched again', async t => {
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  const disk = new FakeDirectory();
  newOrigin(disk);
  disk.losesUnflushed = true;
  disk.onCall = name => void (now += name === 'flush' ? 50 : 0); // a slow disk, and bytes that come all at once
  let reached = 0;
  const stop = (/** @type {Uint8Array} */ { length }) => void ((reached += length) > 2.5 * MIB && disk.crashAt(1));
  const crashed = admitStored(await freshGuest(), 'm.gguf', server.url, { ...options, tee: { write: stop } });
  await crashed.catch(() => {});
  assert.ok(disk.isCrashed);
  disk.revive();
  newOrigin(disk);
  let kept = 0;
  const onProgress = (/** @type {{ kept: number }} */ event) => void ({ kept } = event);
  (await admitStored(guest, 'm.gguf', server.url, { ...options, onProgress })).model.release();
  assert.deepEqual([bytesOf('m.gguf'), kept], [model, MIB], 'the first group is flushed at once');
  assertNothingLeft(STORED);
});

test('a stop between the record and the end of the journal: the file stays, though another is wanted', async () => {
  const disk = new FakeDirectory();
  newOrigin(disk);
  (await admitStored(guest, 'm.gguf', server.url, options)).model.release();
  // What `promote` removes last.
  await disk.getFileHandle('m.gguf.journal', { create: true });
  const other = { retries: 0, sha256: '0'.repeat(64) };
  await assert.rejects(admitStored(guest, 'm.gguf', 'http://127.0.0.1:1/m.gguf', other), { code: 'source' });
  assert.deepEqual(bytesOf('m.gguf'), model);
  assert.equal((await findStored('m.gguf'))?.length, model.length);
  (await admitStored(guest, 'm.gguf', server.url, options)).model.release();
  assertNothingLeft(STORED);
});
