// An abort while the store reads what it has: the caller sees its own reason, and nothing is held.
import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import { admitStored, makeRoom, openStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { assertNothingLeft, bytesOf, directory, file, guest } from './support/store.js';

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 3 * MIB }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const reason = new Error('no more');
const NOWHERE = 'http://127.0.0.1:1/m.gguf';
afterEach(() => mock.restoreAll());

/** Stores the model, and flips a bit. @param {string} name @param {number} at */
async function spoilt(name, at) {
  (await admitStored(guest, 'm.gguf', model)).model.release();
  /** @type {Uint8Array} */ (bytesOf(name))[at] ^= 1;
}

/** @param {(signal: AbortSignal) => Promise<unknown>} call  of which `stop` is the end */
async function assertReason(call, stop = new AbortController()) {
  assert.equal(await faultOf(call(stop.signal)), reason);
  directory.onCall = undefined;
}

/** Ends what has the stored file before it. */
function stopAtRead() {
  const stop = new AbortController();
  directory.onCall = call => void (call === 'getFile' && setImmediate(() => stop.abort(reason)));
  return stop;
}

test('while a file is judged anew, as its record is spoilt', async () => {
  await spoilt('m.gguf.digests', 3);
  await assertReason(signal => admitStored(guest, 'm.gguf', model, { signal }), stopAtRead());
  await assertReason(signal => openStored(guest, 'm.gguf', { signal }), stopAtRead());
  await assertReason(signal => admitStored(guest, 'm.gguf', model, { signal, store: 'optional' }), stopAtRead());
  assertNothingLeft(STORED);
});

test('while the groups of a damaged file are compared', async () => {
  await spoilt('m.gguf', 2 * MIB);
  const stop = new AbortController();
  const { slice } = Blob.prototype;
  mock.method(Blob.prototype, 'slice', /** @this {Blob} */ function (/** @type {[number?, number?]} */ ...range) {
    stop.abort(reason);
    return slice.apply(this, range);
  });
  await assertReason(signal => admitStored(guest, 'm.gguf', NOWHERE, { signal, retries: 0 }), stop);
  assertNothingLeft(STORED);
});

test('while room is made', async () => {
  for (const name of ['a', 'b']) (await admitStored(guest, name, file)).model.release();
  directory.quota = 700_000;
  const stop = new AbortController();
  directory.onCall = call => call === 'removeEntry' && stop.abort(reason);
  await assertReason(signal => makeRoom(600_000, { signal }), stop);
  assertNothingLeft(['a', 'a.digests', 'a.evidence', 'b', 'b.digests', 'b.evidence']);
});

test('by a signal of another make: it is followed', async () => {
  /** @param {boolean} aborted */
  const polyfilled = aborted => /** @type {any} */ ({
    aborted, reason, listeners: new Set(),
    addEventListener(/** @type {string} */ _, /** @type {() => void} */ told) { this.listeners.add(told); },
    removeEventListener(/** @type {string} */ _, /** @type {() => void} */ told) { this.listeners.delete(told); },
  });
  (await admitStored(guest, 'm.gguf', model)).model.release();
  const calls = [
    (/** @type {AbortSignal} */ signal) => openStored(guest, 'm.gguf', { signal }),
    (/** @type {AbortSignal} */ signal) => admitStored(guest, 'm.gguf', model, { signal }),
    (/** @type {AbortSignal} */ signal) => makeRoom(1, { signal }),
  ];
  for (const call of calls) assert.equal(await faultOf(call(polyfilled(true))), reason);
  const quiet = polyfilled(false);
  for (const call of calls) {
    const answer = /** @type {any} */ (await call(quiet));
    (answer.model ?? answer).release?.();
  }
  assert.equal(quiet.listeners.size, 1);
  const later = polyfilled(false);
  const waits = faultOf(openStored(guest, 'm.gguf', { signal: later }));
  later.aborted = true;
  for (const listener of later.listeners) listener();
  assert.equal(await waits, reason);
});
