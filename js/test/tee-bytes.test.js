// A tee sees the bytes that were judged: what is stored is what was admitted.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { admit, findStored, opfsTee } from '../index.js';
import { assertNoSession, faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { bytesOf, directory, guest, locks, newOrigin } from './support/store.js';
import { recorder } from './support/streams.js';

/** Files whose data repeat nothing. @param {number} seed */
const noise = seed =>
  gguf({ tensors: [{ bytes: 900_000, fill: () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 24 }] });
const file = noise(1);
const sha256 = (/** @type {Uint8Array | undefined} */ bytes) =>
  createHash('sha256').update(bytes ?? '').digest('hex');

/** @param {Uint8Array<ArrayBufferLike>} chunk */
const streamOf = chunk =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  });

/** @param {number} length */
const shared = length => new Uint8Array(new SharedArrayBuffer(length));
const resizable = (/** @type {number} */ length) =>
  new Uint8Array(Reflect.construct(ArrayBuffer, [length, { maxByteLength: length }]));

for (const [what, room] of Object.entries({
  plain: (/** @type {number} */ n) => new Uint8Array(n),
  shared,
  resizable,
})) {
  test(`a chunk in a ${what} buffer whose owner changes it while it is judged is stored as it was judged`, async () => {
    for (const source of [streamOf, (/** @type {Uint8Array} */ chunk) => [chunk]]) {
      newOrigin();
      const chunk = room(file.length);
      chunk.set(file);
      const tee = recorder();
      const model = await admit(guest, /** @type {any} */ (source(chunk)), {
        onHeader: async () => {
          chunk[30_000] ^= 0xff;
          chunk[file.length - 1] ^= 0xff;
          await turn();
          chunk.fill(0, 500_000);
        },
        tee: [tee, opfsTee('x')],
      });
      assert.equal(model.report.digests?.sha256, sha256(bytesOf('x')));
      assert.equal((await findStored('x'))?.digests.sha256, sha256(tee.bytes));
      model.release();
    }
  });
}

test('what a tee does to its bytes, then or later, no other tee sees', async () => {
  /** @type {Uint8Array[]} */ const seen = [];
  const spoiling = { write: (/** @type {Uint8Array} */ bytes) => (seen.push(bytes), void bytes.fill(7)) };
  const late = {
    async write(/** @type {Uint8Array} */ bytes) {
      await turn();
      bytes.fill(8);
      for (const kept of seen) kept.fill(9);
    },
  };
  const tee = recorder();
  const chunks = [file.subarray(0, 100_000), file.subarray(100_000)];
  const model = await admit(guest, chunks, { tee: [spoiling, late, tee, opfsTee('x'), spoiling] });
  assert.equal(model.report.digests?.sha256, sha256(file));
  assert.equal(sha256(tee.bytes), sha256(file));
  assert.equal(sha256(bytesOf('x')), sha256(file));
  model.release();
});

/** @param {Uint8Array<ArrayBuffer>} bytes  @param {number} size */
async function* slowly(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
    await turn();
  }
}

test('one tee that stores, given to two admissions at once: the second is misuse, the first is stored', async () => {
  for (const [first, second] of [[100_000, 70_000], [70_000, 100_000], [900_032, 1000]]) {
    newOrigin();
    const tee = opfsTee('x');
    const other = recorder();
    const [one, two] = await Promise.allSettled([
      admit(guest, slowly(file, first), { tee }),
      admit(guest, slowly(noise(2), second), { tee: [other, tee] }),
    ]);
    assert.equal(one.status, 'fulfilled');
    const { reason } = /** @type {PromiseRejectedResult} */ (two);
    assert.deepEqual([reason.code, reason.kind], ['state', 'misuse']);
    assert.deepEqual(other.aborted, [reason]);
    assert.equal(sha256(bytesOf('x')), sha256(file));
    assert.equal((await findStored('x'))?.digests.sha256, sha256(file));
    if (one.status === 'fulfilled') one.value.release();
    assert.equal(locks.held, 0);
  }
  assertNoSession(guest);
});

test('the same tee twice in one admission is misuse', async () => {
  const tee = opfsTee('x');
  assert.deepEqual((await faultOf(admit(guest, file, { tee: [tee, tee] }))).code, 'state');
  assert.deepEqual(directory.names, []);
  (await admit(guest, file, { tee: opfsTee('x') })).release();
});

test('a tee that stores takes the bytes in order, each once', async () => {
  for (const offset of [1, 5, -1, NaN, undefined]) {
    const fault = await faultOf(async () => opfsTee('x').write(file, /** @type {any} */ (offset)));
    assert.deepEqual([fault.code, fault.kind, fault.expected], ['state', 'misuse', '0']);
  }
  const tee = opfsTee('x');
  await tee.write(file.subarray(0, 100), 0);
  for (const offset of [0, 50, 99, 101])
    assert.equal((await faultOf(async () => tee.write(file, offset))).code, 'state');
  await tee.abort?.('over');
  assert.deepEqual(directory.names, []);
});
