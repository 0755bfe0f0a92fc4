import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { Admission } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf, joined } from './support/gguf.js';
import { never, observed } from './support/streams.js';

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

const file = gguf({ tensors: [{ name: 'a', bytes: 200_000 }, { name: 'b', bytes: 100 }] });

/** @param {Uint8Array} bytes */
const from = bytes => (/** @type {Uint8Array} */ window, /** @type {number} */ offset) => {
  const piece = bytes.subarray(offset, offset + window.length);
  window.set(piece);
  return piece.length;
};

test('step lends, fills and pushes; finish makes the model', () => {
  const admission = new Admission(guest, { length: file.length, sink: 'resident' });
  assert.equal(admission.state, 'open');
  assert.equal(admission.step(from(file)), 65_536);
  assert.equal(admission.state, 'header_ready');
  assert.equal(admission.report.gguf.version, 3);
  assert.equal(admission.step(window => (window.set(file.subarray(65_536, 65_546)), 10)), 10);
  assert.equal(admission.state, 'receiving');
  while (admission.step(from(file)) > 0);
  assert.equal(admission.position, file.length);
  const model = admission.finish();
  assert.equal(admission.state, 'admitted');
  assert.equal(admission.model, model);
  const at = model.report.tensors[0].offset;
  assert.deepEqual(model.tensor('a'), file.subarray(at, at + 200_000));
  assert.deepEqual(model.tensor(1)?.length, 100);
  assert.equal(model.tensor('c'), undefined);
  assert.equal(model.metadata('general.architecture'), 'test');
  assert.equal(model.metadata(0), 'test');
  assert.equal(model.metadata('no.such'), undefined);
  assert.deepEqual(
    [model.tensor(2), model.tensor(2 ** 53 - 1), model.metadata(1), model.metadata(2 ** 32)],
    [undefined, undefined, undefined, undefined],
  );
  model.activate();
  assert.equal(model.isActive, true);
  model.release();
  model.release();
  admission.release();
  assert.equal(model.isActive, false);
  assertNoSession(guest);
});

test('a number that is no index is misuse', async () => {
  const admission = new Admission(guest, { sink: 'resident' });
  await admission.write(file);
  const model = admission.finish();
  for (const index of [NaN, Infinity, -1, -0.5, 0.5, 1.9, 2 ** 53]) {
    for (const act of [() => model.tensor(index), () => model.metadata(index)]) {
      const fault = await faultOf(act);
      assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse'], String(index));
    }
  }
  model.release();
});

test('a fill that lies about what it wrote is misuse, and the session goes on', async () => {
  const admission = new Admission(guest);
  assert.equal((await faultOf(() => admission.step(() => 100))).code, 'unwritten');
  for (const count of [-1, 1.5, 1 << 20, NaN, /** @type {any} */ (Promise.resolve(4))]) {
    assert.equal((await faultOf(() => admission.step(() => count))).code, 'argument');
  }
  assert.equal(admission.step(() => 0), 0);
  const broken = new Error('disk');
  assert.equal(await faultOf(() => admission.step(() => { throw broken; })), broken);
  await admission.write(file);
  admission.finish();
  admission.release();
  assertNoSession(guest);
});

test('a fill that makes memory grow writes into a dead view, and is told so', async () => {
  const admission = new Admission(guest);
  const stale = await faultOf(() => admission.step(window => {
    const ptr = guest.alloc(32 << 20);
    guest.dealloc(ptr, 32 << 20);
    window.set(file.subarray(0, 100));
    return 100;
  }));
  assert.match(stale.message, /detached/);
  assert.equal((await faultOf(() => admission.step(() => (guest.alloc(64 << 20), 16)))).code, 'unwritten');
  await admission.write(file);
  assert.equal(admission.finish().report.position, file.length);
  admission.release();
});

test('a file that holds the stamp itself is admitted', async () => {
  for (const sink of /** @type {const} */ (['verify', 'resident'])) {
    for (const cut of [64, 1024]) {
      const plain = gguf({ tensors: [{ bytes: 4096 }] });
      const header = plain.length - 4096;
      const admission = new Admission(guest, { sink });
      await admission.write(plain.subarray(0, header + cut));
      const stamp = guest.window(admission.handle).slice(0, 16);
      const stamped = plain.slice();
      stamped.set(stamp, header + cut);
      // Fewer bytes than are ever compared; the window after them has a stamp of its own, which this file does not
      // hold.
      assert.equal(admission.step(from(stamped)), 8);
      assert.equal(admission.position, header + cut + 8);
      assert.equal(admission.step(from(stamped)), 4096 - cut - 8);
      const model = admission.finish();
      assert.equal(model.report.position, stamped.length);
      if (sink === 'resident') assert.deepEqual(model.tensor(0), stamped.subarray(header));
      model.release();
    }
  }
  assertNoSession(guest);
});

test('a header that holds the stamp itself is admitted', async () => {
  const plain = gguf({ metadata: { 'general.name': '?'.repeat(400) } });
  const cut = plain.indexOf(63) + 40;
  const admission = new Admission(guest);
  await admission.write(plain.subarray(0, cut));
  const stamp = guest.window(admission.handle).slice(0, 16);
  plain.set(stamp, cut);
  await admission.write(plain.subarray(cut));
  assert.equal(admission.finish().report.position, plain.length);
  admission.release();
});

test('an empty window 16 bytes long, left as it was, is unwritten although it shows no stamp', async () => {
  const admission = new Admission(guest);
  assert.equal((await faultOf(() => admission.step(() => 16))).code, 'unwritten');
  assert.equal((await faultOf(() => admission.step(() => 16))).code, 'unwritten');
  admission.release();
});

test('write asks onHeader before the data; a throw refuses and releases', async () => {
  const refusal = new Error('too big');
  const admission = new Admission(guest, {
    onHeader: async report => {
      assert.equal(report.state, 'header_ready');
      throw refusal;
    },
  });
  assert.equal(await faultOf(admission.write(file)), refusal);
  assert.equal(admission.handle, 0);
  assert.equal((await faultOf(admission.write(file))).code, 'handle');
  assertNoSession(guest);
});

test('writes that are not awaited go in in the order of the calls, whatever their lengths', async () => {
  const long = gguf({ tensors: [{ bytes: 5_000_000, fill: index => (index * 7919) >> 5 }] });
  for (const cuts of [
    [2_500_000],
    [10, 70_000, 3_000_000],
    [100_000],
    [65_536, 1_114_112],
    Array.from({ length: 40 }, (_, index) => 120_000 * (index + 1)),
  ]) {
    for (const sink of /** @type {const} */ (['verify', 'resident'])) {
      const admission = new Admission(guest, {
        sink,
        sha256: createHash('sha256').update(long).digest('hex'),
        onHeader: () => new Promise(resolve => setTimeout(resolve, 1)),
      });
      const pieces = [0, ...cuts].map((start, index) => long.subarray(start, cuts[index] ?? long.length));
      await Promise.all(pieces.map(piece => admission.write(piece)));
      admission.finish().release();
    }
  }
  assertNoSession(guest);
});

test('step and finish while a write is under way are misuse, and the write goes on', async () => {
  const long = gguf({ tensors: [{ bytes: 5_000_000 }] });
  const admission = new Admission(guest);
  let misuses = 0;
  const writing = admission.write(long).then(() => 'written');
  for (
    let over = false;
    !over;
    over = (await Promise.race([writing, new Promise(resolve => setImmediate(resolve))])) === 'written'
  ) {
    for (const act of [() => admission.step(from(long)), () => admission.finish()]) {
      const fault = await faultOf(act);
      assert.deepEqual([fault.code, fault.kind], ['state', 'misuse']);
      misuses++;
    }
    await null;
  }
  assert.ok(misuses > 0);
  assert.equal(admission.finish().report.position, long.length);
  admission.release();
});

test('what waits behind a write that fails fails with its error; what is called after that is taken', async () => {
  const admission = new Admission(guest, { sink: 'resident', limits: { memory: 250_000 } });
  const [first, second, third] = [file.subarray(0, 70_000), file.subarray(70_000, 80_000), file.subarray(80_000)];
  const [failed, ...waiting] = await Promise.all([first, second, third].map(piece => faultOf(admission.write(piece))));
  assert.equal(failed.code, 'budget');
  assert.deepEqual(waiting, [failed, failed]);
  admission.limit('memory', 2 ** 31);
  await admission.write(file.subarray(admission.position));
  assert.equal(admission.finish().report.position, file.length);
  admission.release();

  const refusal = new Error('no');
  const refused = new Admission(guest, { onHeader: () => { throw refusal; } });
  assert.deepEqual(await Promise.all([first, second].map(piece => faultOf(refused.write(piece)))), [refusal, refusal]);
  assertNoSession(guest);
});

test('bytes that are detached while they wait for another write are an error, not a hole', async () => {
  const admission = new Admission(guest, { limits: { trailingBytes: 1 << 20 } });
  const long = gguf({ tensors: [{ bytes: 3_000_000 }] });
  const [first, second] = [long.slice(0, 2_900_000), long.slice(2_900_000)];
  const written = [admission.write(first), admission.write(second)];
  structuredClone(undefined, { transfer: [second.buffer] });
  await written[0];
  assert.match((await faultOf(written[1])).message, /detached/);
  admission.release();
});

test('while onHeader has not answered nothing else is taken', async () => {
  /** @type {(value?: unknown) => void} */ let answer = () => {};
  const admission = new Admission(guest, { onHeader: () => new Promise(resolve => (answer = resolve)) });
  const writing = admission.write(file);
  assert.equal((await faultOf(() => admission.step(from(file)))).code, 'state');
  assert.equal((await faultOf(() => admission.finish())).code, 'state');
  answer();
  await writing;
  admission.finish().release();
  assertNoSession(guest);
});

test('a write within onHeader, which would wait for itself, is misuse', async () => {
  /** @type {Admission} */
  const admission = new Admission(guest, { onHeader: () => admission.write(file) });
  const [, second] = [admission.write(file.subarray(0, 10)), admission.write(file.subarray(10))];
  const never = new Promise(resolve => setTimeout(() => resolve({ code: 'it waits' }), 5000));
  assert.equal((await Promise.race([faultOf(second), never])).code, 'state');
  assertNoSession(guest);
});

test('a budget is an answer: raise the limit and make the same step again', async () => {
  const admission = new Admission(guest, { sink: 'resident', limits: { memory: 250_000 } });
  await admission.write(file.subarray(0, 300));
  const fault = await faultOf(() => admission.step(from(file)));
  assert.deepEqual([fault.code, fault.kind], ['budget', 'retry']);
  assert.equal(admission.limit('memory', Number(fault.expected)), Number(fault.expected));
  while (admission.step(from(file)) > 0);
  admission.finish().release();
  assertNoSession(guest);
});

test('options that cannot be are misuse before a session is opened', async () => {
  for (const options of [
    { sink: 'disk' },
    { length: 0 },
    { length: -1 },
    { length: 1.5 },
    { length: NaN },
    { length: 2 ** 53 },
    { sha256: 'abc' },
    { blake3: 5 },
    { digests: ['md5'] },
    { limits: { memroy: 5 } },
    { limits: { memory: -1 } },
    { limits: { __proto__: null, toString: 1 } },
  ]) {
    assert.equal(
      (await faultOf(() => new Admission(guest, /** @type {any} */ (options)))).code,
      'argument',
      JSON.stringify(options),
    );
  }
  assertNoSession(guest);
});

test('a header that onHeader has not been asked about is not consented to', async () => {
  for (const answer of [() => {}, () => { throw new Error('too large'); }]) {
    let asked = 0;
    const admission = new Admission(guest, { onHeader: () => (asked++, answer()) });
    const fill = (/** @type {Uint8Array} */ window, /** @type {number} */ offset) => {
      const piece = file.subarray(offset, offset + window.length);
      window.set(piece);
      return piece.length;
    };
    while (admission.state !== 'header_ready') admission.step(fill);
    for (const call of [() => admission.step(fill), () => admission.finish()])
      assert.equal((await faultOf(call)).code, 'state');
    assert.deepEqual([asked, admission.state], [0, 'header_ready']);
    await admission.decide().then(() => { while (admission.step(fill) > 0); admission.finish(); }, () => {});
    assert.equal(asked, 1);
    admission.release();
  }
  assertNoSession(guest);
});

test('bytes that are detached while they are written are an error, not a hole', async () => {
  const bytes = file.slice();
  const admission = new Admission(guest, { onHeader: () => void structuredClone(bytes, { transfer: [bytes.buffer] }) });
  assert.match((await faultOf(admission.write(bytes))).message, /detached/);
  admission.release();
});

test('a response body can be piped into writable', async () => {
  const admission = new Admission(guest, { sink: 'resident' });
  await new Response(file).body?.pipeTo(admission.writable);
  assert.equal(admission.model?.report.position, file.length);
  admission.release();
  assertNoSession(guest);
});

test('a pipe that fails in write, in close, by its source, by onHeader or by a signal leaves no session', async () => {
  const refusal = new Error('no');
  const bad = file.slice();
  bad[0] = 0;
  const abort = new AbortController();
  /** @typedef {import('../guest/settings.js').AdmissionOptions & { onHeader?: () => void }} Options */
  /** @type {[string, unknown, ReadableStream, Options, AbortSignal?][]} */
  const pipes = [
    ['write', 'magic', observed(bad).stream, {}],
    ['close', 'truncated', observed(file.slice(0, 5000)).stream, {}],
    [
      'source',
      refusal,
      observed(file, {
        at: offset => {
          if (offset > 4000) throw refusal;
        },
      }).stream,
      {},
    ],
    [
      'onHeader',
      refusal,
      observed(file).stream,
      {
        onHeader: () => {
          throw refusal;
        },
      },
    ],
    ['chunk', 'source', new ReadableStream({ start: controller => controller.enqueue('text') }), {}],
    [
      'signal',
      refusal,
      observed(file, { at: offset => offset > 4000 && abort.abort(refusal) }).stream,
      {},
      abort.signal,
    ],
  ];
  for (const [name, expected, stream, options, signal] of pipes) {
    const { writable } = new Admission(guest, options);
    const fault = await faultOf(stream.pipeTo(writable, { signal }));
    assert.equal(expected instanceof Error ? fault : fault.code, expected, name);
    assert.equal(stream.locked, false, name);
    assertNoSession(guest);
  }
});

test('an abort of the writable is heard while onHeader is thinking', async () => {
  const reason = new Error('enough');
  const admission = new Admission(guest, { onHeader: () => (setTimeout(() => void writer.abort(reason)), never()) });
  const writer = admission.writable.getWriter();
  writer.closed.catch(() => {});
  assert.equal(await faultOf(writer.write(file)), reason);
  assertNoSession(guest);
});

test('chunks of any size and kind of view can be written', async () => {
  for (const size of [1, 7, 65_537, file.length]) {
    const admission = new Admission(guest);
    for (let at = 0; at < file.length; at += size) {
      const piece = file.slice(at, at + size);
      await admission.write(size % 2 ? piece.buffer : new DataView(piece.buffer));
    }
    assert.equal(admission.finish().report.position, file.length);
    admission.release();
  }
  assertNoSession(guest);
  assert.equal(joined([]).length, 0);
});
