// The store with the guest in a worker, and whatever can mend a stored file, since it can be asked for a part: the same
// there and on this thread.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { admitStored } from '../index.js';
import { folderWith } from './support/disk.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serving } from './support/serving.js';
import { withServedGuest } from './support/served.js';
import { assertNothingLeft, bytesOf, directory, guest, newOrigin, sha256Of } from './support/store.js';
import { observed } from './support/streams.js';

const MIB = 2 ** 20;
/** Five groups, of which the last is short. */
const model = gguf({ tensors: [{ bytes: 3 * MIB }, { bytes: MIB + 4 * 77_777 }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, retryDelay: 1 };
const { onDisk, openFiles } = folderWith(model);

/** Stores the model, and flips bits of two groups. */
async function damaged() {
  newOrigin();
  (await admitStored(guest, 'm.gguf', model)).model.release();
  const bytes = /** @type {Uint8Array} */ (bytesOf('m.gguf'));
  for (const at of [MIB + 77, model.length - 1]) bytes[at] ^= 16;
}

/** @typedef {(name: string, source: any, options?: object) => Promise<{ model: any, found: boolean }>} Call */
/** @type {[string, (use: (call: Call) => Promise<void>) => Promise<void>][]} */
const PLACES = [
  ['on this thread', use => use((...given) => admitStored(guest, ...given))],
  ['in a worker', use => withServedGuest(served => use((...given) => served.admitStored(...given)))],
];

/** A handle as of a file that is picked, and the synchronous one of a worker. */
const handleOf = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) =>
  ({ kind: 'file', getFile: async () => new Blob([bytes]) });
const syncOf = (/** @type {Uint8Array} */ bytes) => ({
  getSize: () => bytes.length, close() {},
  read(/** @type {Uint8Array} */ target, { at = 0 } = {}) {
    const piece = bytes.subarray(at, at + target.length);
    target.set(piece);
    return piece.length;
  },
});

/** @type {Record<string, (bytes: Uint8Array<ArrayBuffer>) => any>} */
const HOLDERS = {
  'a Blob': bytes => new Blob([bytes]), 'a File': bytes => new File([bytes], 'again.gguf'), 'bytes': bytes => bytes,
  'an ArrayBuffer': bytes => bytes.slice().buffer, 'a file handle': handleOf, 'a synchronous handle': syncOf,
  'a path': () => ({ path: onDisk }), 'the address of a file': () => pathToFileURL(onDisk),
};

for (const [where, on] of PLACES) {
  for (const [what, made] of Object.entries(HOLDERS)) {
    test(`a stored file is mended from ${what}, ${where}`, () => on(async call => {
      await damaged();
      const { model: mended, found } = await call('m.gguf', made(model));
      await mended.release();
      assert.equal(found, true);
      assert.deepEqual(bytesOf('m.gguf'), model);
      assertNothingLeft(STORED);
      assert.equal(openFiles(), 0);
    }));
  }

  test(`an open file of the caller's mends, and stays open, ${where}`, () => on(async call => {
    await damaged();
    const fd = fs.openSync(onDisk, 'r');
    try {
      await (await call('m.gguf', { fd })).model.release();
      assert.deepEqual(bytesOf('m.gguf'), model);
      assert.equal(fs.fstatSync(fd).size, model.length);
    } finally {
      fs.closeSync(fd);
    }
  }));

  test(`another file, a shorter one, and what gives its bytes once do not mend: the file is deleted, ${where}`, () =>
    on(async call => {
      const another = model.slice();
      another[MIB + 5] ^= 1;
      for (const source of [
        new Blob([another]), model.subarray(0, MIB + 5), observed(model).stream, [model.subarray(0, 9)],
        new Response(model),
      ]) {
        await damaged();
        const fault = await faultOf(call('m.gguf', source));
        assert.deepEqual([fault.code, fault.kind], ['damaged', 'retry']);
        assertNothingLeft();
      }
    }));

  test(`a file that cannot be read now does not cost the damaged one, ${where}`, () => on(async call => {
    await damaged();
    const gone = { kind: 'file', getFile: async () => { throw new DOMException('it was moved', 'NotFoundError'); } };
    const fault = await faultOf(call('m.gguf', gone));
    assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
    assert.match(fault.message, /is damaged, and cannot be mended now/);
    assertNothingLeft(STORED);
    await (await call('m.gguf', new Blob([model]))).model.release();
    assert.deepEqual(bytesOf('m.gguf'), model);
  }));

  test(`a Response mends, and what was kept goes on with it, ${where}`, () => on(async call => {
    await damaged();
    const { url, requests } = await serving(model);
    await (await call('m.gguf', await fetch(url), options)).model.release();
    assert.deepEqual(bytesOf('m.gguf'), model);
    assert.equal(requests.length, 1 + 2, 'the answer itself, and two groups');
    newOrigin();
    const server = await serving(model, { breakAfter: 3.2 * MIB }, {});
    const answer = async () => fetch(server.url);
    const fault = await faultOf(call('m.gguf', await answer(), options));
    assert.equal(fault.kind, 'source');
    const proven = Math.floor((/** @type {Uint8Array} */ (bytesOf('m.gguf.journal')).length - 4096) / 32) * MIB;
    assert.ok(proven >= 2 * MIB);
    /** @type {number | undefined} */ let kept;
    const onProgress = (/** @type {{ kept: number }} */ event) => void ({ kept } = event);
    const { model: admitted } = await call('m.gguf', await answer(), { ...options, onProgress });
    await admitted.release();
    assert.equal(kept, proven);
    assert.deepEqual(bytesOf('m.gguf'), model);
    assert.deepEqual(server.requests.map(({ range }) => range), [undefined, undefined, `bytes=${proven}-`]);
    assertNothingLeft(STORED);
  }));

  test(`what is kept and spoilt is fetched from a Response again, ${where}`, () => on(async call => {
    newOrigin(); // without the lock of the worker's life
    const server = await serving(model, { breakAfter: 4.2 * MIB }, {});
    await faultOf(call('m.gguf', await fetch(server.url), options));
    /** @type {Uint8Array} */ (bytesOf('m.gguf.part'))[MIB + 9] ^= 1;
    const { model: admitted } = await call('m.gguf', await fetch(server.url), options);
    assert.equal(admitted.report.digests.sha256, sha256Of(model));
    await admitted.release();
    assert.deepEqual(bytesOf('m.gguf'), model);
    assert.equal(server.requests.at(-1)?.range, `bytes=${MIB}-`);
    assertNothingLeft(STORED);
  }));
}

test('a worker has the calls of the store as the package has them', () => withServedGuest(async served => {
  const disk = { directory: /** @type {any} */ (directory) };
  assert.equal(await served.findStored('m.gguf', disk), undefined);
  (await admitStored(guest, 'm.gguf', model)).model.release();
  assert.equal((await served.findStored('m.gguf'))?.length, model.length);
  assert.equal(await served.pinStored('m.gguf', true, disk), true);
  const [{ name, pinned }] = await served.listStored(disk);
  assert.deepEqual([name, pinned], ['m.gguf', true]);
  await served.removeStored('m.gguf', disk);
  assert.deepEqual(await served.listStored(), []);
  assert.equal((await faultOf(served.persistStored())).code, 'unsupported');
  const reason = new Error('no');
  await assert.rejects(served.removeStored('m.gguf', { signal: AbortSignal.abort(reason) }), reason);
}));
