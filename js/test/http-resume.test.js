import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { admit } from '../index.js';
import {
  YEAR,
  admitted,
  ago,
  at,
  conditions,
  file,
  guest,
  other,
  quiet,
  ranges,
  refused,
  retryDelay,
  server,
  sha256,
} from './support/download.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';

/** @typedef {import('./support/server.js').Manner} Manner */

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
  const answers = [
    [503, { 'retry-after': '1' }],
    [429, { date, 'retry-after': new Date(Date.parse(date) + 1000).toUTCString() }],
  ];
  for (const [status, headers] of answers) {
    const began = performance.now();
    await admitted({ breakAfter: 90_000 }, { status, headers }, {});
    assert.ok(performance.now() - began > 990, `${status} after ${performance.now() - began} ms`);
  }
  for (const after of ['soon', '', '-5', '0', date])
    await admitted({ breakAfter: 90_000 }, { status: 503, headers: { 'retry-after': after } }, {});

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
  await admitted(
    { breakAfter: 90_000, headers: { etag: undefined, 'last-modified': modified } },
    { headers: { etag: undefined, 'last-modified': modified } },
  );
  assert.equal(server?.requests[1]['if-range'], modified);
  // A date is no condition beside an entity tag, a weak one included (RFC 9110 13.1.5).
  for (const headers of [{ etag: 'W/"one"' }, { etag: 'W/"one"', 'last-modified': modified }]) {
    const fault = await refused({ breakAfter: 90_000, headers });
    assert.match(fault.message, /no version/);
    (await admit(guest, await at({ breakAfter: 90_000, headers }, { headers }), { sha256, retryDelay })).release();
    assert.deepEqual(conditions(), [undefined]);
  }
});

test('Last-Modified serves only if it was old by the answer: a file may be replaced within the second', async () => {
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

test('a server that knows no If-Range and does not name the version of the rest is not believed', async () => {
  const old = { etag: undefined, 'last-modified': ago(YEAR) };
  /** @type {[Manner['headers'], Manner['headers']][]} */
  const answers = [
    [{}, { etag: undefined }],
    [{}, { etag: 'W/"one"' }],
    [{}, { ...old }],
    [{ ...old, etag: '"one"' }, old],
    [old, { etag: undefined }],
  ];
  for (const [headers, rest] of answers) {
    for (const body of [file, other]) {
      const fault = await refused({ breakAfter: 90_000, headers }, { headers: rest, body, ifRange: false });
      assert.deepEqual([fault.code, fault.kind], ['range', 'source']);
      assert.match(fault.message, /which version/);
      const url = await at({ breakAfter: 90_000, headers }, { headers: rest, body, ifRange: false });
      const outcome = await admit(guest, url, { sha256, retryDelay }).then(
        model => model.release(),
        error => error.code,
      );
      assert.equal(outcome, body === file ? undefined : 'digest');
    }
  }
});

test('without any version a required digest serves', async () => {
  const url = await at({ breakAfter: 90_000, headers: { etag: undefined } }, { headers: { etag: undefined } });
  (await admit(guest, url, { sha256, retryDelay })).release();
  assert.equal(server?.requests[1]['if-range'], undefined);
  const changed = await at(
    { breakAfter: 90_000, headers: { etag: undefined } },
    { body: other, headers: { etag: undefined } },
  );
  assert.equal((await faultOf(admit(guest, changed, { sha256, retryDelay }))).code, 'digest');
});

test('a file that changed is told, whichever way the server says it', async () => {
  const two = { etag: '"two"' };
  const modified = (/** @type {string} */ day) => ({
    etag: undefined,
    'last-modified': `Wed, ${day} Oct 2015 07:28:00 GMT`,
  });
  /** @type {[string, Manner, Manner][]} */
  const changes = [
    ['If-Range fails', {}, { body: other, headers: two }],
    [
      '206 with another ETag',
      {},
      {
        body: other,
        headers: { ...two, 'content-range': `bytes 90000-${file.length - 1}/${file.length}` },
        status: 206,
      },
    ],
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
  for (const [status, headers] of /** @type {const} */ ([
    [404, {}],
    [403, { etag: '"page"' }],
    [401, { etag: undefined }],
  ])) {
    const fault = await refused({ breakAfter: 90_000 }, { status, headers });
    assert.deepEqual([fault.code, fault.kind, fault.status], ['http', 'source', status]);
    assert.ok(fault.offset > 0 && fault.offset <= 90_000, String(fault.offset));
    assert.ok(fault.cause instanceof TypeError, String(fault.cause));
    assert.match(fault.message, new RegExp(`broke at byte ${fault.offset}.* ${status} `));
  }
  const modified = (/** @type {number} */ years) => ({ etag: undefined, 'last-modified': ago(years * YEAR) });
  assert.equal(
    (await refused({ breakAfter: 90_000, headers: modified(2) }, { status: 410, headers: modified(1) })).code,
    'http',
  );
});

test('a compressed download does not go on', async () => {
  const zipped = gzipSync(file);
  const fault = await refused({
    body: zipped,
    breakAfter: zipped.length >> 1,
    headers: { 'content-encoding': 'gzip' },
  });
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
  assert.equal(
    (await refused({ body: small, breakAfter: small.length, headers: chunked }, { status: 416 })).code,
    'range',
  );
});
