// The Rust app reads what was fetched, beside others that read it too. Needs `cargo xtask build --web`.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { gguf, load, refusal, skip } from './support.mjs';

describe('the Rust app and a fetched response', { skip }, async () => {
  if (skip) return;
  const app = await load('fetched');
  // Longer than what is read in small pieces for the header's sake, and no multiple of any read.
  const file = gguf((20 << 18) + 12_345);
  const stored = gzipSync(file, { level: 0 });
  const WAYS = {
    '/length': response => response.writeHead(200, { 'content-length': file.length }).end(file),
    '/chunked': response => response.writeHead(200).end(file),
    '/gzip': response =>
      response.writeHead(200, { 'content-length': stored.length, 'content-encoding': 'gzip' }).end(stored),
    '/breaking': response =>
      response
        .writeHead(200, { 'content-length': file.length })
        .write(file.subarray(0, 1 << 20), () => setTimeout(() => response.destroy(), 100)),
    '/hanging': response => response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 1 << 20)),
  };
  const server = createServer(({ url }, response) => WAYS[url](response));
  before(() => new Promise(resolve => server.listen(0, resolve)));
  after(() => (server.closeAllConnections(), server.close()));
  const get = (path, options) => fetch(`http://localhost:${server.address().port}${path}`, options);

  /** As a browser shows a response of another origin: what it was encoded with is hidden. */
  const crossOrigin = response => Object.defineProperties(response, {
    type: { value: 'cors' },
    headers: { value: new Headers({ 'content-length': response.headers.get('content-length') }) },
  });
  const RESPONSES = {
    'of known length': () => get('/length'),
    'of unknown length': () => get('/chunked'),
    'that was compressed': () => get('/gzip'),
    'from another origin': async () => crossOrigin(await get('/length')),
    'from another origin, compressed to more than it was': async () => crossOrigin(await get('/gzip')),
  };
  const BESIDE = {
    'read to its end before': copy => copy.arrayBuffer(),
    'read at the same time': copy => void copy.arrayBuffer().catch(() => {}),
    'cancelled': copy => void copy.body.cancel(),
  };
  for (const [what, response] of Object.entries(RESPONSES)) {
    for (const [how, readBeside] of Object.entries(BESIDE)) {
      test(`a response ${what} is admitted whole when a clone of it is ${how}`, async () => {
        const original = await response();
        await readBeside(original.clone());
        const admitted = await app.admit(original, { sink: 'verify', digests: [] });
        assert.equal(JSON.parse(admitted.report()).length, file.length);
        admitted.free();
      });
    }
  }

  test('no read waits for more than what is left', async () => {
    const prototype = ReadableStreamBYOBReader.prototype;
    const read = prototype.read;
    let position, wrong, most;
    prototype.read = async function (view, options) {
      if (position + options.min > file.length && options.min > 1) wrong.push([position, options.min]);
      most = Math.max(most, options.min);
      const result = await read.call(this, view, options);
      position += result.value?.byteLength ?? 0;
      return result;
    };
    try {
      const sources = { ...RESPONSES, 'blob': () => new Blob([file]) };
      for (const [what, source] of Object.entries(sources)) {
        [position, wrong, most] = [0, [], 0];
        (await app.admit(await source(), { sink: 'verify', digests: [] })).free();
        assert.deepEqual([position, wrong], [file.length, []], what);
        assert.equal(most, ['of unknown length', 'that was compressed'].includes(what) ? 1 : 1 << 20, what);
      }
    } finally {
      prototype.read = read;
    }
  });

  test('a response whose own request was aborted fails with that abort as it is', async () => {
    for (const reason of [undefined, new DOMException('too late', 'TimeoutError'), new Error('enough'), 'a word']) {
      const request = new AbortController();
      const response = await get('/hanging', { signal: request.signal });
      const admission = refusal(app.admit(response, {}));
      setTimeout(() => request.abort(reason), 20);
      assert.equal(await admission, request.signal.reason);
    }
  });

  test('one whose connection breaks behind its last byte is whole', async () => {
    for (const missing of [0, 1]) {
      let sent = false;
      const body = new ReadableStream({
        pull(controller) {
          if (sent) controller.error(new TypeError('terminated'));
          else controller.enqueue(file.subarray(0, file.length - missing));
          sent = true;
        },
      }, { highWaterMark: 0 });
      const response = new Response(body, { headers: { 'content-length': String(file.length) } });
      Object.defineProperty(response, 'type', { value: 'basic' });
      const outcome = await app.admit(response, { sink: 'verify', digests: [] }).then(
        admitted => admitted.free(),
        error => error.code,
      );
      assert.equal(outcome, missing === 0 ? undefined : 'source');
      assert.equal(body.locked, false);
    }
  });

  test('one whose connection breaks is a source error at its offset', async () => {
    const error = await refusal(app.admit(await get('/breaking'), {}));
    assert.deepEqual([error.code, error.kind, error.cause?.name], ['source', 'source', 'TypeError']);
    assert.ok(error.offset > 0 && error.offset <= 1 << 20, String(error.offset));
  });

  test('a stream that fails with an AbortError passes it on, but no other DOMException', async () => {
    const failing = error => new ReadableStream({ pull(controller) { controller.error(error); } });
    const abort = new DOMException('stop', 'AbortError');
    assert.equal(await refusal(app.admit(failing(abort), {})), abort);
    const other = new DOMException('gone', 'NotReadableError');
    const error = await refusal(app.admit(failing(other), {}));
    assert.deepEqual([error.code, error.kind, error.cause], ['source', 'source', other]);
  });
});
