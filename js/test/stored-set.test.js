// Models in several files and the store: each file is an entry of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Joins } from '../admit/joins.js';
import { admitStored, findStored } from '../index.js';
import { assertNoSession, faultOf } from './support/guest.js';
import { serving } from './support/serving.js';
import { shard, shards } from './support/shards.js';
import { assertNothingLeft, bytesOf, directory, guest, sha256Of } from './support/store.js';
import { observed, recorder } from './support/streams.js';

const MIB = 2 ** 20;
const files = shards(3, { bytes: 3 * MIB });
const NAMES = ['m-1.gguf', 'm-2.gguf', 'm-3.gguf'];
/** @param {string[]} names */
const stored = names => names.flatMap(name => [name, `${name}.digests`, `${name}.evidence`]).sort();
/** @param {Uint8Array<ArrayBuffer>[]} list */
const blobs = list => list.map(bytes => new Blob([bytes]));
const options = { retries: 0, retryDelay: 1 };

test('each shard is stored under its name, and found there', async () => {
  const first = await admitStored(guest, NAMES, blobs(files), { sink: 'resident' });
  assert.equal(first.found, false);
  NAMES.forEach((name, no) => assert.deepEqual(bytesOf(name), files[no]));
  assert.deepEqual((await findStored(NAMES[1]))?.digests.sha256, sha256Of(files[1]));
  const streams = files.map(bytes => observed(bytes));
  const second = await admitStored(guest, NAMES, streams.map(({ stream }) => stream), { sink: 'resident' });
  assert.equal(second.found, true);
  assert.ok(streams.every(({ given, isCancelled }) => given === 0 && isCancelled));
  const facts = ({ report: { tensors, shards } } = first.model) =>
    ({ tensors, digests: shards.map(({ digests }) => digests) });
  assert.deepEqual(facts(second.model), facts(first.model));
  assert.deepEqual(second.model.report.set?.joined, [0, 1, 2]);
  assert.deepEqual(second.model.tensor('blk.2.weight')?.slice(), first.model.tensor('blk.2.weight')?.slice());
  first.model.release();
  second.model.release();
  assertNothingLeft(stored(NAMES));
});

test('a set of which a half is stored goes on with the missing ones, each from where it stood', async () => {
  const lines = [
    await serving(files[0], {}), await serving(files[1], {}), await serving(files[2], { breakAfter: 2.2 * MIB }, {}),
  ];
  const urls = lines.map(({ url }) => url);
  const fault = await faultOf(admitStored(guest, NAMES, urls, options));
  assert.deepEqual([fault.kind, fault.shard], ['source', 2]);
  assert.equal(bytesOf(NAMES[0])?.length, files[0].length);
  assertNoSession(guest);
  const isWhole = NAMES.map(name => bytesOf(name) !== undefined);
  const left = directory.names.filter(name => name.startsWith(NAMES[2]));
  assert.deepEqual(left, [`${NAMES[2]}.journal`, `${NAMES[2]}.part`]);

  /** @type {import('../index.js').AdmissionProgress | undefined} */ let last;
  const onProgress = (/** @type {import('../index.js').AdmissionProgress} */ event) => void (last = event);
  const { model, found } = await admitStored(guest, NAMES, urls, { ...options, onProgress });
  assert.equal(found, false);
  assert.deepEqual(lines[0].requests.length, 1, 'the first was not fetched again');
  assert.match(lines[2].requests[1].range ?? '', /^bytes=\d+-$/);
  if (isWhole[1]) assert.equal(lines[1].requests.length, 1);
  assert.ok((last?.kept ?? 0) >= MIB);
  assert.equal(last?.bytes, files.reduce((sum, { length }) => sum + length, 0));
  NAMES.forEach((name, no) => assert.deepEqual(bytesOf(name), files[no]));
  assert.deepEqual(model.report.set?.joined, [0, 1, 2]);
  model.release();
  assertNothingLeft(stored(NAMES));
});

test('a lead that begins anew, its kept data being spoilt, takes the others into its set again', async () => {
  const line = await serving(files[0], { breakAfter: 2.6 * MIB }, {});
  const list = [line.url, ...blobs(files.slice(1))];
  const fault = await faultOf(admitStored(guest, NAMES, list, options));
  assert.deepEqual([fault.kind, fault.shard], ['source', 0]);
  const part = directory.files.get(`${NAMES[0]}.part`);
  assert.ok(part && part.bytes.length >= 2 * MIB);
  part.bytes[1.5 * MIB] ^= 1;
  /** @type {() => void} */ let go = () => {};
  const isJoined = new Promise(resolve => (go = () => resolve(undefined)));
  /** @type {number[]} */ const asked = [];
  const { model } = await admitStored(guest, NAMES, list, {
    ...options, sink: 'resident',
    shards: [{ tee: recorder({ write: () => isJoined }) }, {}, {}],
    onHeader: ({ set }) => {
      asked.push(set?.no ?? -1);
      if (set?.no === 1) go();
    },
  });
  assert.deepEqual(asked, [0, 1, 2]);
  assert.deepEqual(model.report.set?.joined, [0, 1, 2]);
  assert.deepEqual(model.report.shards.map(({ set }) => set?.lead), [model.handle, model.handle, model.handle]);
  model.activate();
  assert.deepEqual(bytesOf(NAMES[0]), files[0]);
  model.release();
  assertNothingLeft(stored(NAMES));
});

test('a shard whose header comes while its lead begins anew joins the new one', async () => {
  const joins = new Joins(3);
  const sessions = [0, 1, 2].map(index => joins.sessionsOf(index));
  const begun = async (/** @type {number} */ index) => {
    const session = new sessions[index](guest, { length: files[index].length });
    await session.write(files[index].subarray(0, 100_000));
    return session;
  };
  const lead = await begun(0);
  const early = await begun(1);
  lead.release();
  const late = await begun(2);
  early.release();
  const other = await begun(1);
  const again = await begun(0);
  assert.deepEqual(again.report.set?.joined, [0, 1, 2]);
  const sessionsNow = [again, other, late];
  assert.deepEqual(sessionsNow.map(({ report }) => report.set?.lead), Array(3).fill(again.handle));
  for (const session of sessionsNow) session.release();
});

test('the last of 64 shards finds no session to prove what was kept, and is fetched again', async () => {
  const most = [...shards(64, { bytes: 32 }).slice(0, 63), shard(63, { count: 64, bytes: 3 * MIB })];
  const names = most.map((_, no) => `m-${no}.gguf`);
  const line = await serving(most[63], { breakAfter: 2.6 * MIB }, {});
  const list = [...blobs(most.slice(0, 63)), line.url];
  assert.equal((await faultOf(admitStored(guest, names, list, options))).shard, 63);
  assert.ok(directory.names.includes('m-63.gguf.part'));
  const { model } = await admitStored(guest, names, list, options);
  assert.deepEqual(bytesOf('m-63.gguf'), most[63]);
  assert.equal(model.report.set?.joined.length, 64);
  model.release();
  assertNothingLeft(stored(names));
});

test('a shard that the disk has spoilt is mended: the MiB that differs is fetched, and no more', async () => {
  (await admitStored(guest, NAMES, blobs(files))).model.release();
  /** @type {Uint8Array} */ (bytesOf(NAMES[1]))[2 * MIB] ^= 1;
  const lines = [await serving(files[0]), await serving(files[1]), await serving(files[2])];
  const { model, found } = await admitStored(guest, NAMES, lines.map(({ url }) => url), options);
  assert.deepEqual([found, model.report.set?.joined], [true, [0, 1, 2]]);
  assert.deepEqual(lines.map(({ requests }) => requests.length), [0, 1, 0]);
  assert.deepEqual(bytesOf(NAMES[1]), files[1]);
  model.release();
  assertNothingLeft(stored(NAMES));
});

test('a stored file that is none of the set is refused; it stays stored, as do those that were admitted', async () => {
  const alien = shard(1, { count: 4, bytes: 3 * MIB });
  (await admitStored(guest, NAMES[1], new Blob([alien]))).model.release();
  const fault = await faultOf(admitStored(guest, NAMES, blobs(files)));
  assert.deepEqual([fault.code, fault.kind, fault.shard], ['set', 'rejected', 1]);
  assert.deepEqual(bytesOf(NAMES[1]), alien);
  assertNoSession(guest);
  const other = await faultOf(admitStored(guest, NAMES, blobs(files), { shards: files.map(() => ({ length: 5 })) }));
  assert.equal(other.shard, 0);
});

test('names that cannot be are misuse: nothing is read or stored, all sources are given up', async () => {
  for (const names of /** @type {any[]} */ (['m.gguf', NAMES.slice(1), [NAMES[0], NAMES[1], NAMES[0]], undefined])) {
    const sources = files.map(bytes => observed(bytes));
    const tee = recorder();
    const admitted = admitStored(guest, names, sources.map(({ stream }) => stream), { shards: [{ tee }, {}, {}] });
    const fault = await faultOf(admitted);
    assert.deepEqual([fault.kind, fault.path, tee.aborted.length], ['misuse', 'name', 1]);
    assert.ok(sources.every(({ given, isCancelled }) => given === 0 && isCancelled));
  }
  const fault = await faultOf(admitStored(guest, ['a', 'b/c', 'd'], blobs(files)));
  assert.deepEqual([fault.kind, fault.shard], ['misuse', 1]);
  assert.equal((await faultOf(admitStored(guest, NAMES, /** @type {any} */ (new Blob([files[0]]))))).kind, 'misuse');
  assertNoSession(guest);
});

test('a set is admitted though its store fails, where that need not be; the model says so', async () => {
  directory.quota = 4 * MIB;
  const { model, found } = await admitStored(guest, NAMES, blobs(files), { store: 'optional' });
  assert.deepEqual([found, model.stored, model.storeFault?.code], [false, false, 'quota']);
  assert.ok(model.shards.some(({ stored }) => stored), 'what fits is stored');
  model.release();
  directory.quota = Infinity;
  const again = await admitStored(guest, NAMES, blobs(files));
  assert.deepEqual([again.model.stored, again.model.storeFault], [true, undefined]);
  again.model.release();
});
