// Two tabs want one file: the second sees how far the first is, and goes on where it stood when it goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored } from '../index.js';
import { faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { Told, watch } from '../store/watched.js';
import { serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, guest } from './support/store.js';

/** @typedef {import('../index.js').AdmissionProgress} Progress */

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 5 * MIB }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const options = { retries: 0, length: model.length };

/**
 * Waits until something is so, while a call is under way: if the call ends, whatever it ends with, so does the wait.
 *
 * @param {() => boolean} isSo
 * @param {Promise<unknown>} call
 */
async function until(isSo, call) {
  let isOver = false;
  call.catch(() => {}).finally(() => void (isOver = true));
  while (!isSo()) {
    if (isOver) assert.fail(`too early: ${await call.then(() => 'it is admitted', String)}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

/** A server whose first answer stops in the middle, and the call that waits for it. */
async function begun() {
  const server = await serving(model, { breakAfter: 4.5 * MIB, hang: true }, {});
  const stop = new AbortController();
  let bytes = 0;
  const write = (/** @type {Uint8Array} */ piece, /** @type {number} */ at) => void (bytes = at + piece.length);
  const tee = { write };
  const first = admitStored(await freshGuest(), 'm.gguf', server.url, { ...options, tee, signal: stop.signal });
  await until(() => bytes >= 3 * MIB, first);
  return { server, first, go: () => stop.abort(new Error('gone')) };
}

test('the second sees the progress of the first, and takes over where it stood when that goes', async () => {
  const { server, first, go } = await begun();
  /** @type {Progress[]} */ const seen = [];
  const second = admitStored(guest, 'm.gguf', server.url, { ...options, onProgress: event => void seen.push(event) });
  await until(() => seen.length > 0, second);
  const [{ rate, ...event }] = seen;
  assert.ok(event.bytes >= 3 * MIB && rate >= 0);
  assert.deepEqual(event, { bytes: event.bytes, total: model.length, kept: 0, phase: 'data', elsewhere: true });
  assert.equal(server.requests.length, 1);
  go();
  await faultOf(first);
  const { model: admitted, found } = await second;
  admitted.release();
  const own = seen.filter(({ elsewhere }) => !elsewhere);
  const kept = own.at(-1)?.kept ?? 0;
  assert.deepEqual([found, own.at(-1)?.phase, kept % MIB], [false, 'done', 0]);
  assert.ok(kept >= 2 * MIB && kept <= 4 * MIB, `${kept}`);
  assert.deepEqual(server.requests.map(({ range }) => range), [undefined, `bytes=${kept}-`]);
  assert.deepEqual(bytesOf('m.gguf'), model);
  assertNothingLeft(STORED);
});

test('what onProgress throws ends the wait, and nothing else', async () => {
  const { server, first, go } = await begun();
  const reason = new Error('no patience');
  for (const onProgress of [() => { throw reason; }, () => Promise.reject(reason)]) {
    assert.equal(await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, onProgress })), reason);
  }
  go();
  await faultOf(first);
  assertNothingLeft(['m.gguf.journal', 'm.gguf.part']);
});

test('who waits without onProgress, and who finds the name free, hears of nobody', async () => {
  /** @type {Progress[]} */ const seen = [];
  const onProgress = (/** @type {Progress} */ event) => void seen.push(event);
  for (const found of [false, true]) {
    const result = await admitStored(guest, 'm.gguf', model, { onProgress });
    result.model.release();
    assert.equal(result.found, found);
  }
  assert.ok(seen.length >= 2 && seen.every(event => !('elsewhere' in event)));
});

test('who waits is told by one call at a time, however slow it is', async () => {
  const stop = new AbortController();
  const calls = { open: 0, most: 0, all: 0 };
  const told = new Told('gguf-admission test');
  let bytes = 0;
  const telling = setInterval(() => told.tell(++bytes, undefined, 0), 20);
  const end = watch('gguf-admission test', async () => {
    calls.all++;
    calls.most = Math.max(calls.most, ++calls.open);
    await new Promise(resolve => setTimeout(resolve, 250));
    calls.open--;
  }, reason => stop.abort(reason));
  while (calls.all < 3) await new Promise(resolve => setTimeout(resolve, 5));
  clearInterval(telling);
  end();
  told.close();
  assert.equal(calls.most, 1);
  assert.equal(stop.signal.aborted, false);
});
