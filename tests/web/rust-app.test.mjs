// The Rust app in Node: every source, every way to stop. Needs `cargo xtask build --web`.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';

import { gguf, load, never, refusal, skip, streamOf, timeout } from './support.mjs';

describe('rust app', { skip }, async () => {
  if (skip) return;
  const app = await load();
  const file = gguf(100_000);
  const sha256 = createHash('sha256').update(file).digest('hex');
  const unhandled = [];
  process.on('unhandledRejection', error => unhandled.push(error));

  /** Admits, reads the report, and frees. */
  async function reportOf(source, options) {
    const admitted = await app.admit(source, options);
    try {
      return JSON.parse(admitted.report());
    } finally {
      admitted.free();
    }
  }

  const SOURCES = {
    'a Blob': () => new Blob([file]),
    'a File': () => new File([file], 'model.gguf'),
    'a Response': () => new Response(file, { headers: { 'content-length': String(file.length) } }),
    'a Response of unknown length': () => new Response(file),
    'a byte stream': () => streamOf(file, { type: 'bytes' }).stream,
    'a byte stream of single large chunks': () => streamOf(file, { type: 'bytes', size: file.length }).stream,
    'a default stream': () => streamOf(file).stream,
    'a default stream of odd chunks': () => streamOf(file, { size: 977 }).stream,
    'a default stream of one chunk': () => streamOf(file, { size: file.length }).stream,
    'a stream of ArrayBuffers, views and empty chunks': () => new ReadableStream({
      start(controller) {
        const middle = file.length >> 1;
        controller.enqueue(new Uint8Array(0));
        controller.enqueue(file.slice(0, middle).buffer);
        controller.enqueue(new DataView(file.buffer, middle, 1));
        controller.enqueue(new ArrayBuffer(0));
        controller.enqueue(file.subarray(middle + 1));
        controller.close();
      },
    }),
  };
  for (const [name, source] of Object.entries(SOURCES)) {
    test(`admits ${name}`, async () => {
      const report = await reportOf(source(), {});
      assert.equal(report.length, file.length);
      assert.deepEqual(report.digests, { sha256 });
      assert.equal(report.tensors[0].name, 'w');
      assert.deepEqual(report.metadata[0], { key: 'general.architecture', type: 'string', value: 'tiny' });
    });
  }

  test('a tensor is read where it lies', async () => {
    const admitted = await app.admit(new Blob([file]), {});
    assert.deepEqual([...admitted.values('w', 4)], [0, 1, 2, 3]);
    const { offset } = JSON.parse(admitted.report()).tensors[0];
    assert.deepEqual(admitted.bytes('w', 399_990, 10), file.slice(offset + 399_990));
    assert.equal(admitted.bytes('w', 399_991, 10), undefined);
    assert.equal(admitted.values('none', 1), undefined);
    admitted.free();
  });

  test('a verified model has a report and no tensors', async () => {
    const admitted = await app.admit(new Blob([file]), { sink: 'verify', digests: ['sha256', 'blake3'] });
    assert.equal(JSON.parse(admitted.report()).digests.sha256, sha256);
    assert.match(JSON.parse(admitted.report()).digests.blake3, /^[0-9a-f]{64}$/);
    assert.equal(admitted.values('w', 1), undefined);
    admitted.free();
  });

  test('a required digest is held to', async () => {
    await reportOf(new Blob([file]), { sha256 });
    const error = await refusal(app.admit(new Blob([file]), { sha256: '0'.repeat(64) }));
    assert.deepEqual(
      [error.code, error.kind, error.path, error.found],
      ['digest', 'rejected', 'digests.sha256', sha256],
    );
  });

  for (const type of [undefined, 'bytes']) {
    const sort = type ? 'byte stream' : 'default stream';

    test(`${sort}: an abort at any point cancels with its reason, and the next try admits`, async () => {
      for (const at of [0, 1, 4096, 65_536, 69_632, 200_000, file.length]) {
        const controller = new AbortController();
        const reason = new Error(`abort at ${at}`);
        const source = streamOf(file, { type, before: position => position >= at && controller.abort(reason) });
        assert.equal(await refusal(app.admit(source.stream, { signal: controller.signal })), reason);
        assert.equal(source.stream.locked, false);
        assert.deepEqual([source.cancelled, source.reason], [true, reason]);
        assert.equal((await reportOf(streamOf(file, { type }).stream)).digests.sha256, sha256);
      }
    });

    test(`${sort}: an abort ends a read that never comes`, async () => {
      const source = streamOf(file, { type, before: position => (position > 8192 ? never() : undefined) });
      const error = await refusal(app.admit(source.stream, { signal: timeout(30) }));
      assert.equal(error.name, 'TimeoutError');
      assert.deepEqual([source.stream.locked, source.cancelled, source.reason], [false, true, error]);
    });

    test(`${sort}: a signal that has aborted takes nothing`, async () => {
      const source = streamOf(file, { type });
      const error = await refusal(app.admit(source.stream, { signal: AbortSignal.abort() }));
      assert.equal(error.name, 'AbortError');
      assert.deepEqual([source.stream.locked, source.cancelled, source.taken], [false, true, 0]);
    });

    test(`${sort}: a source that fails is passed on as the cause, and released`, async () => {
      for (const at of [0, 4096, 300_000]) {
        const cause = new Error('the cable');
        const source = streamOf(file, { type, before: position => { if (position >= at) throw cause; } });
        const error = await refusal(app.admit(source.stream, {}));
        assert.ok(error instanceof Error);
        assert.deepEqual(
          [error.name, error.code, error.kind, error.message],
          ['AdmissionError', 'source', 'source', 'the cable'],
        );
        assert.equal(error.cause, cause);
        assert.ok(error.offset !== null && error.offset <= at + 4096, String(error.offset));
        assert.equal(source.stream.locked, false);
      }
    });

    test(`${sort}: a file that is none costs 64 KiB and is cancelled with the error`, async () => {
      const source = streamOf(new Uint8Array(1 << 20).fill(7), { type });
      const error = await refusal(app.admit(source.stream, {}));
      assert.deepEqual(
        [error.code, error.kind, error.status, error.offset, error.path],
        ['magic', 'rejected', -32, 0, 'magic'],
      );
      assert.deepEqual([source.stream.locked, source.cancelled, source.reason?.code], [false, true, 'magic']);
      assert.ok(source.taken <= 65_536, `${source.taken} bytes were taken`);
    });

    test(`${sort}: a source that fails in its cancel is nobody's unhandled rejection`, async () => {
      const source = streamOf(new Uint8Array(1 << 20), { type, cancelThrows: new Error('not now') });
      assert.equal((await refusal(app.admit(source.stream, {}))).code, 'magic');
      assert.equal(source.stream.locked, false);
    });

    test(`${sort}: a peek drops the stream, which is cancelled and released`, async () => {
      const source = streamOf(file, { type });
      const facts = JSON.parse(await app.peek(source.stream, {}));
      assert.deepEqual([facts.architecture, facts.tensors, facts.dataBytes], ['tiny', 1, 400_000]);
      assert.ok(facts.needed >= 400_000);
      assert.deepEqual([source.stream.locked, source.cancelled, source.reason], [false, true, undefined]);
      assert.ok(source.taken <= 65_536, `${source.taken} bytes were taken`);
    });

    test(`${sort}: a file that is cut is truncated, one that goes on is trailing`, async () => {
      const cut = streamOf(file.subarray(0, -1), { type });
      assert.deepEqual((({ code, path }) => [code, path])(await refusal(app.admit(cut.stream, {}))), [
        'truncated',
        'tensors[0].offset',
      ]);
      assert.equal(cut.stream.locked, false);
      const long = streamOf(Uint8Array.of(...file.subarray(0, 128), ...new Uint8Array(1 << 16)), { type });
      const error = await refusal(app.admit(long.stream, { length: 130 }));
      assert.equal(error.kind, 'rejected');
      assert.deepEqual([long.stream.locked, long.cancelled], [false, true]);
    });

    test(`${sort}: bytes that come without waiting leave the thread to timers`, async () => {
      const large = gguf(12 << 20);
      const stream = new ReadableStream({ type, start(controller) { controller.enqueue(large); controller.close(); } });
      const error = await refusal(app.admit(stream, { signal: timeout(40) }));
      assert.equal(error.name, 'TimeoutError');
      assert.equal(stream.locked, false);
    });
  }

  test('what a peek answers is JSON, whatever the file is called', async () => {
    for (const architecture of ['llama', 'a\u0001b', 'a\0b', '\u200b', '\u{1f600}', 'a"b\\', "it's", '']) {
      const bytes = gguf(4, { 'general.architecture': architecture });
      assert.equal(JSON.parse(await app.peek(new Blob([bytes]), {})).architecture, architecture);
    }
    assert.equal(JSON.parse(await app.peek(new Blob([gguf(4, {})]), {})).architecture, '');
  });

  test('a peek at a file that ends in its header says where', async () => {
    for (const length of [0, 3, 24, 60]) {
      for (const type of [undefined, 'bytes']) {
        const error = await refusal(app.peek(streamOf(file.subarray(0, length), { type }).stream, {}));
        assert.deepEqual([error.code, error.kind], ['truncated', 'rejected']);
      }
    }
  });

  test('a chunk that is no bytes is an error', async () => {
    for (const chunk of ['GGUF', undefined]) {
      const stream = new ReadableStream({ start(controller) { controller.enqueue(chunk); } });
      const error = await refusal(app.admit(stream, {}));
      assert.deepEqual([error.code, error.offset], ['source', 0]);
      assert.match(error.message, new RegExp(`found ${typeof chunk}`));
      assert.equal(stream.locked, false);
    }
  });

  test('a stream with another reader is locked, and stays that reader\'s', async () => {
    const source = streamOf(file);
    source.stream.getReader();
    assert.equal((await refusal(app.admit(source.stream, {}))).code, 'locked');
    assert.deepEqual([source.stream.locked, source.cancelled], [true, false]);
    const response = new Response(file);
    await response.arrayBuffer();
    assert.equal((await refusal(app.admit(response, {}))).code, 'locked');
  });

  test('what is no source is a misuse', async () => {
    for (const value of [undefined, null, 7, 'model.gguf', {}]) {
      const error = await refusal(app.admit(value, {}));
      assert.deepEqual([error.code, error.kind], ['unsupported', 'misuse']);
    }
  });

  test('responses that hold no model are told apart, and their bodies cancelled', async () => {
    const expect = async (code, init, body = file) => {
      const source = streamOf(body);
      const error = await refusal(app.admit(new Response(source.stream, init), {}));
      assert.equal(error.code, code);
      assert.deepEqual([source.cancelled, source.stream.locked], [true, false]);
      return error;
    };
    const detail = ({ status, expected, found, cause }) => [status, expected, found, cause?.code];
    assert.deepEqual(detail(await expect('http', { status: 404, statusText: 'Not Found' })), [
      404,
      '200',
      '404',
      undefined,
    ]);
    const part = `bytes 5-9/${file.length}`;
    assert.deepEqual(detail(await expect('range', { status: 206, headers: { 'content-range': part } })), [
      null,
      null,
      part,
      undefined,
    ]);
    await expect('range', { status: 206 });
    const page = { headers: { 'content-type': 'text/html' } };
    const text = new TextEncoder().encode('<!doctype html>'.repeat(99));
    assert.deepEqual(detail(await expect('html', page, text)), [null, 'GGUF', 'text/html', 'magic']);
    assert.equal((await refusal(app.peek(new Response(text, page), {}))).code, 'html');
    assert.equal((await refusal(app.admit(Response.error(), {}))).code, 'http');
    const empty = await refusal(app.admit(new Response(null), {}));
    assert.deepEqual([empty.code, empty.offset, empty.path], ['truncated', 0, 'magic']);
    for (const unit of ['bytes', 'Bytes']) {
      const whole = { status: 206, headers: { 'content-range': `${unit} 0-${file.length - 1}/${file.length}` } };
      assert.equal((await reportOf(new Response(file, whole))).digests.sha256, sha256);
    }
  });

  test('Content-Length is the length, but of a body that is not compressed', async () => {
    const headers = { 'content-length': '130' };
    const error = await refusal(app.admit(new Response(file, { headers }), {}));
    assert.deepEqual([error.code, error.path], ['truncated', 'tensors[0].offset']);
    const encoded = { ...headers, 'content-encoding': 'gzip' };
    assert.equal((await reportOf(new Response(file, { headers: encoded }))).length, file.length);
    const none = { headers: { 'content-length': '0' } };
    const empty = await refusal(app.admit(new Response(null, none), {}));
    assert.deepEqual([empty.code, empty.path, empty.offset], ['truncated', 'magic', 0]);
    assert.equal((await refusal(app.admit(new Response(file, none), {}))).code, 'trailing');
  });

  test('an empty Blob is truncated in its magic', async () => {
    const error = await refusal(app.admit(new Blob([]), {}));
    assert.deepEqual([error.code, error.path, error.offset], ['truncated', 'magic', 0]);
  });

  test('a resident model costs its size and no copy of the file', async () => {
    const app = await load('memory');
    const large = gguf(24 << 20);
    for (const type of ['bytes', undefined]) {
      const { stream } = streamOf(large, { type, size: 1 << 20 });
      const admitted = await app.admit(stream, { length: large.length, digests: [] });
      assert.ok(app.memoryBytes() <= large.length + (4 << 20), `${app.memoryBytes()} bytes for ${large.length}`);
      assert.deepEqual([...admitted.values('w', 2)], [0, 1]);
      admitted.free();
    }
  });

  test('memory stays as it was over a hundred admissions, good and bad', async () => {
    const once = async () => {
      await reportOf(new Blob([file]), {});
      await refusal(app.admit(new Blob([file.subarray(0, 300_000)]), {}));
    };
    await once();
    const before = app.memoryBytes();
    for (let round = 0; round < 50; round++) await once();
    assert.equal(app.memoryBytes(), before);
  });

  test('an engine without min is read by its own chunks', async () => {
    const prototype = ReadableStreamBYOBReader.prototype;
    const read = prototype.read;
    let into = 0;
    prototype.read = function (view) { into++; return read.call(this, view); };
    try {
      const app = await load('no-min');
      const admitted = await app.admit(streamOf(file, { type: 'bytes' }).stream, {});
      assert.equal(JSON.parse(admitted.report()).digests.sha256, sha256);
      assert.equal(into, 1, 'only the question whether min is known');
      admitted.free();
    } finally {
      prototype.read = read;
    }
  });

  test('a byte stream is read into one buffer, with min where it is sure how much is left', async () => {
    const prototype = ReadableStreamBYOBReader.prototype;
    const read = prototype.read;
    let reads = [];
    prototype.read = function (view, options) {
      reads.push([view.byteLength, options.min]);
      return read.call(this, view, options);
    };
    try {
      const large = gguf(6 << 20);
      const made = () =>
        new Response(streamOf(large, { type: 'bytes', size: 100_000 }).stream, {
          headers: { 'content-length': large.length },
        });
      for (const [source, most] of [
        [new Blob([large]), 1 << 20],
        [streamOf(large, { type: 'bytes', size: 100_000 }).stream, 1],
        [made(), 1],
      ]) {
        reads = [];
        await reportOf(source, { digests: [] });
        assert.deepEqual(reads[0], [65_536, 1]);
        assert.equal(reads.at(-1)[0], 1 << 20);
        assert.equal(Math.max(...reads.map(([, min]) => min)), most);
      }
    } finally {
      prototype.read = read;
    }
  });

  test('nothing was left unhandled', async () => {
    await sleep(10);
    assert.deepEqual(unhandled, []);
  });
});
