// A stored file that is damaged, admitted while tees watch: they see what was stored, once, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, findStored, tensorTee } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serving } from './support/serving.js';
import { withServedGuest } from './support/served.js';
import { shards } from './support/shards.js';
import { assertNothingLeft, bytesOf, directory, guest, newOrigin } from './support/store.js';
import { observed, recorder } from './support/streams.js';

const MIB = 2 ** 20;
const words = Array.from({ length: 20_000 }, (_, index) => `word-${index}-`.padEnd(60, 'x'));
/** A header of two groups, twelve in all, of which the last is short. */
const model = gguf({ metadata: { 'general.architecture': 'a', words }, tensors: [{ bytes: 10 * MIB }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, retryDelay: 1 };

/** Stores the model, and flips bits. @param {...number} flipped */
async function damaged(...flipped) {
  newOrigin();
  (await admitStored(guest, 'm.gguf', model)).model.release();
  const bytes = /** @type {Uint8Array} */ (bytesOf('m.gguf'));
  for (const at of flipped) bytes[at] ^= 16;
}

/** @param {number} group */
const rangeOf = group => `bytes=${group * MIB}-${Math.min((group + 1) * MIB, model.length) - 1}`;
/** A tee that is told bytes of something else than the model. @param {ReturnType<typeof recorder>} tee */
const isMisled = ({ bytes }) => Buffer.compare(bytes, model.subarray(0, bytes.length)) !== 0;

for (const hasSync of [true, false]) {
  test(`the file is mended on the way, and the tee sees it whole (${hasSync})`, async () => {
    for (const groups of [[0], [1], [2], [9], [11], [0, 1, 5], [1, 2, 10, 11]]) {
      await damaged(...groups.map(group => group * MIB + 77));
      Object.assign(directory, { hasSync });
      const server = await serving(model);
      const tee = recorder();
      /** @type {unknown[]} */ const heard = [];
      let latest = 0;
      const { model: mended, found } = await admitStored(guest, 'm.gguf', server.url, {
        ...options, tee, sink: 'resident',
        onHeader: (report, header) => void heard.push(header.metadata('words')[19_999], report.tensors.length),
        onProgress: ({ bytes }) => {
          assert.ok(bytes >= latest);
          latest = bytes;
        },
      });
      assert.deepEqual([found, latest, tee.closed.length, tee.aborted.length], [true, model.length, 1, 0]);
      assert.equal(Buffer.compare(tee.bytes, model), 0, `groups ${groups}`);
      assert.deepEqual(heard, [words[19_999], 1], 'asked once, of what was proven');
      assert.equal(mended.tensor(0)?.length, 10 * MIB);
      mended.release();
      assert.deepEqual(server.requests.map(({ range }) => range), groups.map(rangeOf));
      assert.deepEqual(bytesOf('m.gguf'), model);
      assertNothingLeft(STORED);
    }
  });

  test(`a MiB that the disk gives no more is fetched, and the tee sees it (${hasSync})`, async () => {
    for (const at of [0, 3 * MIB + 5, model.length - 1]) {
      await damaged();
      Object.assign(directory, { hasSync });
      Object.assign(/** @type {object} */ (directory.files.get('m.gguf')), { lost: at });
      const tee = recorder();
      (await admitStored(guest, 'm.gguf', new Blob([model]), { tee })).model.release();
      assert.equal(Buffer.compare(tee.bytes, model), 0);
      assertNothingLeft(STORED);
    }
  });
}

test('what cannot be mended ends with the tee told, that has seen no wrong byte', async () => {
  for (const [source, code, left] of /** @type {const} */ ([
    ['stream', 'damaged', 0], ['whole', 'damaged', 0], ['busy', 'http', 3],
  ])) {
    for (const at of [5, MIB + 5, 4 * MIB]) {
      await damaged(at);
      const server = await serving(model, source === 'busy' ? { status: 503 } : { range: false });
      const tee = recorder();
      const from = source === 'stream' ? observed(model).stream : server.url;
      const fault = await faultOf(admitStored(guest, 'm.gguf', from, { ...options, tee }));
      assert.deepEqual([fault.code, tee.closed.length, tee.aborted], [code, 0, [fault]]);
      assert.equal(isMisled(tee), false);
      assert.ok(server.requests.length <= 1);
      assertNothingLeft(STORED.slice(0, left));
    }
  }
});

test('a disk that spoils what is mended, too, is told of, and not mended for ever', async () => {
  await damaged(6 * MIB);
  const server = await serving(model);
  const tee = recorder();
  directory.onCall = call => {
    const bytes = bytesOf('m.gguf');
    if (call !== 'getFile' || bytes?.[6 * MIB] !== model[6 * MIB]) return; // not mended yet
    directory.onCall = undefined;
    bytes[11 * MIB] ^= 1;
  };
  const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, tee }));
  assert.deepEqual([fault.code, fault.kind], ['damaged', 'retry']);
  assert.deepEqual([tee.closed.length, tee.aborted.length], [0, 1]);
  assert.match(fault.message, /is mended/);
  assert.equal(isMisled(tee), false);
  assert.deepEqual(server.requests.map(({ range }) => range), [rangeOf(6), rangeOf(11)]);
  assert.deepEqual(bytesOf('m.gguf'), model);
});

test('a file that is cut short while it is read ends the call', async () => {
  for (const hasSync of [true, false]) {
    await damaged();
    directory.hasSync = hasSync;
    let looks = 0;
    directory.onCall = call => {
      // The look at its size, and then the one that reads.
      if (call !== 'getFile' && call !== 'createSyncAccessHandle') return;
      const file = /** @type {any} */ (directory.files.get('m.gguf'));
      if (++looks === 3) file.bytes = file.bytes.slice(0, 4 * MIB + 9);
    };
    const tee = recorder();
    const fault = await faultOf(admitStored(guest, 'm.gguf', observed(model).stream, { tee }));
    assert.deepEqual([fault.kind, tee.closed.length, tee.aborted.length], ['retry', 0, 1]);
    assert.equal(isMisled(tee), false);
  }
});

test('options that refuse a sound file refuse it as without a tee; an abort is heard', async () => {
  await damaged();
  const server = await serving(model);
  const none = new Error('none');
  const stop = new AbortController();
  /** @type {[import('../index.js').AdmitOptions, string | undefined][]} */
  const cases = [
    [{ limits: { tensors: 0 } }, 'limit'], [{ sha256: '0'.repeat(64), digests: ['sha256'] }, undefined],
    [{ evidence: new Uint8Array(32).fill(3) }, 'digest'], [{ onHeader: () => { throw none; } }, undefined],
    [{ signal: stop.signal, onHeader: () => stop.abort(none) }, undefined],
  ];
  for (const [more, code] of cases) {
    const tee = recorder();
    const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, ...more, tee }));
    if (code) assert.equal(fault.code, code);
    assert.deepEqual([tee.closed.length, tee.aborted.length, isMisled(tee)], [0, 1, false]);
    if (code || more.onHeader) assert.deepEqual(bytesOf('m.gguf'), model);
  }
});

test('a file that a browser clears away while a tee watches is told as changed', async () => {
  await damaged();
  // What is left of it cannot be read any more.
  Object.assign(/** @type {object} */ (directory.files.get('m.gguf')), { lost: 5 * MIB });
  const tee = recorder({ write: offset => offset === 2 * MIB && directory.files.clear() });
  const fault = await faultOf(admitStored(guest, 'm.gguf', new Blob([model]), { tee }));
  assert.deepEqual([fault.code, fault.kind, tee.aborted], ['changed', 'retry', [fault]]);
  assert.equal(isMisled(tee), false);
  assertNothingLeft();
});

test('a tee of a page sees the same from a worker, and so do tensors', () => withServedGuest(async served => {
  await damaged(7 * MIB + 1);
  const server = await serving(model);
  const bytes = new Uint8Array(10 * MIB);
  const tee = tensorTee({ write: (/** @type {Uint8Array} */ piece, /** @type {number} */ at) => bytes.set(piece, at) });
  const seen = recorder();
  const { model: mended, found } = await served.admitStored('m.gguf', server.url, { ...options, tee: [seen, tee] });
  const { tensors: [{ offset }] } = mended.report;
  await mended.release();
  assert.deepEqual([found, server.requests.length], [true, 1]);
  assert.equal(Buffer.compare(bytes, model.subarray(offset, offset + 10 * MIB)), 0);
  assert.equal(Buffer.compare(seen.bytes, model), 0);
  assertNothingLeft(STORED);
}));

test('of a set each shard that is damaged is mended on the way, its lead too', async () => {
  const files = shards(3, { bytes: 3 * MIB });
  const names = ['a', 'b', 'c'];
  (await admitStored(guest, names, files.map(file => new Blob([file])))).model.release();
  for (const name of ['a', 'c']) /** @type {Uint8Array} */ (bytesOf(name))[2 * MIB] ^= 1;
  const tees = files.map(() => recorder());
  const { model: set, found } = await admitStored(guest, names, files.map(file => new Blob([file])), {
    shards: tees.map(tee => ({ tee })),
  });
  assert.deepEqual([found, set.report.set?.joined], [true, [0, 1, 2]]);
  set.release();
  tees.forEach((tee, no) => assert.equal(Buffer.compare(tee.bytes, files[no]), 0));
  for (const [no, name] of names.entries()) assert.deepEqual(bytesOf(name), files[no]);
  assert.ok(await findStored('a'));
});
