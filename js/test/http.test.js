import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { admit } from '../index.js';
import { admitted, at, file, guest, ranges, refused, retryDelay, server, servers, sha256 } from './support/download.js';
import { faultOf } from './support/guest.js';
import { recorder } from './support/streams.js';

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
  const url = await at({
    body: zipped,
    headers: { 'content-encoding': 'gzip', 'content-length': String(zipped.length) },
  });
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
