import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AdmissionError, admit } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { never, observed, recorder } from './support/streams.js';

const file = gguf({ tensors: [{ name: 'a', bytes: 200_000 }, { name: 'b', bytes: 100 }] });
const sha256 = createHash('sha256').update(file).digest('hex');

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

test('options reach the guest: sink, length, digests, limits', async () => {
  const plain = await admit(guest, file);
  assert.equal(plain.report.sink, 'verify');
  assert.deepEqual(plain.report.digests, { sha256 });
  const both = await admit(guest, [file], {
    sink: 'resident',
    length: file.length,
    digests: ['sha256', 'blake3'],
    limits: { memory: 1 << 20 },
  });
  assert.equal(both.report.sink, 'resident');
  assert.equal(both.report.memory.limit, 1 << 20);
  const { blake3 } = /** @type {{ blake3: string }} */ (both.report.digests);
  assert.match(blake3, /^[0-9a-f]{64}$/);
  assert.deepEqual((await admit(guest, file, { blake3 })).report.digests, { blake3 });
  assert.deepEqual((await admit(guest, file, { sha256: sha256.toUpperCase(), digests: ['blake3'] })).report.digests, {
    sha256,
    blake3,
  });
  assert.deepEqual((await admit(guest, file, { digests: [] })).report.digests, {});
  assertNoSession(guest, 5);
});

test('a digest that is not the one required refuses the file', async () => {
  const wrong = '0'.repeat(64);
  const first = await faultOf(admit(guest, file, { sha256: wrong }));
  assert.deepEqual([first.code, first.path, first.expected, first.found], ['digest', 'digests.sha256', wrong, sha256]);
  assert.equal((await faultOf(admit(guest, file, { sha256, blake3: wrong }))).path, 'digests.blake3');
  assertNoSession(guest);
});

test('limits refuse: the header, and the memory that a resident model needs', async () => {
  assert.equal((await faultOf(admit(guest, file, { limits: { tensors: 1 } }))).code, 'limit');
  const budget = await faultOf(admit(guest, file, { sink: 'resident', limits: { memory: 100_000 } }));
  assert.deepEqual([budget.code, budget.kind], ['budget', 'retry']);
  assertNoSession(guest);
});

test('wrong options cancel the source and abort the tee', async () => {
  const source = observed(file);
  const tee = recorder();
  const fault = await faultOf(admit(guest, source.stream, { sha256: 'zz', tee }));
  assert.equal(fault.code, 'argument');
  assert.equal(source.cancelled, fault);
  assert.deepEqual(tee.aborted, [fault]);
  assert.equal(source.given, 0);
});

test('no free session is an error that leaves the source cancelled and the models alone', async () => {
  const handles = Array.from({ length: 64 }, () => guest.begin(undefined, 'verify'));
  const source = observed(file);
  assert.equal((await faultOf(admit(guest, source.stream))).code, 'sessions');
  assert.equal(source.isCancelled, true);
  handles.forEach(handle => guest.release(handle));
});

test('a length that is a lie is told: by size, by a short stream, by a long one', async () => {
  for (const length of [file.length - 1, file.length + 1]) {
    const known = await faultOf(admit(guest, new Blob([file]), { length }));
    assert.deepEqual([known.code, known.expected, known.found], ['length', String(length), String(file.length)]);
  }
  assert.equal(
    (await faultOf(admit(guest, observed(file).stream, { length: file.length - 20_000 }))).code,
    'truncated',
  );
  assert.equal((await faultOf(admit(guest, observed(file).stream, { length: file.length + 1 }))).code, 'trailing');
  const short = observed(file.slice(0, -40));
  assert.equal((await faultOf(admit(guest, short.stream, { length: file.length }))).code, 'truncated');
  const long = observed(new Uint8Array([...file, 1]));
  assert.equal((await faultOf(admit(guest, long.stream, { length: file.length }))).code, 'trailing');
  assert.equal((await faultOf(admit(guest, observed(file.slice(0, -40)).stream))).code, 'truncated');
  assertNoSession(guest);
});

test('onHeader sees the report before more than 64 KiB are taken; a throw refuses', async () => {
  const refusal = new Error('too big');
  const source = observed(file);
  const fault = await faultOf(admit(guest, source.stream, {
    sink: 'resident',
    async onHeader(report) {
      await delay(1);
      assert.equal(report.state, 'header_ready');
      assert.equal(report.tensors.length, 2);
      assert.ok(report.memory.held < 100_000);
      throw refusal;
    },
  }));
  assert.equal(fault, refusal);
  assert.ok(source.given <= 65_536);
  assert.equal(source.cancelled, refusal);
  assertNoSession(guest);
});

test('onHeader is called once, also for a file without data and for one that fits a window', async () => {
  for (const small of [gguf({ tensors: [] }), gguf(), file]) {
    let calls = 0;
    (await admit(guest, small, { onHeader: () => void calls++ })).release();
    assert.equal(calls, 1);
  }
});

test('onProgress: bytes, total, rate, phase; seldom, and once at the end', async () => {
  /** @type {import('../index.js').AdmissionProgress[]} */
  const events = [];
  const began = performance.now();
  await admit(guest, observed(file, { at: () => delay(1) }).stream, {
    length: file.length,
    onProgress: event => void events.push(event),
  });
  const seconds = (performance.now() - began) / 1000;
  assert.ok(events.length <= seconds * 10 + 2, `${events.length} in ${seconds} s`);
  const last = /** @type {import('../index.js').AdmissionProgress} */ (events.at(-1));
  assert.deepEqual([last.bytes, last.total, last.phase], [file.length, file.length, 'done']);
  assert.ok(last.rate > 0);
  assert.equal(events.filter(({ phase }) => phase === 'done').length, 1);
  for (const [index, { bytes, total, phase, rate }] of events.entries()) {
    assert.ok(index === 0 || bytes >= events[index - 1].bytes);
    assert.ok(phase === 'done' || phase === 'data' || phase === 'header');
    assert.ok(Number.isFinite(rate));
    assert.equal(total, file.length);
  }
  await admit(guest, observed(file).stream, {
    onProgress: ({ total, phase }) => assert.ok(phase === 'done' || total === undefined),
  });
});

test('what came too soon to be told is told when the source goes silent', async () => {
  /** @type {number[]} */ const told = [];
  const abort = new AbortController();
  const source = observed(file, { at: offset => (offset > 200_000 ? never() : undefined) });
  const onProgress = (/** @type {import('../index.js').AdmissionProgress} */ { bytes }) => {
    told.push(bytes);
    if (bytes > 200_000 && bytes === source.given) abort.abort();
  };
  assert.equal((await faultOf(admit(guest, source.stream, { onProgress, signal: abort.signal }))).name, 'AbortError');
  assert.ok(told.length >= 2, String(told));
  assert.equal(told.at(-1), source.given);
});

test('the time that onHeader takes is not the source\'s: no rate counts it', async () => {
  /** @type {number[]} */ const rates = [];
  const source = observed(file, { at: offset => (offset > 100_000 ? delay(1) : undefined) });
  const { now } = performance;
  const onHeader = () => void (performance.now = () => now.call(performance) + 1e7);
  try {
    await admit(guest, source.stream, { onHeader, onProgress: ({ rate }) => void rates.push(rate) });
  } finally {
    performance.now = now;
  }
  assert.ok(rates.length > 1);
  // Ten thousand seconds would count for more than any machine needs.
  for (const rate of rates) assert.ok(rate > file.length / 5000, `${rates}`);
});

test('a throw of onProgress, at the first call or the last, ends the admission', async () => {
  const mine = new Error('mine');
  for (const at of ['data', 'done']) {
    for (const how of [() => { throw mine; }, () => Promise.reject(mine)]) {
      const source = observed(file);
      assert.equal(
        await faultOf(
          admit(guest, source.stream, {
            onProgress: ({ phase }) => (phase === at || at === 'data' ? how() : undefined),
          }),
        ),
        mine,
      );
      assert.equal(source.stream.locked, false);
      assertNoSession(guest);
    }
  }
});

test('tees see every byte in order, and then the report', async () => {
  const tees = [recorder(), recorder({ write: () => delay(0) })];
  const model = await admit(guest, observed(file, { piece: 30_000 }).stream, { tee: tees });
  for (const tee of tees) {
    assert.equal(Buffer.compare(tee.bytes, file), 0);
    assert.deepEqual(tee.closed, [model.report]);
    assert.deepEqual(tee.aborted, []);
  }
});

test('a slow tee holds the source back', async () => {
  let writing = 0;
  const source = observed(file, { at: () => assert.equal(writing, 0) });
  const tee = { async write() { writing++; await delay(0); writing--; } };
  await admit(guest, source.stream, { tee });
});

test('bytes stay as they are until the tee is done with them', async () => {
  const seen = Buffer.alloc(file.length);
  const tee = {
    async write(/** @type {Uint8Array} */ bytes, /** @type {number} */ offset) {
      await delay(1);
      seen.set(bytes, offset);
    },
  };
  await admit(guest, observed(file, { type: 'bytes', piece: 5000 }).stream, { tee });
  assert.equal(seen.compare(file), 0);
});

test('a tee that fails in write or close ends the admission, and every tee is told', async () => {
  const mine = new Error('quota');
  const fail = () => { throw mine; };
  for (const on of [
    { write: fail },
    {
      write: (/** @type {number} */ offset) => {
        if (offset > 0) fail();
      },
    },
    { close: fail },
    { close: fail, abort: fail },
  ]) {
    const source = observed(file);
    const [bad, good] = [recorder(on), recorder()];
    assert.equal(await faultOf(admit(guest, source.stream, { tee: [bad, good] })), mine);
    assert.deepEqual([bad.aborted, good.aborted], [[mine], [mine]]);
    assert.equal(source.stream.locked, false);
    assertNoSession(guest);
  }
  const closed = recorder();
  assert.equal(await faultOf(admit(guest, file, { tee: [closed, recorder({ close: fail })] })), mine);
  assert.deepEqual([closed.closed.length, closed.aborted.length], [1, 0]);
  const sync = { write: fail };
  assert.equal(await faultOf(admit(guest, file, { tee: sync })), mine);
  assertNoSession(guest);
});

test('a tee whose abort never ends does not hold up the error for ever', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const hanging = { write() {}, abort: never };
  const told = recorder();
  const fault = faultOf(admit(guest, file.slice(0, -100), { tee: [hanging, told] }));
  while (told.aborted.length === 0) await new Promise(resolve => setImmediate(resolve));
  assert.equal(await Promise.race([fault, new Promise(resolve => setImmediate(resolve, 'waiting'))]), 'waiting');
  t.mock.timers.tick(10_000);
  assert.equal((await fault).code, 'truncated');
  assertNoSession(guest);
});

test('a tee never sees the chunk that is refused', async () => {
  const bad = file.slice();
  bad[bad.length - 1] = 9; // padding
  const tee = recorder();
  const fault = await faultOf(admit(guest, observed(bad, { piece: 50_000 }).stream, { tee }));
  assert.deepEqual([fault.code, fault.path, fault.offset], ['layout', 'padding', bad.length - 1]);
  assert.equal(tee.bytes.length, 200_000);
  assert.deepEqual(tee.aborted, [fault]);
});

test('a source that breaks is an error with the offset and the cause', async () => {
  for (const type of [undefined, /** @type {const} */ ('bytes')]) {
    for (const breakAt of [0, 1000, 100_000]) {
      const cause = new Error('cable');
      const { stream } = observed(file, { type, at: offset => { if (offset >= breakAt) throw cause; } });
      const fault = await faultOf(admit(guest, stream));
      assert.ok(fault instanceof AdmissionError);
      assert.deepEqual([fault.code, fault.kind, fault.cause], ['source', 'source', cause]);
      assert.equal(stream.locked, false);
      assertNoSession(guest);
    }
  }
  const cause = new Error('generator');
  const fault = await faultOf(admit(guest, (async function* () { yield file.subarray(0, 50); throw cause; })()));
  assert.deepEqual([fault.cause, fault.offset], [cause, 50]);
  const noIterator = await faultOf(
    admit(guest, {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          throw cause;
        },
      }),
    }),
  );
  assert.equal(noIterator.cause, cause);
});

test('a refused generator runs its finally', async () => {
  let closed = false;
  const source = (async function* () {
    try {
      yield new Uint8Array(100);
      yield file;
    } finally {
      await delay(1);
      closed = true;
    }
  })();
  assert.equal((await faultOf(admit(guest, source))).code, 'magic');
  assert.equal(closed, true);
});

test('other models stay as they were, whatever fails', async () => {
  const model = await admit(guest, file, { sink: 'resident' });
  model.activate();
  const before = JSON.stringify(guest.report(model.handle));
  await faultOf(admit(guest, new Uint8Array(100)));
  await faultOf(admit(guest, file, { sink: 'resident', sha256: '0'.repeat(64) }));
  await faultOf(admit(guest, file, { sink: 'resident', onProgress: () => { throw new Error('x'); } }));
  assert.equal(JSON.stringify(guest.report(model.handle)), before);
  assert.equal(model.isActive, true);
  assertNoSession(guest, 1);
});

test('two admissions into one guest at once do not disturb each other', async () => {
  const models = await Promise.all(
    [1000, 7777, 70_000].map(piece => admit(guest, observed(file, { piece }).stream, { sink: 'resident' })),
  );
  for (const model of models) assert.equal(model.report.digests?.sha256, sha256);
  assertNoSession(guest, 3);
});

// Abort: `points` names each place where a signal may fire, as a run without one passes them.
