// Chunks that a source gives: detached, shrunk, empty, none at all.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { beforeEach, test } from 'node:test';
import { Admission, admit } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { long } from './support/gguf.js';
import { observed, recorder } from './support/streams.js';

const { file, tensorAt } = long();

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

test('a chunk that was transferred away before it is read is an error, not a hole', async () => {
  for (const sort of [Uint8Array, Uint16Array, DataView, (/** @type {ArrayBuffer} */ buffer) => buffer]) {
    const { buffer } = file.slice(0, file.length & -2);
    const chunk = sort.prototype ? new /** @type {any} */ (sort)(buffer) : /** @type {any} */ (sort)(buffer);
    structuredClone(undefined, { transfer: [buffer] });
    const stream = new ReadableStream({ start(controller) { controller.enqueue(chunk); controller.close(); } });
    const fault = await faultOf(admit(guest, stream));
    assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
    assert.match(fault.message, /transferred away/);
    assertNoSession(guest);
  }
});

test('a chunk whose buffer shrank before it is read is an error, not a hole', async () => {
  const at = tensorAt + 1000;
  const follower = (/** @type {ArrayBuffer} */ buffer) => new Uint8Array(buffer);
  /** @type {((buffer: ArrayBuffer) => any)[]} */
  const sorts = [
    buffer => new Uint8Array(buffer, 0, 50_000),
    follower,
    buffer => new Uint16Array(buffer, 0, 25_000),
    buffer => new DataView(buffer, 0, 50_000),
    buffer => buffer,
  ];
  for (const sort of sorts) {
    for (const left of [0, 100]) {
      const buffer = /** @type {any} */ (new /** @type {any} */ (ArrayBuffer)(50_000, { maxByteLength: 50_000 }));
      const chunk = sort(buffer);
      const follows = chunk === buffer || sort === follower;
      const chunks = [file.subarray(0, at), chunk, file.subarray(at + 50_000), new Uint8Array(100_000)];
      const streams = [
        new ReadableStream({
          start(controller) {
            for (const each of chunks) controller.enqueue(each);
            controller.close();
          },
        }),
        chunks,
      ];
      buffer.resize(left);
      // A view that follows its buffer, or the buffer itself, is what it is when it is read.
      if (left > 0 && follows) continue;
      for (const from of streams) {
        const fault = await faultOf(admit(guest, from, { limits: { trailingBytes: 1 << 20 } }));
        assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
      }
      const admission = new Admission(guest);
      assert.equal((await faultOf(admission.write(chunk))).code, 'source');
      admission.release();
    }
  }
  assertNoSession(guest);
});

test('undefined and null are no bytes, of a stream or of an iterator', async () => {
  for (const chunk of [undefined, null]) {
    const chunks = [file.subarray(0, 1000), chunk, file.subarray(1000)];
    const stream = new ReadableStream({
      start(controller) {
        for (const each of chunks) controller.enqueue(each);
        controller.close();
      },
    });
    for (const from of [stream, (async function* () { yield* chunks; })(), chunks]) {
      const fault = await faultOf(admit(guest, /** @type {any} */ (from)));
      assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
      assert.match(fault.message, /must be bytes/);
    }
  }
  assertNoSession(guest);
});

test('empty chunks without end leave the thread to timers, and end with an abort', async () => {
  const empty = new Uint8Array(0);
  for (const from of [
    (async function* () { for (;;) yield empty; })(),
    { [Symbol.iterator]: () => ({ next: () => ({ value: empty, done: false }) }) },
    new ReadableStream({ pull(controller) { controller.enqueue(empty); } }),
  ]) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 30);
    assert.equal((await faultOf(admit(guest, /** @type {any} */ (from), { signal: abort.signal }))).message, 'enough');
  }
  assertNoSession(guest);
});

test('a Node stream whose destroy throws does not hide the error', async () => {
  const wrong = Readable.from([Buffer.alloc(100_000)]);
  wrong.destroy = () => { throw new Error('boo'); };
  assert.equal((await faultOf(admit(guest, wrong))).code, 'magic');
  assertNoSession(guest);
});

test('a source that somebody aborted passes that on as it is, of whatever realm', async () => {
  for (const stop of [
    new DOMException('stop', 'AbortError'),
    Object.assign(Object.create(null), { name: 'AbortError' }),
  ]) {
    const stream = new ReadableStream({
      pull(controller) {
        controller.error(stop);
      },
    });
    assert.equal(await faultOf(admit(guest, stream)), stop);
    assert.equal(stream.locked, false);
  }
  const other = new DOMException('gone', 'NotReadableError');
  const fault = await faultOf(admit(guest, new ReadableStream({ pull(controller) { controller.error(other); } })));
  assert.deepEqual([fault.code, fault.cause], ['source', other]);
});

test('a synchronous handle that is closed is a source error', async () => {
  const closed = { read: () => 0, close() {}, getSize() { throw new DOMException('closed', 'InvalidStateError'); } };
  const fault = await faultOf(admit(guest, /** @type {any} */ (closed)));
  assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
});

test('a tee that transfers its bytes away takes them from nobody', async () => {
  const steal = {
    write: (/** @type {Uint8Array} */ bytes) =>
      void structuredClone(bytes, { transfer: [/** @type {ArrayBuffer} */ (bytes.buffer)] }),
  };
  const other = recorder();
  for (const tee of [[steal], [steal, other]]) {
    const model = await admit(guest, observed(file, { piece: 1e9 }).stream, { tee });
    assert.equal(model.report.length, file.length);
    model.release();
  }
  assert.equal(Buffer.compare(other.bytes, file), 0);
  assertNoSession(guest);
});
