// A stored model in several files: tensors from the disk, of whichever file, proven before anybody sees them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenedSet, admitStored, openStored, removeStored, shardsOf } from '../index.js';
import { assertNoSession, faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { withServedGuest } from './support/served.js';
import { shard, shards } from './support/shards.js';
import { assertNothingLeft, bytesOf, guest, locks, newOrigin } from './support/store.js';

const MIB = 2 ** 20;
const files = shards(3, { bytes: 2 * MIB });
const names = shardsOf('m-00001-of-00003.gguf');
const STORED = names.flatMap(name => [name, `${name}.digests`, `${name}.evidence`]);

/** @param {readonly Uint8Array<ArrayBuffer>[]} list */
async function store(list = files) {
  for (const [no, file] of list.entries()) (await admitStored(guest, names[no], file)).model.release();
}

/** Until locks that were given up are free. */
const settled = () => new Promise(resolve => setTimeout(resolve));

/** @param {any} set  here, or in a worker */
async function readWhole(set) {
  assert.deepEqual([set.report.set?.joined, set.report.shards.length], [[0, 1, 2], 3]);
  assert.equal(await set.metadata('general.name'), 'a set');
  assert.equal(set.report.length, files.reduce((sum, { length }) => sum + length, 0));
  for (const [no, file] of files.entries()) {
    const { offset, bytes, name, shard: at } = set.report.tensors[no];
    const expected = file.subarray(offset, offset + bytes);
    assert.deepEqual([name, at], [`blk.${no}.weight`, no]);
    for (const key of [name, no]) assert.equal(Buffer.compare(await set.tensor(key), expected), 0);
    const part = await set.tensor(name, { start: MIB - 5, end: MIB + 5 });
    assert.equal(Buffer.compare(part, expected.subarray(MIB - 5, MIB + 5)), 0);
    assert.deepEqual(await set.evidence(no), bytesOf(`${names[no]}.evidence`));
    assert.equal(await set.checkGroup(1, file.subarray(MIB, 2 * MIB), no), true);
    assert.equal(await set.checkGroup(1, file.subarray(0, MIB), no), false);
  }
  assert.deepEqual([await set.tensor('other'), await set.tensor(3)], [undefined, undefined]);
  assert.equal((await faultOf(async () => set.evidence(3))).path, 'shard');
}

test('a set that is stored is opened; each tensor is read from its file, here and in a worker', async () => {
  await store();
  const before = guest.memoryBytes;
  const set = await openStored(guest, names);
  assert.ok(set instanceof OpenedSet);
  await readWhole(set);
  assert.ok(guest.memoryBytes - before <= 3 * MIB);
  assert.equal((await faultOf(removeStored(names[1]))).code, 'locked');
  set.release();
  set.release();
  await settled();
  assertNothingLeft(STORED);
  const origin = locks;
  await withServedGuest(async served => {
    const remote = await served.openStored(names);
    assert.ok(remote);
    await readWhole(remote);
    await remote.release();
    assert.equal(await served.openStored([...names.slice(0, 2), 'other']), undefined);
  });
  assert.equal(locks, origin);
});

test('one file is missing, damaged or of another set: nothing is left open, the error says which', async () => {
  await store(files.slice(0, 2));
  assert.equal(await openStored(guest, names), undefined);
  await settled();
  assert.equal(locks.held, 0);
  assertNoSession(guest);
  /** @type {[Uint8Array<ArrayBuffer>, string, number][]} */
  const cases = [
    [shard(1, { bytes: 2 * MIB }), 'set', 2], [shard(2, { tensors: 9, bytes: MIB }), 'set', 2],
    [gguf({ tensors: [{ bytes: 9 }] }), 'set', 2],
  ];
  for (const [file, code, at] of cases) {
    newOrigin();
    await store([...files.slice(0, 2), file]);
    const fault = await faultOf(openStored(guest, names));
    assert.deepEqual([fault.code, fault.shard], [code, at]);
    await settled();
    assertNothingLeft(STORED);
  }
  newOrigin();
  await store();
  /** @type {Uint8Array} */ (bytesOf(names[1]))[40] ^= 1;
  const fault = await faultOf(openStored(guest, names));
  assert.deepEqual([fault.code, fault.shard, fault.offset], ['damaged', 1, 0]);
  await settled();
  assertNothingLeft(STORED);
});

test('a damaged MiB is told with its shard and place; a list that is none of a set is refused', async () => {
  await store();
  const set = /** @type {OpenedSet} */ (await openStored(guest, names));
  assert.equal((await faultOf(openStored(guest, names.slice(0, 2)))).code, 'set');
  assert.equal((await faultOf(openStored(guest, []))).path, 'name');
  assert.equal((await faultOf(openStored(guest, /** @type {any} */ ([7])))).path, 'name');
  set.release();
  /** @type {Uint8Array} */ (bytesOf(names[2]))[MIB + 3] ^= 1;
  const damaged = /** @type {OpenedSet} */ (await openStored(guest, names));
  assert.equal((await damaged.tensor(0))?.length, 2 * MIB);
  const fault = await faultOf(damaged.tensor(2));
  assert.deepEqual([fault.code, fault.kind, fault.offset, fault.shard], ['damaged', 'source', MIB, 2]);
  damaged.release();
  const [only] = names;
  newOrigin();
  (await admitStored(guest, only, gguf({ tensors: [{ bytes: 9 }] }))).model.release();
  const one = /** @type {OpenedSet} */ (await openStored(guest, [only]));
  assert.equal((await one.tensor(0))?.length, 9);
  one.release();
});
