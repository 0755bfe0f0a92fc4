// An abort at every point of a set: whatever waits, nothing is left.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Guest, admit, tensorTee } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { shards } from './support/shards.js';
import { never, observed, recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const files = shards(3, { bytes: 100_000 });

/**
 * @param {(sources: ReadableStream[], options: import('../index.js').SetOptions) => Promise<unknown>} admitAll
 * @param {(point: string) => unknown} reached
 * @param {AbortSignal} [signal]
 */
function run(admitAll, reached, signal) {
  const sources = files.map((bytes, no) => observed(bytes, { piece: 30_000, at: at => reached(`read ${no} ${at}`) }));
  const tees = files.map((_, no) => recorder({
    write: at => reached(`tee ${no} ${at}`), close: () => reached(`tee close ${no}`),
  }));
  const admitted = admitAll(sources.map(({ stream }) => stream), {
    signal,
    shards: tees.map(tee => ({ tee })),
    onHeader: ({ set }) => reached(`header ${set?.no}`),
    onProgress: ({ phase }) => (phase === 'done' ? reached('done') : undefined),
  });
  return { sources, tees, admitted };
}

/** @param {Parameters<typeof run>[0]} admitAll @param {() => void} assertNothing */
async function abortEverywhere(admitAll, assertNothing) {
  /** @type {string[]} */ const points = [];
  const { admitted } = run(admitAll, point => void points.push(point));
  await /** @type {any} */ (await admitted).release();
  assert.ok(points.length > 30, `${points.length}`);
  for (const isSlow of [false, true]) {
    for (const at of new Set(points)) {
      const abort = new AbortController();
      const reason = new Error(at);
      const { sources, tees, admitted } = run(admitAll, point => {
        if (point !== at) return undefined;
        if (isSlow) setImmediate(() => abort.abort(reason));
        else abort.abort(reason);
        return isSlow ? never() : undefined;
      }, abort.signal);
      assert.equal(await faultOf(admitted), reason, at);
      sources.forEach(({ stream, isCancelled, given }, no) => {
        assert.equal(stream.locked, false, at);
        assert.ok(isCancelled || given === files[no].length, at);
      });
      for (const { aborted, closed } of tees) assert.ok(aborted[0] === reason || closed.length === 1, at);
      assertNothing();
    }
  }
}

test('an abort of a set at any point, also one that waits for ever, leaves nothing', async () => {
  const guest = await freshGuest();
  await abortEverywhere((sources, options) => admit(guest, sources, options), () => assertNoSession(guest));
});

test('the same through a worker', () =>
  withGuestWorker(worker =>
    abortEverywhere((sources, options) => worker.admit(sources, options), () => {})));

test('a guest of an older ABI is good until a set is asked for', async () => {
  const module = new WebAssembly.Module(readFileSync(new URL('../guest.wasm', import.meta.url)));
  const { join: _, ...older } = new WebAssembly.Instance(module, {}).exports;
  const old = new Guest(older);
  (await admit(old, files[0])).release();
  const fault = await faultOf(admit(old, files.map(bytes => new Blob([bytes]))));
  assert.deepEqual([fault.code, fault.kind], ['guest', 'misuse']);
  assertNoSession(old);
});

test('more entries in shards than sources: the tees of all are told, and are free', async () => {
  const guest = await freshGuest();
  const tees = files.map(() => recorder());
  /** @type {unknown[]} */ const reasons = [];
  const alone = tensorTee({ write: () => {}, abort: reason => reasons.push(reason) });
  const sources = files.slice(1).map(bytes => new Blob([bytes]));
  const shards = [...tees.map(tee => ({ tee })), { tee: alone }];
  const fault = await faultOf(admit(guest, sources, { shards }));
  assert.deepEqual([fault.path, fault.expected, fault.found], ['shards', '2', '4']);
  assert.deepEqual(tees.map(({ aborted }) => aborted), tees.map(() => [fault]));
  assert.deepEqual(reasons, [fault]);
  assertNoSession(guest);
  (await admit(guest, files[0], { tee: alone })).release();
});
