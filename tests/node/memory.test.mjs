// Memory that ends, and memory that must not grow: running out is an answer, and what was freed is used again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { fileOf, gguf, smallFile } from './support/gguf.mjs';
import { Host, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { cappedExports, firstPages } from './support/modules.mjs';
import { V1Host } from './support/v1.mjs';
import { FILE } from './support/world.mjs';

const PAGES_PER_MIB = 16;

/** A host whose memory ends `mib` MiB after what the module starts with, and an active model in it. */
function capped(mib) {
  const host = new Host(cappedExports(firstPages() + mib * PAGES_PER_MIB));
  const canary = host.model(FILE, { sink: RESIDENT });
  host.exports.activate(canary);
  const digest = sha256(host.tensor(canary, 2));
  return { host, e: host.exports, v1: new V1Host(host.exports), assertCanary: () => {
    assert.equal(host.exports.active(), canary);
    assert.equal(sha256(host.tensor(canary, 2)), digest);
    assert.equal(host.report(canary).digests.sha256, sha256(FILE));
  } };
}

/** Allocates, in blocks from `largest` down to `smallest` bytes, until nothing is left; smallest last. */
function hog(e, largest, smallest) {
  const blocks = [];
  for (let size = largest; size >= smallest; size /= 2)
    for (let ptr; (ptr = e.alloc(size)) !== 0;) blocks.push([ptr, size]);
  return blocks;
}

/** Gives one block back. */
function yieldOne(e, blocks) {
  assert.ok(blocks.length > 0, 'all was given back');
  e.dealloc(...blocks.pop());
}

const yieldAll = (e, blocks) => {
  while (blocks.length) yieldOne(e, blocks);
};

function assertMemory(host, answer, state) {
  assert.equal(Number(answer), STATUS.memory);
  const { code, kind, state: told, path } = host.lastError();
  assert.deepEqual({ code, kind, state: told, path }, { code: 'memory', kind: 'retry', state, path: 'memory' });
}

test('the consent answers memory, stays in header_ready, and works once something is released', () => {
  const { host, e, assertCanary } = capped(8);
  const file = fileOf(5 * MIB);
  const first = host.model(file, { sink: RESIDENT });
  const second = host.begin(file.length, RESIDENT);
  host.feed(second, file.subarray(0, 5000));
  const before = host.reportText(second);
  for (let again = 0; again < 3; again++) {
    assertMemory(host, e.window(second), 'header_ready');
    assert.equal(host.position(second), 5000);
    assert.equal(host.reportText(second), before);
  }
  assertCanary();
  host.release(first);
  assert.equal(host.feed(second, file), STATE.receiving);
  assert.equal(e.finish(second), STATE.admitted);
  assert.equal(host.report(second).digests.sha256, sha256(file));
  assert.equal(sha256(host.tensor(second, 0)), sha256(file.subarray(file.dataStart)));
  assertCanary();
});

test('finish answers memory where the whole file waits for its place, and works once something is released', () => {
  const { host, e, assertCanary } = capped(1);
  const file = fileOf(60_000);
  const waiting = host.begin(file.length, RESIDENT);
  host.feed(waiting, file);
  const blocks = hog(e, MIB, 16);
  assertMemory(host, e.finish(waiting), 'header_ready');
  assert.equal(host.position(waiting), file.length);
  yieldAll(e, blocks);
  assert.equal(e.finish(waiting), STATE.admitted);
  assert.equal(sha256(host.tensor(waiting, 0)), sha256(file.subarray(file.dataStart)));
  assertCanary();
});

test('a window in open answers memory and stays open', () => {
  const { host, e } = capped(1);
  const handle = host.begin(-1, VERIFY);
  const blocks = hog(e, MIB, 1024);
  assertMemory(host, e.window(handle), 'open');
  yieldAll(e, blocks);
  assert.ok(host.feed(handle, FILE) > 0);
  assert.equal(e.finish(handle), STATE.admitted);
});

test('a push answers memory, nothing is consumed, and the same push works once something is freed', () => {
  const { host, e, assertCanary } = capped(12);
  const file = gguf({
    entries: [['words', 'array', ['string', Array.from({ length: 200_000 }, (_, index) => `word number ${index}`)]]],
    tensors: [{ name: 'x', type: 'F32', dims: [5] }],
  });
  const handle = host.begin(file.length, VERIFY);
  const blocks = hog(e, 65536, 65536);
  // A little room for the first window and page.
  for (let count = 0; count < 12; count++) yieldOne(e, blocks);
  let refused = 0;
  for (let at = 0; at < file.length;) {
    const slice = e.window(handle);
    assert.ok(slice > 0n);
    const length = Math.min(Number(slice >> 32n), file.length - at);
    host.view(slice).set(file.subarray(at, at + length));
    let result = e.push_chunk(handle, BigInt(at), length);
    while (result === STATUS.memory) {
      refused++;
      assertMemory(host, result, 'open');
      assert.equal(host.position(handle), at);
      assert.equal(e.window(handle), slice, 'still lent');
      yieldOne(e, blocks);
      result = e.push_chunk(handle, BigInt(at), length);
    }
    assert.ok(result > 0);
    at += length;
  }
  assert.ok(refused > 3, `memory ended ${refused} times`);
  yieldAll(e, blocks);
  assert.equal(e.finish(handle), STATE.admitted);
  assert.equal(host.position(handle), file.length);
  assertCanary();
});

test('v1: alloc without memory is null, load_model without memory is 17, and the active model stays', () => {
  const { host, e, v1, assertCanary } = capped(8);
  assert.equal(e.alloc(100 * MIB), 0);
  const file = fileOf(5 * MIB);
  const ptr = e.alloc(file.length) >>> 0;
  assert.ok(ptr > 0);
  new Uint8Array(e.memory.buffer, ptr, file.length).set(file);
  assert.equal(e.load_model(ptr, file.length), 17);
  const { code, status } = v1.result();
  assert.deepEqual([code, status], ['memory', 17]);
  assertCanary();
  e.dealloc(ptr, file.length);
  const smaller = fileOf(2 * MIB);
  assert.equal(v1.load(smaller), 0);
  assert.equal(v1.diagnostics().model.digests.sha256, sha256(smaller));
  assert.equal(host.exports.free_model(), 0);
});

for (const [how, end] of [
  ['activate of another', ({ e, other }) => e.activate(other)],
  ['free_model', ({ e }) => e.free_model()],
  ['release', ({ e }) => e.release(e.active())],
  ['another load_model', ({ v1 }) => v1.load(FILE)],
]) {
  test(`v1: a model that ends by ${how} gives its memory back`, () => {
    const { host, e, v1 } = capped(16);
    const other = host.model(FILE, { sink: RESIDENT });
    const file = fileOf(6 * MIB);
    for (let round = 0; round < 10; round++) {
      assert.equal(v1.load(file), 0);
      assert.ok(end({ e, v1, other }) >= 0);
      // Twice 6 MiB beside what the ended model held would be too much.
      const again = [1, 2].map(() => host.model(file, { sink: RESIDENT, digests: 0 }));
      again.forEach(handle => host.release(handle));
    }
  });
}

test('report and metadata without memory answer memory and change nothing; last_error always has room', () => {
  const { host, e, assertCanary } = capped(3);
  const file = gguf({
    entries: [['words', 'array', ['string', Array.from({ length: 100_000 }, () => '\u0001'.repeat(8))]]],
  });
  const handle = host.model(file);
  const blocks = hog(e, MIB, 1024);
  assertMemory(host, e.metadata(handle, 0), 'admitted');
  const answer = e.report(handle);
  if (answer < 0n) assertMemory(host, answer, 'admitted');
  yieldAll(e, blocks);
  assert.equal(host.report(handle).state, 'admitted');
  assertCanary();
});

test('wherever memory ends, an admission is answered, and the model that was there stays', () => {
  const file = fileOf(400_000);
  for (let room = 0; room <= 40; room++) {
    const host = new Host(cappedExports(firstPages() + room));
    const small = smallFile(5);
    const first = host.exports.begin(BigInt(small.length), RESIDENT);
    const isThere = first > 0 && host.feed(first, small) > 0 && host.exports.finish(first) === STATE.admitted;
    for (const sink of [VERIFY, RESIDENT]) {
      const handle = host.exports.begin(-1n, sink);
      if (handle === STATUS.memory) continue;
      let result = host.feed(handle, file);
      if (result > 0) result = host.exports.finish(handle);
      assert.ok(result === STATE.admitted || result === STATUS.memory, `${result} with ${room} pages`);
      if (result === STATE.admitted && sink === RESIDENT)
        assert.equal(sha256(host.tensor(handle, 0)), sha256(file.subarray(file.dataStart)));
      host.release(handle);
    }
    assert.ok(new V1Host(host.exports).resultText().length > 0);
    if (isThere) assert.deepEqual(host.tensor(first, 0), small.slice(small.dataStart, small.dataStart + 24));
  }
});

test('memory is level after 1,000 admissions, aborts and rejections by v2 and v1', () => {
  const host = new Host();
  const v1 = new V1Host(host.exports);
  const good = fileOf(100_000);
  const bad = good.slice();
  bad[good.dataStart - 1] = 1;
  const round = index => {
    const sink = index % 2 ? VERIFY : RESIDENT;
    host.release(host.model(good, { sink, length: index % 3 ? -1 : good.length }));
    const aborted = host.begin(good.length, sink);
    host.feed(aborted, good.subarray(0, (index * 977) % good.length));
    host.release(aborted);
    const rejected = host.admit(bad, { sink });
    assert.equal(rejected.result, STATUS.layout);
    host.report(rejected.handle);
    host.release(rejected.handle);
    assert.equal(v1.load(index % 5 ? smallFile(index) : good), 0);
    v1.diagnosticsText();
    assert.notEqual(v1.load(bad.subarray(0, 20_000)), 0);
    if (index % 7 === 0) host.exports.free_model();
  };
  for (let index = 0; index < 30; index++) round(index);
  const level = host.memoryBytes;
  for (let index = 30; index < 1030; index++) round(index);
  assert.equal(host.memoryBytes, level);
});

test('memory is level after 200 admissions of models of changing sizes', () => {
  const host = new Host();
  const sizes = [3 * MIB, 700_000, 5 * MIB + 17, 1_000_000];
  const files = sizes.map(size => fileOf(size));
  const round = index =>
    host.release(host.model(files[index % files.length], { sink: RESIDENT, digests: 0, piece: () => 200_000 }));
  for (let index = 0; index < 20; index++) round(index);
  const level = host.memoryBytes;
  for (let index = 20; index < 220; index++) round(index);
  assert.equal(host.memoryBytes, level);
});
