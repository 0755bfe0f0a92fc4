// A disk that gives some of a file no more: what it gave before is used, and the rest is fetched.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { servers, serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, directory, guest, newOrigin, sha256Of } from './support/store.js';
import { observed, recorder } from './support/streams.js';

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 3 * MIB }, { bytes: MIB + 4 * 77_777 }] });
const sha256 = sha256Of(model);
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, retryDelay: 1 };
const optional = { ...options, store: /** @type {const} */ ('optional') };

/** @param {string} name @param {number} at */
const lose = (name, at) => void Object.assign(/** @type {object} */ (directory.files.get(name)), { lost: at });

/** Stores the model on a disk that loses a byte of it. @param {boolean} hasSync */
async function stored(hasSync, at = 2 * MIB + 5) {
  newOrigin();
  Object.assign(directory, { hasSync });
  (await admitStored(guest, 'm.gguf', model)).model.release();
  lose('m.gguf', at);
}

for (const hasSync of [true, false]) {
  const engine = hasSync ? 'synchronous handles' : 'writable streams';

  test(`what was kept and cannot be read is fetched, with all behind it (${engine})`, async () => {
    for (const tee of [undefined, recorder()]) {
      for (const group of [0, 1, 2]) {
        newOrigin();
        Object.assign(directory, { hasSync });
        const server = await serving(model, { breakAfter: 4.2 * MIB }, {});
        await faultOf(admitStored(guest, 'm.gguf', server.url, options));
        lose('m.gguf.part', group * MIB + 7);
        let kept = 0;
        const seen = tee && recorder();
        const { model: admitted } = await admitStored(guest, 'm.gguf', server.url, {
          ...options, tee: seen, onProgress: event => void ({ kept } = event),
        });
        admitted.release();
        assert.equal(kept, group * MIB);
        assert.deepEqual(bytesOf('m.gguf'), model);
        if (seen) assert.equal(Buffer.compare(seen.bytes, model), 0);
        lose('m.gguf', NaN);
        assertNothingLeft(STORED);
      }
    }
  });

  test(`a MiB of a stored file that cannot be read is mended, and no other is fetched (${engine})`, async () => {
    for (const source of [async () => (await serving(model)).url, async () => new Blob([model])]) {
      await stored(hasSync);
      const from = await source();
      const { model: mended, found } = await admitStored(guest, 'm.gguf', from, options);
      mended.release();
      assert.equal(found, true);
      assert.deepEqual(bytesOf('m.gguf'), model);
      assertNothingLeft(STORED);
    }
    assert.deepEqual(servers[0].requests.map(({ range }) => range), [`bytes=${2 * MIB}-${3 * MIB - 1}`]);
  });

  test(`one that cannot be read nor mended stays: a disk may come back (${engine})`, async () => {
    const { url } = await serving(model, { range: false });
    for (const source of [url, observed(model).stream]) {
      await stored(hasSync);
      const fault = await faultOf(admitStored(guest, 'm.gguf', /** @type {any} */ (source), options));
      assert.equal(fault.kind, 'source');
      assertNothingLeft(STORED);
      lose('m.gguf', NaN);
      const again = await admitStored(guest, 'm.gguf', 'http://nowhere.invalid/');
      assert.equal(again.found, true);
      again.model.release();
    }
  });

  test(`a store that need not be: what it gives no more comes from the source (${engine})`, async () => {
    for (const source of [(await serving(model, { range: false })).url, observed(model).stream, new Response(model)]) {
      await stored(hasSync);
      const { model: admitted, found } = await admitStored(guest, 'm.gguf', /** @type {any} */ (source), optional);
      assert.deepEqual([found, admitted.stored, admitted.report.digests.sha256], [false, false, sha256]);
      assert.equal(admitted.storeFault?.kind, 'source');
      admitted.release();
      assertNothingLeft(STORED);
    }
  });
}

test('a store that need not be: a damaged file is deleted, and its source admitted in the same call', async () => {
  await stored(true, NaN);
  /** @type {Uint8Array} */ (bytesOf('m.gguf'))[MIB] ^= 1;
  const { stream } = observed(model);
  const { model: admitted, found } = await admitStored(guest, 'm.gguf', stream, optional);
  assert.deepEqual([found, admitted.stored, admitted.storeFault?.code], [false, false, 'damaged']);
  assert.equal(admitted.report.digests.sha256, sha256);
  admitted.release();
  assertNothingLeft();
});

test('a store that need not be: the source is given up when the file is found, and where it is refused', async () => {
  await stored(true, NaN);
  const given = observed(model);
  (await admitStored(guest, 'm.gguf', given.stream, optional)).model.release();
  assert.equal(given.stream.locked, false);
  assert.ok(given.isCancelled);
  const other = observed(model);
  const none = new Error('none of it');
  const onHeader = () => { throw none; };
  await assert.rejects(admitStored(guest, 'm.gguf', other.stream, { ...optional, onHeader }), none);
  assert.ok(other.isCancelled);
  assertNothingLeft(STORED);
});

test('with a tee that has seen bytes of the stored file, there is no other source', async () => {
  await stored(true);
  const tee = recorder();
  const { url } = await serving(model, { range: false });
  const fault = await faultOf(admitStored(guest, 'm.gguf', url, { ...optional, tee }));
  assert.deepEqual([fault.kind, tee.closed.length, tee.aborted.length], ['source', 0, 1]);
  assertNothingLeft(STORED);
});
