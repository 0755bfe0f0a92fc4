import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { admit } from '../index.js';
import { sourceOf } from '../sources/source-of.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { never, recorder } from './support/streams.js';
import { serve } from './support/server.js';

/** @typedef {import('./support/server.js').Manner} Manner */

const file = gguf({ tensors: [{ bytes: 300_000 }] });
const sha256 = createHash('sha256').update(file).digest('hex');
const other = gguf({ tensors: [{ bytes: 300_000, fill: index => index % 7 }] });
const retryDelay = 1;

/** @type {import('../index.js').Guest} */ let guest;
/** @typedef {Awaited<ReturnType<typeof serve>>} Server */
/** @type {Server | undefined} */ let server;
/** @type {Server[]} */ const servers = [];
beforeEach(async () => void (guest = await freshGuest()));
afterEach(async () => {
  mock.restoreAll();
  assertNoSession(guest);
  await Promise.all(servers.splice(0).map(each => each.close()));
});

/** @param {...Manner} manners */
const at = async (...manners) => {
  servers.push((server = await serve(file, ...manners)));
  return server.url;
};

/** @param {...Manner} manners  that have to end well */
async function admitted(...manners) {
  const tee = recorder();
  const model = await admit(guest, await at(...manners), { sink: 'resident', retryDelay, tee });
  const { report } = model;
  model.release();
  assert.equal(report.digests?.sha256, sha256);
  assert.equal(Buffer.compare(tee.bytes, file), 0);
  return report;
}

/** @param {...Manner} manners  that have to end badly */
async function refused(...manners) {
  const tee = recorder();
  const fault = await faultOf(admit(guest, await at(...manners), { retryDelay, tee }));
  assert.deepEqual(tee.aborted, [fault]);
  return fault;
}

const ranges = () => server?.requests.map(({ range }) => range);
const conditions = () => server?.requests.slice(1).map(request => request['if-range']);

/** Until the server is sending nothing more: every connection is let go. */
async function quiet() {
  for (let tries = 0; server?.answering !== 0; tries++) {
    assert.ok(tries < 500, 'the server is still sending');
    await delay(2);
  }
}

const delay = (/** @type {number} */ milliseconds) => new Promise(resolve => setTimeout(resolve, milliseconds));
const ago = (/** @type {number} */ seconds) => new Date(Date.now() - 1000 * seconds).toUTCString();
const YEAR = 365 * 24 * 3600;

/** Abort after the first bytes. @param {unknown} [reason] */
const aborting = reason => {
  const abort = new AbortController();
  return { signal: abort.signal, tee: { write: () => void setTimeout(() => abort.abort(reason), 2) } };
};

test('a URL, its text, a Request and a Response are admitted, the length from Content-Length', async () => {
  const url = await at();
  for (const source of [url, new URL(url), new Request(url), await fetch(url)]) {
    const model = await admit(guest, source, { sha256, onHeader: ({ length }) => assert.equal(length, file.length) });
    model.release();
  }
});

test('without Content-Length the length is unknown', async () => {
  const url = await at({ endAfter: file.length });
  (await admit(guest, url, { onHeader: ({ length }) => assert.equal(length, null) })).release();
});

test('under Content-Encoding Content-Length is not the length', async () => {
  const zipped = gzipSync(file);
  const url = await at({ body: zipped, headers: { 'content-encoding': 'gzip', 'content-length': String(zipped.length) } });
  const model = await admit(guest, url, { sha256, onHeader: ({ length }) => assert.equal(length, null) });
  model.release();
  (await admit(guest, url, { sha256, length: file.length })).release();
});

test('across origins Content-Length is good for progress only', async () => {
  const response = new Response(file, { headers: { 'content-length': '1000' } });
  Object.defineProperty(response, 'type', { value: 'cors' });
  (await admit(guest, response, { sha256, onHeader: ({ length }) => assert.equal(length, null) })).release();
});

test('an HTTP error is told with its status, and nothing is read', async () => {
  for (const status of [404, 403, 501, 505]) {
    const tee = recorder();
    const fault = await faultOf(admit(guest, await at({ status }), { tee }));
    assert.deepEqual([fault.code, fault.kind, fault.status], ['http', 'source', status]);
    assert.equal(server?.requests.length, 1);
  }
  const response = await fetch(await at({ status: 404 }));
  assert.equal((await faultOf(admit(guest, response))).code, 'http');
  assert.equal(response.body?.locked, false);
});

test('an opaque response is told as such', async () => {
  assert.match((await faultOf(admit(guest, Response.error()))).message, /0/);
});

test('a web page instead of a model is told as such, early', async () => {
  const page = new TextEncoder().encode(`<!doctype html>${'<p>Log in'.repeat(200_000)}`);
  const fault = await refused({ body: page, headers: { 'content-type': 'text/html; charset=utf-8' } });
  assert.deepEqual([fault.code, fault.kind, fault.found], ['html', 'source', 'text/html; charset=utf-8']);
  assert.equal((await refused({ body: page })).code, 'magic');
});

test('a model that is called a web page is admitted', async () => {
  await admitted({ headers: { 'content-type': 'text/html' } });
});

test('a server that is not there is a source error', async () => {
  const url = await at();
  await servers.pop()?.close();
  const fault = await faultOf(admit(guest, url, { retryDelay }));
  assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
  assert.match(fault.message, /could not fetch http.*ECONNREFUSED/);
});

test('a broken download goes on by Range and If-Range in the same session', async () => {
  let headers = 0;
  const url = await at({ breakAfter: 100_000 }, { breakAfter: 50_000 }, {});
  const model = await admit(guest, url, { sha256, sink: 'resident', retryDelay, onHeader: () => void headers++ });
  model.release();
  assert.equal(headers, 1);
  assert.equal(server?.requests.length, 3);
  for (const { range, 'if-range': ifRange } of server?.requests.slice(1) ?? []) {
    assert.match(String(range), /^bytes=\d+-$/);
    assert.equal(ifRange, '"one"');
  }
  assert.ok((server?.sent ?? 0) < 2 * file.length);
});

test('a download that breaks at random bytes, time and again, is the same file', async () => {
  let seed = 11;
  /** @param {number} most */
  const random = most => (seed = Math.imul(seed, 48_271) >>> 0) % most;
  for (let round = 0; round < 40; round++) {
    const breaks = Array.from({ length: 1 + random(3) }, () => ({ breakAfter: 1 + random(120_000) }));
    await admitted(...breaks, {});
  }
});

test('it goes on in the header, before the first byte, and for a Request and a Response too', async () => {
  await admitted({ breakAfter: 40 }, {});
  const url = await at({ breakAfter: 10_000 }, {}, { breakAfter: 10_000 }, {});
  for (const source of [new Request(url, { headers: { 'x-key': 'mine' } }), await fetch(url)]) {
    (await admit(guest, source, { sha256, retryDelay })).release();
  }
  const keyed = new Request(await at({ breakAfter: 10_000 }, {}), { headers: { 'x-key': 'mine' } });
  (await admit(guest, keyed, { sha256, retryDelay })).release();
  assert.deepEqual(server?.requests.map(request => request['x-key']), ['mine', 'mine']);
});

test('errors of the moment while it goes on are tried again', async () => {
  await admitted({ breakAfter: 90_000 }, { status: 503 }, {});
  assert.equal(server?.requests.length, 3);
});

test('a server that says when to come again is heard', async () => {
  const date = ago(YEAR);
  /** @type {[number, Record<string, string>][]} */
  const answers = [[503, { 'retry-after': '1' }], [429, { date, 'retry-after': new Date(Date.parse(date) + 1000).toUTCString() }]];
  for (const [status, headers] of answers) {
    const began = performance.now();
    await admitted({ breakAfter: 90_000 }, { status, headers }, {});
    assert.ok(performance.now() - began > 990, `${status} after ${performance.now() - began} ms`);
  }
  for (const after of ['soon', '', '-5', '0', date]) await admitted({ breakAfter: 90_000 }, { status: 503, headers: { 'retry-after': after } }, {});

  const reason = new Error('enough');
  const abort = new AbortController();
  const url = await at({ breakAfter: 90_000 }, { status: 503, headers: { 'retry-after': '20' } });
  setTimeout(() => abort.abort(reason), 100);
  assert.equal(await faultOf(admit(guest, url, { retryDelay, signal: abort.signal })), reason);
});

test('a server that says to come again much later is not waited for, and not asked before', async () => {
  const fault = await refused({ breakAfter: 90_000 }, { status: 429, headers: { 'retry-after': '3600' } }, {});
  assert.deepEqual([fault.code, fault.status], ['http', 429]);
  assert.match(fault.message, /3600 s/);
  assert.ok(fault.offset > 0 && fault.cause instanceof TypeError);
  assert.equal(server?.requests.length, 2);
});

test('tries that are no number are misuse', async () => {
  const url = await at();
  for (const options of [{ retries: NaN }, { retries: -1 }, { retryDelay: NaN }]) {
    assert.equal((await faultOf(admit(guest, url, options))).code, 'argument');
  }
  assert.equal(server?.requests.length, 0);

  const response = await fetch(await at({ breakAfter: 90_000, hang: true }));
  assert.equal((await faultOf(admit(guest, response, { retries: -1 }))).code, 'argument');
  await quiet();
});

test('Last-Modified serves where there is no ETag, a weak ETag does not', async () => {
  const modified = 'Wed, 21 Oct 2015 07:28:00 GMT';
  await admitted({ breakAfter: 90_000, headers: { etag: undefined, 'last-modified': modified } }, { headers: { etag: undefined, 'last-modified': modified } });
  assert.equal(server?.requests[1]['if-range'], modified);
  // A date is no condition beside an entity tag, a weak one included (RFC 9110 13.1.5).
  for (const headers of [{ etag: 'W/"one"' }, { etag: 'W/"one"', 'last-modified': modified }]) {
    const fault = await refused({ breakAfter: 90_000, headers });
    assert.match(fault.message, /no version/);
    (await admit(guest, await at({ breakAfter: 90_000, headers }, { headers }), { sha256, retryDelay })).release();
    assert.deepEqual(conditions(), [undefined]);
  }
});

test('Last-Modified serves only if it was old when the server answered: a file may be replaced within the second', async () => {
  /** @type {[string | undefined, string | undefined, boolean][]} */
  const dates = [
    [ago(0), ago(0), false], [ago(59), ago(0), false], [ago(61), ago(0), true],
    [ago(YEAR + 5), ago(YEAR), false], [ago(0), ago(YEAR), false],
    // Without Date our own clock has to do, which may be hours off.
    [ago(3600), undefined, false], [ago(2 * 24 * 3600), undefined, true],
    ['yesterday', ago(0), false],
    // What an engine reads a date out of all the same, and what stands for no date.
    ['0', ago(0), false], ['-1', ago(0), false], ['version 12', ago(0), false],
    ['Thu, 01 Jan 1970 00:00:01 GMT', ago(0), false], ['Tue, 01 Jan 1980 00:00:00 GMT', ago(0), false],
  ];
  for (const [modified, date, serves] of dates) {
    const headers = { etag: undefined, 'last-modified': modified, date };
    if (serves) await admitted({ breakAfter: 90_000, headers }, { headers });
    else assert.match((await refused({ breakAfter: 90_000, headers }, { headers, body: other })).message, /no version/);
    assert.deepEqual(conditions(), serves ? [modified] : []);
  }
});

test('a server that knows Range but not If-Range, and does not name the version of the rest, is not believed', async () => {
  const old = { etag: undefined, 'last-modified': ago(YEAR) };
  /** @type {[Manner['headers'], Manner['headers']][]} */
  const answers = [[{}, { etag: undefined }], [{}, { etag: 'W/"one"' }], [{}, { ...old }], [{ ...old, etag: '"one"' }, old], [old, { etag: undefined }]];
  for (const [headers, rest] of answers) {
    for (const body of [file, other]) {
      const fault = await refused({ breakAfter: 90_000, headers }, { headers: rest, body, ifRange: false });
      assert.deepEqual([fault.code, fault.kind], ['range', 'source']);
      assert.match(fault.message, /which version/);
      const url = await at({ breakAfter: 90_000, headers }, { headers: rest, body, ifRange: false });
      const outcome = await admit(guest, url, { sha256, retryDelay }).then(model => model.release(), error => error.code);
      assert.equal(outcome, body === file ? undefined : 'digest');
    }
  }
});

test('without any version a required digest serves', async () => {
  const url = await at({ breakAfter: 90_000, headers: { etag: undefined } }, { headers: { etag: undefined } });
  (await admit(guest, url, { sha256, retryDelay })).release();
  assert.equal(server?.requests[1]['if-range'], undefined);
  const changed = await at({ breakAfter: 90_000, headers: { etag: undefined } }, { body: other, headers: { etag: undefined } });
  assert.equal((await faultOf(admit(guest, changed, { sha256, retryDelay }))).code, 'digest');
});

test('a file that changed is told, whichever way the server says it', async () => {
  const two = { etag: '"two"' };
  const modified = (/** @type {string} */ day) => ({ etag: undefined, 'last-modified': `Wed, ${day} Oct 2015 07:28:00 GMT` });
  /** @type {[string, Manner, Manner][]} */
  const changes = [
    ['If-Range fails', {}, { body: other, headers: two }],
    ['206 with another ETag', {}, { body: other, headers: { ...two, 'content-range': `bytes 90000-${file.length - 1}/${file.length}` }, status: 206 }],
    ['412', {}, { status: 412, headers: { etag: undefined } }],
    ['416', {}, { status: 416, headers: { etag: undefined, 'content-range': 'bytes */5' } }],
    ['200 without a version', {}, { body: other, range: false, headers: { etag: undefined } }],
    ['Last-Modified', { headers: modified('21') }, { body: other, headers: modified('22') }],
    ['another length', {}, { body: new Uint8Array(file.length + 5) }],
  ];
  for (const [name, first, second] of changes) {
    const fault = await refused({ breakAfter: 90_000, ...first }, second);
    assert.deepEqual([fault.code, fault.kind], ['changed', 'source'], name);
  }
});

test('a server that ignores Range, or answers another one, is told', async () => {
  /** @type {[string, Manner][]} */
  const answers = [
    ['200', { range: false }],
    ['another part', { status: 206, headers: { 'content-range': `bytes 5-${file.length - 1}/${file.length}` } }],
    ['no Content-Range', { status: 206 }],
    ['compressed', { headers: { 'content-encoding': 'gzip' } }],
  ];
  for (const [name, second] of answers) {
    const fault = await refused({ breakAfter: 90_000 }, second);
    assert.deepEqual([fault.code, fault.kind], ['range', 'source'], name);
    assert.equal(server?.requests.length, 2);
  }
});

test('an error status while it goes on is told as such, whatever version its page has', async () => {
  for (const [status, headers] of /** @type {const} */ ([[404, {}], [403, { etag: '"page"' }], [401, { etag: undefined }]])) {
    const fault = await refused({ breakAfter: 90_000 }, { status, headers });
    assert.deepEqual([fault.code, fault.kind, fault.status], ['http', 'source', status]);
    assert.ok(fault.offset > 0 && fault.offset <= 90_000, String(fault.offset));
    assert.ok(fault.cause instanceof TypeError, String(fault.cause));
    assert.match(fault.message, new RegExp(`broke at byte ${fault.offset}.* ${status} `));
  }
  const modified = (/** @type {number} */ years) => ({ etag: undefined, 'last-modified': ago(years * YEAR) });
  assert.equal((await refused({ breakAfter: 90_000, headers: modified(2) }, { status: 410, headers: modified(1) })).code, 'http');
});

test('a compressed download does not go on', async () => {
  const zipped = gzipSync(file);
  const fault = await refused({ body: zipped, breakAfter: zipped.length >> 1, headers: { 'content-encoding': 'gzip' } });
  assert.match(fault.message, /compressed/);
  assert.equal(server?.requests.length, 1);
});

test('a download of unknown length that broke at its very end is whole', async () => {
  const small = gguf();
  const chunked = { 'content-length': undefined, 'transfer-encoding': 'chunked' };
  const url = await at({ body: small, breakAfter: small.length, headers: chunked }, { body: small });
  (await admit(guest, url, { retryDelay })).release();
  assert.deepEqual(ranges(), [undefined, `bytes=${small.length}-`]);
  // Not if the server does not say so, as across origins, where Content-Range may be hidden.
  assert.equal((await refused({ body: small, breakAfter: small.length, headers: chunked }, { status: 416 })).code, 'range');
});

test('a body that ends early in good order is truncated; one longer than Content-Length is cut', async () => {
  assert.equal((await refused({ endAfter: 100_000 })).code, 'truncated');
  assert.equal((await refused({ headers: { 'content-length': String(file.length - 50_000) } })).code, 'truncated');
  const long = new Response(new Uint8Array([...file, 0, 1]), { headers: { 'content-length': String(file.length) } });
  assert.equal((await faultOf(admit(guest, long))).code, 'trailing');
  const short = new Response(file.slice(0, -5000), { headers: { 'content-length': String(file.length) } });
  assert.equal((await faultOf(admit(guest, short))).code, 'truncated');
});

test('a length that the server denies is told before the body is read', async () => {
  const fault = await faultOf(admit(guest, await at(), { length: 5 }));
  assert.deepEqual([fault.code, fault.expected, fault.found], ['length', '5', String(file.length)]);
});

test('a response that is a part of a file is refused', async () => {
  const part = new Request(await at(), { headers: { range: 'bytes=100-' } });
  assert.equal((await faultOf(admit(guest, part))).code, 'range');
  const all = new Request(server?.url ?? '', { headers: { range: 'bytes=0-' } });
  (await admit(guest, all, { sha256 })).release();
});

test('a request with a Range of its own, of the whole file, goes on by one Range', async () => {
  const all = new Request(await at({ breakAfter: 90_000 }, {}), { headers: { range: 'bytes=0-' } });
  (await admit(guest, all, { sha256, retryDelay })).release();
  assert.equal(ranges()?.length, 2);
  assert.match(String(ranges()?.[1]), /^bytes=\d+-$/);
});

test('a request that is not GET is not made twice', async () => {
  const post = new Request(await at({ breakAfter: 90_000 }), { method: 'POST', body: 'which' });
  assert.match((await faultOf(admit(guest, post, { retryDelay }))).message, /cannot be asked for again/);
  assert.equal(server?.requests.length, 1);
});

test('a Response without a body is an empty file, and is not fetched anew', async () => {
  const url = await at();
  const head = await fetch(url, { method: 'HEAD' });
  assert.ok(Number(head.headers.get('content-length')) > 0);
  for (const source of [head, new Request(url, { method: 'HEAD' })]) {
    assert.deepEqual(await faultOf(admit(guest, source)).then(({ code, offset }) => [code, offset]), ['truncated', 0]);
  }
  assert.equal(server?.requests.length, 2);
  assert.equal((await faultOf(admit(guest, await fetch(await at({ status: 204 }))))).code, 'truncated');
  assert.equal(server?.requests.length, 1);
});

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

test('a request is made as it is each time: whoever is not to see a referrer sees none, and its signal is let go', async () => {
  const real = globalThis.fetch;
  /** @type {string[][]} */ const made = [];
  mock.method(globalThis, 'fetch', (/** @type {Request} */ asked, /** @type {RequestInit} */ init) => {
    const { referrer, referrerPolicy, headers } = new Request(asked, init);
    made.push([referrer, referrerPolicy, headers.get('authorization') ?? '']);
    return real(asked, init);
  });
  const { signal } = new AbortController();
  const request = new Request(await at({ breakAfter: 90_000 }, { breakAfter: 50_000 }, {}), { referrerPolicy: 'no-referrer', referrer: '', headers: { authorization: 'Bearer x' }, signal });
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
          const response = new Response(stream, { status: isRest ? 206 : 200, headers: { etag: '"one"', 'content-range': range } });
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

test('a Response of another origin that compression made longer, and whose clone was read first, is whole', async () => {
  const noise = randomBytes(3_456_789);
  const long = gguf({ tensors: [{ bytes: noise.length, fill: index => noise[index] }] });
  const zipped = gzipSync(long, { level: 1 });
  assert.ok(zipped.length > long.length);
  const response = await fetch(await at({ body: zipped, headers: { 'content-encoding': 'gzip' } }));
  // Content-Encoding is hidden there.
  Object.defineProperties(response, { type: { value: 'cors' }, headers: { value: new Headers({ 'content-length': String(zipped.length) }) } });
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
  assert.equal(await faultOf(admit(guest, await at({ breakAfter: 70_000 }), { ...abortInTee(), retryDelay: 60_000 })), reason);
  const headers = new AbortController();
  setTimeout(() => headers.abort(reason), 5);
  assert.equal(await faultOf(admit(guest, await at({ breakAfter: 0, hang: true }), { signal: headers.signal })), reason);
  const { signal, tee } = abortInTee();
  assert.equal(await faultOf(admit(guest, new Request(await at({ breakAfter: 70_000, hang: true }), { signal }), { tee })), reason);
});

test('a refused download closes its connection', async () => {
  const refusal = new Error('no');
  const big = gguf({ tensors: [{ bytes: 20_000_000, fill: () => 0 }] });
  const url = await at({ body: big, headers: { connection: 'close' } });
  assert.equal(await faultOf(admit(guest, url, { onHeader: () => { throw refusal; } })), refusal);
  await quiet();
});
