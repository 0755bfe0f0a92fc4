import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { admit } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { recorder } from './support/streams.js';
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
  for (const status of [404, 403, 500]) {
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

test('tries that are no number are misuse', async () => {
  const url = await at();
  for (const options of [{ retries: NaN }, { retries: -1 }, { retryDelay: NaN }]) {
    assert.equal((await faultOf(admit(guest, url, options))).code, 'argument');
  }
  assert.equal(server?.requests.length, 0);
});

test('the number of tries is stated, and kept', async () => {
  const url = await at({ breakAfter: 50_000 });
  for (const [retries, requests] of [[0, 1], [2, 3], [undefined, 4]]) {
    const before = server?.requests.length ?? 0;
    const fault = await faultOf(admit(guest, url, { retries, retryDelay }));
    assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
    assert.match(fault.message, /no tries are left/);
    assert.equal((server?.requests.length ?? 0) - before, requests);
  }
});

test('Last-Modified serves where there is no ETag, a weak ETag does not', async () => {
  const modified = 'Wed, 21 Oct 2015 07:28:00 GMT';
  await admitted({ breakAfter: 90_000, headers: { etag: undefined, 'last-modified': modified } }, { headers: { etag: undefined, 'last-modified': modified } });
  assert.equal(server?.requests[1]['if-range'], modified);
  const fault = await refused({ breakAfter: 90_000, headers: { etag: 'W/"one"' } });
  assert.match(fault.message, /no version/);
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
  assert.equal((await refused({ breakAfter: 90_000 }, { status: 404 })).code, 'http');
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

test('a request that is not GET is not made twice', async () => {
  const post = new Request(await at({ breakAfter: 90_000 }), { method: 'POST', body: 'which' });
  assert.match((await faultOf(admit(guest, post, { retryDelay }))).message, /cannot be asked for again/);
  assert.equal(server?.requests.length, 1);
});

test('an abort is heard while the server is silent, between tries, and by the signal of a Request', async () => {
  const reason = new Error('enough');
  const abortInTee = () => {
    const abort = new AbortController();
    return { signal: abort.signal, tee: { write: () => void setTimeout(() => abort.abort(reason), 2) } };
  };
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
  for (let tries = 0; server?.answering !== 0; tries++) {
    assert.ok(tries < 500, 'the server is still sending');
    await new Promise(resolve => setTimeout(resolve, 2));
  }
});
