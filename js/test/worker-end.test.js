import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadGuestWorker } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { iterated, never, observed, recorder } from './support/streams.js';
import { Thread, withGuestWorker } from './support/thread.js';

const file = gguf({ tensors: [{ name: 'a', bytes: 2_500_000 }, { name: 'b', bytes: 100 }] });

test('a tee of the page whose abort never ends does not hold up what a crash of the worker ends', t =>
  withGuestWorker(async (guest, thread) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let isTold = false;
    const hanging = { write: () => void thread.crash(), abort: () => ((isTold = true), never()) };
    const fault = faultOf(guest.admit(observed(file, { piece: 1000 }).stream, { tee: hanging }));
    while (!isTold) await new Promise(resolve => setImmediate(resolve));
    t.mock.timers.tick(10_000);
    assert.equal((await fault).code, 'worker');
  }));

test('a worker that crashes: what waits, and all that follows, is dead; tees and sources of the page are told', () =>
  withGuestWorker(async (guest, thread) => {
    const model = await guest.admit(gguf());
    const source = observed(file, { at: offset => (offset > 500_000 ? void thread.crash() : undefined) });
    const tee = recorder();
    const fault = await faultOf(guest.admit(iterated(source), { tee }));
    assert.deepEqual([fault.code, fault.kind], ['worker', 'dead']);
    assert.deepEqual(tee.aborted, [fault]);
    assert.equal(source.isCancelled, true);
    for (const call of [
      () => model.metadata(0),
      () => model.activate(),
      () => guest.memoryBytes(),
      () => guest.admit(gguf()),
    ]) {
      assert.equal((await faultOf(call)).kind, 'dead');
    }
    await model.release();
  }));

test('close ends admissions that are under way, with their clean-up', async () => {
  const guest = await loadGuestWorker({ worker: new Thread() });
  const tee = recorder();
  const source = observed(file, { at: offset => (offset > 500_000 ? never() : undefined) });
  const admitted = guest.admit(iterated(source), { tee });
  admitted.catch(() => {});
  while (source.given < 500_000) await new Promise(resolve => setTimeout(resolve, 10));
  await guest.close();
  const fault = await faultOf(admitted);
  assert.deepEqual([fault.code, fault.kind], ['worker', 'dead']);
  assert.deepEqual(tee.aborted, [fault]);
  await guest.close();
});

test('a guest that cannot be loaded, or a worker that cannot be started, is an error', async () => {
  const foreign = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  assert.equal((await faultOf(loadGuestWorker({ worker: new Thread(), guest: foreign }))).code, 'guest');
  // And no worker was started: Node has none.
  assert.equal((await faultOf(loadGuestWorker({ guest: 'http://[' }))).path, 'guest');
  const thread = new Thread();
  const loading = loadGuestWorker({ worker: thread });
  void thread.crash();
  assert.equal((await faultOf(loading)).kind, 'dead');
});
