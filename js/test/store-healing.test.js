// A stored file that a disk spoilt: what differs is fetched again, and no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, findStored, openStored, pinStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, directory, guest, newOrigin } from './support/store.js';

const MIB = 2 ** 20;
const words = Array.from({ length: 20_000 }, (_, index) => `word-${index}-`.padEnd(60, 'x'));
/** A header of two groups, six in all, of which the last is short. */
const model = gguf({ metadata: { 'general.architecture': 'a', words }, tensors: [{ bytes: 4 * MIB }] });
const another = model.slice();
for (let at = 5; at < another.length; at += MIB) another[at] ^= 1;
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, retryDelay: 1 };
const HTML = { 'content-type': 'text/html; charset=utf-8' };

/** Stores the model, and flips bits. @param {...number} flipped */
async function damaged(...flipped) {
  newOrigin();
  (await admitStored(guest, 'm.gguf', model)).model.release();
  // The bytes of a Blob that was made before stay as they were.
  const bytes = /** @type {Uint8Array} */ (bytesOf('m.gguf'));
  for (const at of flipped) bytes[at] ^= 16;
}

/** @param {number} group */
const rangeOf = group => `bytes=${group * MIB}-${Math.min((group + 1) * MIB, model.length) - 1}`;

for (const [hasSync, hasMove] of [[true, true], [false, true], [true, false]]) {
  test(`groups that differ are fetched again, and no other (${hasSync}, ${hasMove})`, async () => {
    for (const groups of [[0], [1], [2], [5], [0, 3, 5], [0, 1, 2, 3, 4, 5]]) {
      await damaged(...groups.map(group => group * MIB + 77));
      Object.assign(directory, { hasSync, hasMove });
      const server = await serving(model);
      /** @type {unknown[]} */ const heard = [];
      let latest = 0;
      const { model: mended, found } = await admitStored(guest, 'm.gguf', server.url, {
        ...options, sink: 'resident',
        onHeader: (report, header) => void heard.push(header.metadata('words')[19_999], report.tensors.length),
        onProgress: ({ bytes }) => {
          assert.ok(bytes >= latest);
          latest = bytes;
        },
      });
      assert.deepEqual([found, mended.stored, latest], [true, true, model.length]);
      assert.deepEqual(heard, [words[19_999], 1], 'asked once, of what was proven');
      assert.equal(mended.tensor(0)?.length, 4 * MIB);
      mended.release();
      assert.deepEqual(server.requests.map(({ range }) => range), groups.map(rangeOf));
      assert.ok(server.sent <= groups.length * MIB);
      assert.deepEqual(bytesOf('m.gguf'), model);
      assertNothingLeft(STORED);
      const again = await admitStored(guest, 'm.gguf', 'http://nowhere.invalid/');
      assert.equal(again.found, true);
      again.model.release();
    }
  });
}

test('the file is mended from a Response, a Request and another address, whatever they call it', async () => {
  const first = await serving(model);
  for (const source of [
    async () => fetch(first.url), async () => new Request(first.url), async () => `${first.url}/else?signed=1`,
    async () => (await serving(model, { headers: { etag: undefined } })).url,
    async () => (await serving(model, { headers: { etag: '"new"', 'content-range': undefined } })).url,
  ]) {
    await damaged(3 * MIB);
    const { model: mended, found } = await admitStored(guest, 'm.gguf', await source(), options);
    mended.release();
    assert.equal(found, true, String(source));
    assert.deepEqual(bytesOf('m.gguf'), model);
  }
});

test('where it cannot be mended it is deleted, and the same call again fetches all; a pin stays', async () => {
  /** @type {import('./support/server.js').Manner[]} */
  const manners = [{ range: false }, { status: 404 }, { body: another }, { body: model.subarray(0, 2 * MIB) }];
  for (const manner of manners) {
    await damaged(3 * MIB);
    await pinStored('m.gguf');
    const server = await serving(model, manner);
    const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, options));
    assert.deepEqual([fault.code, fault.kind], ['damaged', 'retry'], JSON.stringify(Object.keys(manner)));
    assert.match(fault.message, /deleted/);
    assert.ok(server.sent <= MIB + 2 ** 19 || manner.range === false || manner.status);
    assertNothingLeft(['m.gguf.pin']);
    assert.equal(await findStored('m.gguf'), undefined);
  }
});

test('a server that is busy, out of reach or wants another signature: the file stays, is mended later', async () => {
  for (const manner of [{ status: 503 }, { status: 401 }, { status: 403 }, { cut: true }, { breakAfter: 1000 }]) {
    await damaged(3 * MIB);
    const server = await serving(model, manner, {});
    const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, options));
    assert.deepEqual([fault.code, fault.kind], ['status' in manner ? 'http' : 'source', 'source']);
    assert.match(fault.message, /is damaged, and cannot be mended now/);
    assertNothingLeft(STORED);
    const { model: mended, found } = await admitStored(guest, 'm.gguf', server.url, options);
    mended.release();
    assert.deepEqual([found, server.requests.length], [true, 2]);
    assert.deepEqual(bytesOf('m.gguf'), model);
  }
});

test('a page, to log in say, in the place of the file: that stays as it is, and is mended later', async () => {
  await damaged(3 * MIB);
  const server = await serving(model, { body: Buffer.from('<!doctype html>'), range: false, headers: HTML }, {});
  const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assert.deepEqual([fault.code, fault.kind], ['html', 'source']);
  assertNothingLeft(STORED);
  (await admitStored(guest, 'm.gguf', server.url, options)).model.release();
  assert.deepEqual(bytesOf('m.gguf'), model);
});

test('a line that breaks is tried again, as in a download', async () => {
  await damaged(3 * MIB);
  const server = await serving(model, { breakAfter: 1000 }, { status: 429 }, { cut: true }, {});
  const { model: mended } = await admitStored(guest, 'm.gguf', server.url, { retryDelay: 1 });
  mended.release();
  assert.ok(server.requests.length >= 4);
  assert.deepEqual(bytesOf('m.gguf'), model);
});

test('an abort leaves the damaged file, and no part', async () => {
  await damaged(3 * MIB);
  const stop = new AbortController();
  const reason = new Error('no more');
  const server = await serving(model, { wait: new Promise(() => {}) });
  const ending = faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, signal: stop.signal }));
  while (server.requests.length === 0) await new Promise(resolve => setTimeout(resolve, 5));
  stop.abort(reason);
  assert.equal(await ending, reason);
  assertNothingLeft(STORED);
});

test('a disk without room for the new part, or with a model that is open, does not mend', async () => {
  await damaged(3 * MIB);
  const server = await serving(model);
  directory.quota = 1.5 * model.length;
  const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assert.deepEqual([fault.code, fault.kind], ['damaged', 'retry']);
  assertNothingLeft();
  await damaged(3 * MIB);
  const opened = await openStored(guest, 'm.gguf');
  const locked = await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assert.deepEqual([locked.code, locked.kind], ['locked', 'retry']);
  opened?.release();
  await new Promise(resolve => setTimeout(resolve));
  assertNothingLeft(STORED);
});

test('what the options refuse of a sound file is not mended', async () => {
  await damaged();
  const server = await serving(model);
  const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, limits: { tensors: 0 } }));
  assert.equal(fault.code, 'limit');
  assert.equal(server.requests.length, 0);
});

test('onHeader is asked of a header that was proven, not of the one that the disk spoilt', async () => {
  const at = Buffer.from(model).indexOf('word-19999-');
  assert.ok(at > MIB);
  await damaged(at + 2);
  const server = await serving(model);
  /** @type {string[]} */ const looked = [];
  const { model: mended } = await admitStored(guest, 'm.gguf', server.url, {
    ...options, onHeader: (_, header) => void looked.push(header.metadata('words')[19_999]),
  });
  mended.release();
  assert.deepEqual(looked, [words[19_999]]);
  assert.deepEqual(server.requests.map(({ range }) => range), [rangeOf(1)]);
});
