// Tensors from the disk: read when they are asked for, and proven before anybody sees them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenedModel, admitStored, listStored, openStored, removeStored } from '../index.js';
import { assertNoSession, faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { assertNothingLeft, bytesOf, directory, file, guest, locks } from './support/store.js';

const MIB = 2 ** 20;
const random = (/** @type {number} */ seed) => (/** @type {number} */ index) => (index * 2_654_435_761 + seed) >>> 13;
/** A header that ends in the third group, and tensors that begin and end within groups. */
const words = Array.from({ length: 40_000 }, (_, index) => `word-${index}-`.padEnd(60, 'x'));
const model = gguf({
  metadata: { 'general.architecture': 'a', words },
  tensors: [
    { name: 'small', bytes: 100, fill: random(1) }, { name: 'large', bytes: 3 * MIB + 5, fill: random(2) },
    { name: 'none', bytes: 0 }, { name: 'last', bytes: MIB / 2, fill: random(3) },
  ],
});
const HEADER_GROUPS = 3;

/** @param {string} name */
const bytes = name => /** @type {Uint8Array} */ (bytesOf(name));

/** @returns {Promise<OpenedModel>} */
async function opened(name = 'm.gguf') {
  const model = await openStored(guest, name);
  assert.ok(model instanceof OpenedModel);
  return model;
}

async function store(from = model) {
  (await admitStored(guest, 'm.gguf', from)).model.release();
}

/** Until locks that were given up are free. */
const settled = () => new Promise(resolve => setTimeout(resolve));

test('a stored model is opened with its header; each tensor, and parts of one, are read from the disk', async () => {
  const { model: admitted } = await admitStored(guest, 'm.gguf', model);
  const { report, ...whole } = { report: admitted.report, evidence: admitted.evidence() };
  admitted.release();
  const before = guest.memoryBytes;
  const found = await opened();
  assert.deepEqual([found.report.gguf, found.report.tensors], [report.gguf, report.tensors]);
  assert.deepEqual([found.report.digests, found.report.recorded], [report.digests, ['sha256', 'blake3']]);
  assert.equal(found.metadata('words').length, 40_000);
  assert.deepEqual(found.evidence(), whole.evidence);
  for (const { name, offset, bytes: size } of report.tensors) {
    const expected = model.subarray(offset, offset + size);
    assert.equal(Buffer.compare(/** @type {any} */ (await found.tensor(name)), expected), 0, name);
    for (const [start, end] of [[0, 0], [0, size >> 2], [size >> 1, size], [size >> 3, size], [size, size]]) {
      const part = await found.tensor(name, { start, end });
      assert.equal(Buffer.compare(/** @type {any} */ (part), expected.subarray(start, end)), 0, `${name} ${start}`);
    }
  }
  assert.deepEqual([await found.tensor('other'), await found.tensor(4)], [undefined, undefined]);
  assert.equal(found.checkGroup(1, model.subarray(MIB, 2 * MIB)), true);
  assert.ok(guest.memoryBytes - before <= 4 * MIB);
  assert.equal(locks.held, 1);
  found.release();
  found.release();
  assert.equal((await faultOf(found.tensor('small'))).code, 'handle');
  await settled();
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
});

test('two models are open at a time; `using` ends one', async () => {
  await store();
  const [one, other] = [await opened(), await opened()];
  assert.equal(locks.held, 2);
  one[Symbol.dispose ?? 'release']?.();
  one.release();
  assert.equal((await faultOf(removeStored('m.gguf'))).code, 'locked');
  assert.equal((await other.tensor('small'))?.length, 100);
  other.release();
  await settled();
  await removeStored('m.gguf');
  assertNothingLeft();
});

test('a bit that is flipped in the header is an error before a model is answered', async () => {
  await store();
  for (let group = 0; group < HEADER_GROUPS; group++) {
    for (const at of [group * MIB + 7, (group + 1) * MIB - 1]) {
      bytes('m.gguf')[at] ^= 8;
      const fault = await faultOf(openStored(guest, 'm.gguf'));
      assert.deepEqual([fault.code, fault.kind, fault.offset], ['damaged', 'source', group * MIB], `byte ${at}`);
      bytes('m.gguf')[at] ^= 8;
      assertNoSession(guest);
      assert.equal(locks.held, 0);
    }
  }
});

test('a bit that is flipped in a tensor is an error with its place; what lies elsewhere is read', async () => {
  await store();
  const found = await opened();
  const { tensors } = found.report;
  const [, large] = tensors;
  const last = large.offset + large.bytes - 1;
  bytes('m.gguf')[last] ^= 128;
  const reopened = await opened(); // the first one read from the file as it was
  const fault = await faultOf(reopened.tensor('large'));
  const offset = Math.floor(last / MIB) * MIB;
  assert.deepEqual([fault.code, fault.kind, fault.offset, fault.path], ['damaged', 'source', offset, 'tensors[1]']);
  assert.equal((await faultOf(reopened.tensor('large', { start: large.bytes - 1 }))).code, 'damaged');
  const end = offset - large.offset;
  const sound = await reopened.tensor('large', { end });
  assert.equal(Buffer.compare(/** @type {any} */ (sound), model.subarray(large.offset, large.offset + end)), 0);
  found.release();
  reopened.release();
});

test('a tensor of more groups than are read at once, with some of them held', async () => {
  const tensors = [{ name: 'before', bytes: 100 }, { name: 'long', bytes: 19 * MIB + 12, fill: random(4) }];
  const long = gguf({ tensors });
  await store(long);
  const found = await opened();
  const { offset, bytes: size } = found.report.tensors[1];
  const expected = long.subarray(offset, offset + size);
  for (const [start, end] of [[9 * MIB, 9 * MIB + 7], [0, size], [3 * MIB - 9, 14 * MIB + 1], [size - 3, size]]) {
    const part = /** @type {Uint8Array} */ (await found.tensor('long', { start, end }));
    assert.equal(Buffer.compare(part, expected.subarray(start, end)), 0, `${start} to ${end}`);
  }
  found.release();
  bytes('m.gguf')[offset + 17 * MIB] ^= 1; // in the third read of all
  const spoilt = await opened();
  const fault = await faultOf(spoilt.tensor('long'));
  assert.deepEqual([fault.code, fault.offset], ['damaged', 17 * MIB]);
  spoilt.release();
});

test('proven groups are held, a few of them', async () => {
  await store();
  const found = await opened();
  let checked = 0;
  const { checkGroup } = guest;
  guest.checkGroup = (...about) => (checked++, checkGroup.apply(guest, about));
  for (let round = 0; round < 5; round++) await found.tensor('small');
  assert.equal(checked, 1);
  await found.tensor('large');
  await found.tensor('last');
  const groups = Math.ceil(model.length / MIB) - HEADER_GROUPS + 1;
  assert.equal(checked, groups);
  await found.tensor('small');
  assert.equal(checked, groups + 1);
  found.release();
});

test('without sound evidence, or with a spoilt record, the file is read once, and the rest written', async () => {
  const spoilers = {
    missing: () => void directory.files.delete('m.gguf.evidence'),
    flipped: () => void (bytes('m.gguf.evidence')[5] ^= 1),
    record: () => void (bytes('m.gguf.digests')[90] ^= 1),
  };
  for (const [name, spoil] of Object.entries(spoilers)) {
    await store();
    const evidence = bytes('m.gguf.evidence').slice();
    spoil();
    const found = await opened();
    assert.equal((await found.tensor('last'))?.length, MIB / 2);
    found.release();
    assert.deepEqual(bytes('m.gguf.evidence'), evidence, name);
    await settled();
  }
  directory.files.delete('m.gguf.evidence');
  bytes('m.gguf')[model.length - 1] ^= 1;
  const fault = await faultOf(openStored(guest, 'm.gguf'));
  assert.deepEqual([fault.code, fault.kind], ['damaged', 'source']);
  assert.ok(bytes('m.gguf'));
  assertNoSession(guest);
});

test('of what is not stored there is nothing to open; limits, aborts and ranges are judged', async () => {
  assert.equal(await openStored(guest, 'm.gguf'), undefined);
  await store(file);
  assert.equal((await faultOf(openStored(guest, 'm.gguf', { limits: { tensors: 0 } }))).code, 'limit');
  const reason = new Error('no more');
  assert.equal(await faultOf(openStored(guest, 'm.gguf', { signal: AbortSignal.abort(reason) })), reason);
  const found = await opened();
  for (const range of /** @type {any[]} */ ([
    { start: -1 }, { end: 300_001 }, { start: 2, end: 1 }, { start: 0.5 }, { end: '3' }, 5, null,
  ])) assert.equal((await faultOf(found.tensor(0, range))).kind, 'misuse', JSON.stringify(range));
  assert.equal((await faultOf(found.tensor(-1))).kind, 'misuse');
  found.release();
  await settled();
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
});

test('what is opened counts as used', async () => {
  await store(file);
  const began = Date.now();
  assert.equal((await listStored())[0].usedAt, undefined);
  (await opened()).release();
  assert.ok(/** @type {number} */ ((await listStored())[0].usedAt) >= began);
});
