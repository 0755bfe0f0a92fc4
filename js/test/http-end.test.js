import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { mock, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { admit } from '../index.js';
import { sourceOf } from '../sources/source-of.js';
import { aborting, at, delay, file, guest, quiet, retryDelay, server } from './support/download.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { never, recorder } from './support/streams.js';

/** @typedef {import('./support/server.js').Manner} Manner */

test('an abort of the fetch that a Response came of ends the admission with its reason', async () => {
  for (const reason of [undefined, new Error('enough'), new DOMException('late', 'TimeoutError'), 'a word']) {
    const { signal, tee } = aborting(reason);
    const response = await fetch(await at({ breakAfter: 90_000, hang: true }, {}), { signal });
    assert.equal(await faultOf(admit(guest, response, { tee, retryDelay })), signal.reason);
    assert.equal(server?.requests.length, 1);
  }
});

test('so does the abort behind a Response that was made by hand', async () => {
  const { signal, tee } = aborting(undefined);
  const { body } = await fetch(await at({ breakAfter: 90_000, hang: true }, {}), { signal });
  const piped = body?.pipeThrough(new TransformStream());
  assert.equal(await faultOf(admit(guest, new Response(piped), { tee, retryDelay })), signal.reason);
  assert.equal(server?.requests.length, 1);
});

test('an abort by the signal of a Request is heard while a callback or a tee waits', async () => {
  for (const where of ['onHeader', 'onProgress', 'write', 'close']) {
    const reason = new Error('enough');
    const abort = new AbortController();
    const wait = () => (abort.abort(reason), never());
    const tee = { write: where === 'write' ? wait : () => {}, ...(where === 'close' && { close: wait }) };
    const options = where.startsWith('on') ? { [where]: wait } : {};
    const request = new Request(await at(), { signal: abort.signal });
    assert.equal(await faultOf(admit(guest, request, { tee, ...options })), reason, where);
  }
});

test('a request is made as it is each time: no referrer is told anew, and its signal is let go', async () => {
  const real = globalThis.fetch;
  /** @type {string[][]} */ const made = [];
  mock.method(globalThis, 'fetch', (/** @type {Request} */ asked, /** @type {RequestInit} */ init) => {
    const { referrer, referrerPolicy, headers } = new Request(asked, init);
    made.push([referrer, referrerPolicy, headers.get('authorization') ?? '']);
    return real(asked, init);
  });
  const { signal } = new AbortController();
  const request = new Request(await at({ breakAfter: 90_000 }, { breakAfter: 50_000 }, {}), {
    referrerPolicy: 'no-referrer',
    referrer: '',
    headers: { authorization: 'Bearer x' },
    signal,
  });
  (await admit(guest, request, { retryDelay })).release();
  assert.ok(made.length >= 3);
  assert.deepEqual(new Set(made.map(String)), new Set([',no-referrer,Bearer x']));
  assert.equal(getEventListeners(request.signal, 'abort').length, 0);
});

test('a connection that breaks behind the last byte of a known length has brought the file', async () => {
  let count = 0;
  mock.method(globalThis, 'fetch', async () => {
    count++;
    let sent = false;
    const body = new ReadableStream({
      pull(controller) {
        if (sent) controller.error(new TypeError('terminated'));
        else controller.enqueue(file);
        sent = true;
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { 'content-length': String(file.length) } });
  });
  (await admit(guest, 'http://localhost/m.gguf', { retryDelay, retries: 0 })).release();
  assert.equal(count, 1);
});

test('a length beyond all numbers is none, and a password in a URL is not told on', async () => {
  const headers = { 'content-length': '1152921504606846976' };
  (await admit(guest, new Response(file, { headers }))).release();
  const fault = await faultOf(admit(guest, 'http://user:secret@localhost/m.gguf'));
  assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse']);
  assert.match(fault.message, /Authorization/);
  assert.doesNotMatch(String(fault.stack), /secret/);
});

test('the signals of a Request and of the options are both heard without AbortSignal.any, and let go', async () => {
  const { any } = AbortSignal;
  const reason = new Error('enough');
  try {
    AbortSignal.any = /** @type {any} */ (undefined);
    for (const own of [true, false]) {
      const { signal, tee } = aborting(reason);
      const quietSignal = new AbortController().signal;
      const request = new Request(await at({ breakAfter: 70_000, hang: true }), { signal: own ? signal : quietSignal });
      const before = getEventListeners(request.signal, 'abort').length;
      assert.equal(await faultOf(admit(guest, request, { tee, signal: own ? quietSignal : signal })), reason);
      assert.equal(getEventListeners(request.signal, 'abort').length, before);
    }
  } finally {
    AbortSignal.any = any;
  }
  const { signal } = new AbortController();
  (await admit(guest, await at(), { signal })).release();
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a source that is closed while it waits, asks again or is opened ends at once and holds nothing', async () => {
  const over = new Error('over');
  /** @type {(source: import('../sources/source.js').Source) => Promise<unknown>} */
  const readAll = async source => {
    await source.open?.();
    while (await source.read(65_536));
  };
  /** @param {Promise<unknown>} reading */
  const endsSoon = reading => Promise.race([faultOf(reading), delay(500).then(() => 'it goes on')]);

  for (const [retryDelay, ...manners] of /** @type {[number, ...Manner[]][]} */ ([
    [200, { breakAfter: 90_000 }, {}], [1, { breakAfter: 90_000 }, { wait: never() }], [1, { wait: never() }],
  ])) {
    const source = sourceOf(await at(...manners), { retryDelay });
    const reading = readAll(source);
    await delay(100);
    await source.close(over);
    assert.equal(await endsSoon(reading), over);
    const requests = server?.requests.length;
    if (retryDelay === 1) await quiet();
    await delay(300);
    assert.equal(server?.requests.length, requests);
  }
});

test('a response that comes when the source is closed, or just before, is let go', async () => {
  const url = await at({ breakAfter: 90_000 }, {}, { breakAfter: 90_000 }, {});
  for (const isRest of [false, true]) {
    for (let ticks = -1; ticks < 12; ticks++) {
      const from = isRest ? await fetch(await at({ breakAfter: 90_000 })) : url;
      let isCancelled = false;
      const stream = new ReadableStream({ cancel: () => void (isCancelled = true) });
      let answer = () => {};
      /** @type {Promise<void>} */ const asked = new Promise(resolve => {
        // A fetch that is deaf to its signal.
        mock.method(globalThis, 'fetch', (/** @type {Request} */ { headers }) => {
          resolve();
          const start = /\d+/.exec(headers.get('range') ?? '')?.[0];
          const range = `bytes ${start}-${file.length - 1}/${file.length}`;
          const response = new Response(stream, {
            status: isRest ? 206 : 200,
            headers: { etag: '"one"', 'content-range': range },
          });
          return new Promise(done => (answer = () => done(response)));
        });
      });
      const source = sourceOf(from, { retryDelay });
      const reading = faultOf(async () => {
        await source.open?.();
        while (await source.read(65_536));
        throw new Error('it ended');
      });
      await asked;
      const closed = ticks < 0 ? source.close() : undefined;
      answer();
      for (let tick = 0; tick < ticks; tick++) await null;
      await (closed ?? source.close());
      await reading;
      await delay(1);
      assert.ok(isCancelled && !stream.locked, `its body is open after ${ticks} ticks`);
      mock.restoreAll();
    }
  }
});

test('a Response whose clone was read to its end first is whole', async () => {
  // Longer than what is asked for at once, so that the last bytes are fewer.
  const long = gguf({ tensors: [{ bytes: 3_456_789, fill: index => index % 251 }] });
  const chunked = { endAfter: long.length };
  for (const manner of [{}, chunked]) {
    for (const type of ['basic', 'cors']) {
      const response = await fetch(await at({ body: long, ...manner }));
      Object.defineProperty(response, 'type', { value: type });
      await response.clone().arrayBuffer();
      const tee = recorder();
      (await admit(guest, response, { retries: 0, tee })).release();
      assert.equal(Buffer.compare(tee.bytes, long), 0);
      if (manner !== chunked) assert.ok(tee.pieces.some(({ length }) => length > 65_536), 'it is read in small pieces');
    }
  }
});

test('a Response of another origin that compression made longer is whole, its clone read first', async () => {
  const noise = randomBytes(3_456_789);
  const long = gguf({ tensors: [{ bytes: noise.length, fill: index => noise[index] }] });
  const zipped = gzipSync(long, { level: 1 });
  assert.ok(zipped.length > long.length);
  const response = await fetch(await at({ body: zipped, headers: { 'content-encoding': 'gzip' } }));
  // Content-Encoding is hidden there.
  Object.defineProperties(response, {
    type: { value: 'cors' },
    headers: { value: new Headers({ 'content-length': String(zipped.length) }) },
  });
  await response.clone().arrayBuffer();
  (await admit(guest, response, { retries: 0 })).release();
});

test('the rest of a broken download whose clone was read first is whole', async () => {
  const long = gguf({ tensors: [{ bytes: 8_765_432, fill: index => index % 251 }] });
  const url = await at({ body: long, breakAfter: 1_300_000 }, { body: long });
  const { fetch: honest } = globalThis;
  mock.method(globalThis, 'fetch', async (/** @type {Parameters<typeof fetch>} */ ...asked) => {
    const response = await honest(...asked);
    if (response.status === 206) await response.clone().arrayBuffer();
    return response;
  });
  (await admit(guest, url, { retries: 1, retryDelay })).release();
});

test('an abort is heard while the server is silent, between tries, and by the signal of a Request', async () => {
  const reason = new Error('enough');
  const abortInTee = () => aborting(reason);
  assert.equal(await faultOf(admit(guest, await at({ breakAfter: 70_000, hang: true }), abortInTee())), reason);
  assert.equal(
    await faultOf(admit(guest, await at({ breakAfter: 70_000 }), { ...abortInTee(), retryDelay: 60_000 })),
    reason,
  );
  const headers = new AbortController();
  setTimeout(() => headers.abort(reason), 5);
  assert.equal(
    await faultOf(admit(guest, await at({ breakAfter: 0, hang: true }), { signal: headers.signal })),
    reason,
  );
  const { signal, tee } = abortInTee();
  assert.equal(
    await faultOf(admit(guest, new Request(await at({ breakAfter: 70_000, hang: true }), { signal }), { tee })),
    reason,
  );
});

test('a refused download closes its connection', async () => {
  const refusal = new Error('no');
  const big = gguf({ tensors: [{ bytes: 20_000_000, fill: () => 0 }] });
  const url = await at({ body: big, headers: { connection: 'close' } });
  assert.equal(await faultOf(admit(guest, url, { onHeader: () => { throw refusal; } })), refusal);
  await quiet();
});
