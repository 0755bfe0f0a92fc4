// When a part is flushed, and what that costs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored } from '../index.js';
import { gguf } from './support/gguf.js';
import { assertNothingLeft, directory, guest } from './support/store.js';

const MIB = 2 ** 20;
const GROUPS = 12;
const model = gguf({ tensors: [{ bytes: GROUPS * MIB - 5000 }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];

/**
 * Stores a file on a disk on which each call takes some time.
 *
 * @param {import('node:test').TestContext} t
 * @param {(call: string) => number} taking  milliseconds
 * @param {() => void} look  at the disk, before each call
 */
async function stored(t, taking, look) {
  let now = performance.now();
  const began = now;
  t.mock.method(performance, 'now', () => now);
  directory.onCall = name => {
    look();
    now += taking(name);
  };
  const tee = { write: () => void (now += 10) };
  (await admitStored(guest, 'm.gguf', new Blob([model]).stream(), { tee, length: model.length })).model.release();
  directory.onCall = undefined;
  assertNothingLeft(STORED);
  return now - began;
}

/** @returns {{ values: number, flushed: Uint8Array | undefined }} */
function onDisk() {
  const [journal, part] = ['m.gguf.journal', 'm.gguf.part'].map(name => directory.files.get(name));
  return { values: Math.max(((journal?.bytes.length ?? 0) - 4096) / 32, 0), flushed: part?.flushed };
}

test('a group is flushed before its value is written, while that takes little of the time', async t => {
  let most = 0;
  await stored(t, call => (call === 'flush' ? 0.2 : 0), () => {
    const { values, flushed } = onDisk();
    most = Math.max(most, values);
    if (!flushed) return;
    const end = values * MIB;
    assert.equal(Buffer.compare(flushed.subarray(0, end), model.subarray(0, end)), 0, `${values} values`);
  });
  assert.ok(most >= GROUPS - 1);
});

test('where bytes come faster than a disk flushes, a twentieth of the time goes there, and no value waits', async t => {
  let flushes = 0;
  const behind = new Set();
  const all = await stored(t, call => (call === 'flush' ? (flushes++, 20) : 0), () => {
    const { values, flushed } = onDisk();
    if (flushed && values > 0) {
      const end = values * MIB;
      behind.add(Buffer.compare(flushed.subarray(0, end), model.subarray(0, end)) === 0);
    }
  });
  assert.ok(behind.has(false), 'some values are written before their groups are flushed');
  // Beside the first flush, of part and journal, and the last ones, that every stored file has.
  const [first, last] = [2, 6];
  assert.ok(flushes > first + last - 2, `${flushes} flushes`);
  assert.ok(20 * (flushes - first - last) <= all / 20, `${flushes} flushes in ${all} ms`);
});
