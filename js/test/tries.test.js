// When a download is tried again, how often, and when it is given up.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { admit, loadGuest, loadGuestWorker } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { recorder } from './support/streams.js';
import { serve } from './support/server.js';

/** @typedef {import('./support/server.js').Manner} Manner */

const file = gguf({ tensors: [{ bytes: 300_000 }] });
const sha256 = createHash('sha256').update(file).digest('hex');
const other = gguf({ tensors: [{ bytes: 300_000, fill: index => index % 7 }] });
const retryDelay = 1;
/** So that what would wait for ever fails. */
const watched = () => AbortSignal.timeout(30_000);

/** @type {import('../index.js').Guest} */ let guest;
/** @type {Awaited<ReturnType<typeof serve>>} */ let server;
beforeEach(async () => void (guest = await freshGuest()));
afterEach(async () => {
  mock.restoreAll();
  assertNoSession(guest);
  await server?.close();
});

/** @param {...Manner} manners */
const at = async (...manners) => {
  await server?.close();
  server = await serve(file, ...manners);
  return server.url;
};

/**
 * @param {import('../index.js').AdmitOptions} options
 * @param {...Manner} manners  that have to end well
 */
async function admitted(options, ...manners) {
  const tee = recorder();
  const admitting = admit(guest, await at(...manners), { retryDelay, tee, signal: watched(), ...options });
  const model = await admitting.catch(error => assert.fail(`not admitted: ${error.message}`));
  model.release();
  assert.equal(model.report.digests?.sha256, sha256);
  assert.equal(Buffer.compare(tee.bytes, file), 0);
}

/**
 * @param {import('../index.js').AdmitOptions} options
 * @param {...Manner} manners  that have to end badly
 */
async function refused(options, ...manners) {
  const tee = recorder();
  const fault = await faultOf(admit(guest, await at(...manners), { retryDelay, tee, signal: watched(), ...options }));
  assert.deepEqual(tee.aborted, [fault]);
  return fault;
}

test('a line that breaks again and again, each time after some bytes, brings the file all the same', async () => {
  await admitted({ retries: 1 }, { breakAfter: 20_000 });
  assert.ok(server.requests.length > 10, String(server.requests.length));
});

test('tries without progress are counted; the first request and earlier bytes are none', async () => {
  const nothing = { breakAfter: 0 };
  for (const [retries, requests] of [
    [0, 1],
    [2, 3],
    [undefined, 4],
  ]) {
    const fault = await refused({ retries }, nothing);
    assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
    assert.match(fault.message, /no tries are left/);
    assert.equal(server.requests.length, requests);

    const later = await refused({ retries }, { breakAfter: 50_000 }, { cut: true });
    assert.match(
      later.message,
      retries === 0
        ? /broke at byte \d+: .*no tries are left/
        : /broke at byte \d+: .*could not fetch.*no tries are left/,
    );
    assert.equal(server.requests.length, requests);

    // Each answer begins with bytes that were there, and breaks before a new one.
    const overlaps = Array(12).fill({ overlap: 40_000, breakAfter: 10 });
    assert.match((await refused({ retries }, { breakAfter: 90_000 }, ...overlaps, {})).message, /no tries are left/);
    assert.equal(server.requests.length, requests);
  }
});

test('the first request is made again after a passing status, a broken line and silence', async () => {
  for (const status of [408, 429, 500, 502, 503, 504, 520]) await admitted({}, { status }, {});
  await admitted({}, { cut: true }, { cut: true }, {});
  await admitted({ stallTimeout: 60 }, { wait: new Promise(() => {}) }, {});
  assert.equal(server.requests.length, 2);
  const url = await at({ status: 503 }, {});
  (await admit(guest, new Request(url, { headers: { 'x-key': 'mine' } }), { retryDelay, sha256 })).release();
  assert.deepEqual(server.requests.map(request => request['x-key']), ['mine', 'mine']);
});

test('the first request that fails each time ends with what the server said last', async () => {
  const fault = await refused({ retries: 2 }, { cut: true }, { cut: true }, { status: 503 });
  assert.deepEqual([fault.code, fault.kind, fault.status, fault.found], ['http', 'source', 503, '503']);
  assert.match(fault.message, /answered 503 Service Unavailable .*no tries are left/);
  assert.equal(server.requests.length, 3);
});

test('the first request heeds Retry-After, and does not wait for a server that says to come much later', async () => {
  const began = performance.now();
  await admitted({}, { status: 503, headers: { 'retry-after': '1' } }, {});
  assert.ok(performance.now() - began > 990, `after ${performance.now() - began} ms`);

  const fault = await refused({}, { status: 429, headers: { 'retry-after': '3600' } }, {});
  assert.deepEqual([fault.code, fault.status, server.requests.length], ['http', 429, 1]);
  assert.match(fault.message, /3600 s/);
});

test('a wait before the first answer is aborted at once', async () => {
  const reason = new Error('enough');
  for (const manner of /** @type {Manner[]} */ ([
    { status: 503 },
    { cut: true },
    { status: 503, headers: { 'retry-after': '20' } },
  ])) {
    const abort = new AbortController();
    const url = await at(manner);
    const fault = faultOf(admit(guest, url, { retryDelay: 60_000, signal: abort.signal }));
    while (server.requests.length === 0) await pause(1);
    await pause(50);
    abort.abort(reason);
    assert.equal(await fault, reason);
    assert.equal(server.requests.length, 1);
  }
});

test('not asked again: a request that is not GET, an address without a server, a Response that was given', async () => {
  const url = await at({ status: 503 });
  assert.equal(
    (await faultOf(admit(guest, new Request(url, { method: 'POST', body: 'x' }), { retryDelay }))).status,
    503,
  );
  assert.equal(server.requests.length, 1);
  assert.equal((await faultOf(admit(guest, await fetch(url), { retryDelay }))).status, 503);
  assert.equal(server.requests.length, 2);
  const fault = await faultOf(admit(guest, 'c:\\models\\m.gguf', { retryDelay: 60_000 }));
  assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
});

test('a server that goes silent is a broken line: in the header, the data, the rest, of a Response', async () => {
  const silent = (/** @type {number} */ breakAfter) => ({ breakAfter, hang: true });
  for (const first of [10, 90_000]) await admitted({ stallTimeout: 80 }, silent(first), {});
  await admitted({ stallTimeout: 80 }, silent(90_000), silent(50_000), { wait: new Promise(() => {}) }, {});
  assert.equal(server.requests.length, 4);
  const url = await at(silent(90_000), {});
  (await admit(guest, await fetch(url), { stallTimeout: 80, retryDelay, sha256 })).release();
  assert.equal(server.requests.length, 2);

  const fault = await refused({ stallTimeout: 80, retries: 1 }, silent(90_000), { wait: new Promise(() => {}) });
  assert.match(
    fault.message,
    /broke at byte \d+: no byte came for 0.08 s; .*no answer came for 0.08 s; no tries are left/,
  );
});

test('silence without an end is borne where stallTimeout is 0, and by default only as long as it says', async () => {
  const waits = /** @type {number[]} */ ([]);
  const { setTimeout: real } = globalThis;
  mock.method(
    globalThis,
    'setTimeout',
    (/** @type {() => void} */ act, /** @type {number} */ milliseconds) => (
      waits.push(milliseconds),
      real(act, milliseconds)
    ),
  );
  (await admit(guest, await at())).release();
  assert.ok(waits.includes(30_000), 'nothing was timed');
  waits.length = 0;
  (await admit(guest, server.url, { stallTimeout: 0 })).release();
  assert.ok(!waits.includes(30_000) && !waits.includes(0), waits.join());
});

test('what takes its time and is no server is waited for: onHeader, a tee, a Response made by hand', async () => {
  const slowly = () => new Promise(resolve => setTimeout(resolve, 150));
  await admitted({ stallTimeout: 50, onHeader: slowly, retries: 0 }, {});
  const stream = new ReadableStream(
    {
      async pull(controller) {
        await slowly();
        controller.enqueue(file);
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  (await admit(guest, new Response(stream), { stallTimeout: 50 })).release();
});

test('times that no timer can hold are misuse', async () => {
  const url = await at();
  for (const name of ['retryDelay', 'stallTimeout']) {
    for (const value of [2 ** 31, Infinity, NaN, -1]) {
      const fault = await faultOf(admit(guest, url, { [name]: value }));
      assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse'], `${name} ${value}`);
    }
  }
  assert.equal(server.requests.length, 0);
  (await admit(guest, url, { retryDelay: 2 ** 31 - 1, stallTimeout: 2 ** 31 - 1, retries: Infinity })).release();
});

test('a rest that begins too early is used from the byte asked for on, if it is proven of the same file', async () => {
  await admitted({}, { breakAfter: 90_000 }, { overlap: 30_000 });
  await admitted({}, { breakAfter: 90_000 }, { overlap: Infinity, breakAfter: 120_000 }, { overlap: 1 });

  const old = { etag: undefined, 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' };
  await admitted({}, { breakAfter: 90_000, headers: old }, { overlap: 30_000, headers: old });
  // A digest alone would find a wrong file at its end only.
  for (const body of [file, other]) {
    const fault = await refused(
      { sha256 },
      { breakAfter: 90_000, headers: { etag: undefined } },
      { overlap: 30_000, headers: { etag: undefined }, body },
    );
    assert.equal(fault.code, 'range');
  }
  // Bytes are missing.
  assert.equal((await refused({}, { breakAfter: 90_000 }, { overlap: -100 })).code, 'range');
});

test('tags that are no tags are none: nothing is made of two versions', async () => {
  for (const etag of ['*', 'w/"x"', '"a" "b"', '"a", "b"', 'x', '"', '""', "'x'", 'W/x', '"a b"', '"a"b"', '"x"; y']) {
    const headers = { etag };
    const fault = await refused({}, { breakAfter: 90_000, headers }, { headers, body: other });
    assert.match(fault.message, /no version/, etag);
    assert.equal(server.requests.length, 1);
    const url = await at({ breakAfter: 90_000, headers }, { headers });
    (await admit(guest, url, { sha256, retryDelay })).release();
    assert.equal(server.requests[1]['if-range'], undefined, etag);
  }
});

test('a page instead of the rest is told as such, whatever version it has', async () => {
  const body = new TextEncoder().encode('<html>sign in</html>');
  for (const etag of [undefined, '"page"', '"one"']) {
    const fault = await refused(
      {},
      { breakAfter: 90_000 },
      { body, range: false, headers: { etag, 'content-type': 'text/html; charset=utf-8' } },
    );
    assert.deepEqual(
      [fault.code, fault.kind, fault.found, fault.expected],
      ['html', 'source', 'text/html; charset=utf-8', 'GGUF'],
    );
    assert.ok(fault.offset > 0 && fault.offset <= 90_000);
  }
  // Whose models are called pages is not said to send a page.
  const headers = { 'content-type': 'text/html' };
  assert.equal(
    (await refused({}, { breakAfter: 90_000, headers }, { body: other, headers: { ...headers, etag: '"two"' } })).code,
    'changed',
  );
});

test('an error as a text, or no content, instead of the rest is not called another version of the file', async () => {
  const body = new TextEncoder().encode('{"error":"expired"}');
  for (const [status, type] of /** @type {const} */ ([
    [200, 'application/json; charset=utf-8'], [200, 'application/problem+json'], [200, 'text/plain'], [204, ''],
  ])) {
    for (const etag of [undefined, '"other"']) {
      const answer = { status, body: status === 204 ? new Uint8Array(0) : body, range: false };
      const headers = { etag, 'content-type': type };
      const fault = await refused({}, { breakAfter: 90_000 }, { ...answer, headers });
      assert.deepEqual([fault.code, fault.kind], ['range', 'source'], `${status} ${type} ${etag}: ${fault.message}`);
      assert.match(fault.message, new RegExp(`sent something else: ${status}`));
    }
  }
});

test('the package\'s own requests are not kept in the HTTP cache; a Request keeps its mode', async () => {
  const { fetch: real } = globalThis;
  /** @type {string[]} */ const modes = [];
  mock.method(globalThis, 'fetch', (/** @type {Request} */ asked, /** @type {RequestInit} */ init) => {
    modes.push(new Request(asked, init).cache);
    return real(asked, init);
  });
  const url = await at({ breakAfter: 90_000 }, {}, { breakAfter: 90_000 }, {}, { breakAfter: 90_000 }, {});
  (await admit(guest, url, { retryDelay })).release();
  (await admit(guest, await real(url), { retryDelay })).release();
  (await admit(guest, new Request(url, { cache: 'force-cache' }), { retryDelay })).release();
  assert.deepEqual(modes, ['no-store', 'no-store', 'no-store', 'force-cache', 'force-cache']);
});

/**
 * A server that answers each connection with the next of these texts, and then with the last.
 *
 * @param {string[]} texts
 * @param {(url: string) => Promise<any>} use
 */
async function raw(texts, use) {
  const answers = [...texts];
  const all = createServer(
    socket =>
      void socket
        .on('error', () => {})
        .once('data', () =>
          socket.end(Buffer.from((answers.length > 1 ? answers.shift() : answers[0]) ?? '', 'latin1')),
        ),
  );
  await new Promise(resolve => all.listen(0, '127.0.0.1', () => resolve(undefined)));
  try {
    return await use(
      `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (all.address()).port}/m?key=SECRET`,
    );
  } finally {
    all.close();
  }
}

test('what a server says is escaped and cut, in the message and in the fields', async () => {
  const long = 'a'.repeat(9000);
  for (const text of [
    'HTTP/1.1 404 \x1b[2J\x1b[31mall is well\x07\r\ncontent-length: 0\r\n\r\n',
    `HTTP/1.1 404 ${long}\r\ncontent-length: 0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\ncontent-type: text/html\x9b31m${long}\r\ncontent-length: 9\r\n\r\n<!doctype`,
    `HTTP/1.1 206 OK\r\ncontent-range: bytes\x9b31m${long}\r\ncontent-length: 9\r\n\r\n<!doctype`,
  ]) {
    const fault = await raw([text], url => faultOf(admit(guest, url, { retries: 0 })));
    for (const told of [fault.message, fault.found ?? '', fault.expected ?? '']) {
      assert.ok(told.length < 500, `${told.length} characters`);
      assert.doesNotMatch(told, /[\p{Cc}\p{Cf}]/u);
    }
  }
  const file = gguf({ tensors: [{ bytes: 3000 }] });
  const half = Buffer.from(file.subarray(0, 1000)).toString('latin1');
  const first = `HTTP/1.1 200 OK\r\netag: "\x9b31m${long}"\r\ncontent-length: ${file.length}\r\n\r\n${half}`;
  const changed = await raw([first, `HTTP/1.1 200 OK\r\netag: "\x9c${long}"\r\ncontent-length: 0\r\n\r\n`], url =>
    faultOf(admit(guest, url, { retryDelay })),
  );
  assert.equal(changed.code, 'changed');
  for (const told of [changed.message, changed.expected, changed.found]) {
    assert.ok(told.length < 500);
    assert.doesNotMatch(told, /[\p{Cc}\p{Cf}]/u);
  }
});

test('no query of an address is told, neither the one that was given nor one that a redirect led to', async () => {
  const moved = 'HTTP/1.1 302 Found\r\nlocation: /signed?X-Amz-Signature=SECRET#SECRET\r\ncontent-length: 0\r\n\r\n';
  /** @type {(error: any) => string} */
  const everything = error =>
    [error.message, error.found, error.expected, error.path, error.stack, error.cause && everything(error.cause)].join(
      ' ',
    );
  const denied = await raw([moved, 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'], url =>
    faultOf(admit(guest, url, { retries: 0 })),
  );
  assert.match(denied.message, /403 Forbidden for http:\/\/127\.0\.0\.1:\d+\/signed$/);
  const broken = await raw([''], url => faultOf(admit(guest, url, { retries: 0 })));
  assert.match(broken.message, /could not fetch http:\/\/127\.0\.0\.1:\d+\/m: /);
  const [relative, scheme] = await Promise.all(
    ['./model.gguf?key=SECRET', 'hf://model?key=SECRET'].map(url => faultOf(admit(guest, url, { retries: 0 }))),
  );
  for (const fault of [denied, broken, relative, scheme]) assert.doesNotMatch(everything(fault), /SECRET/);
  // Nor a name and a password.
  const host = 'user:SECRET@127.0.0.1:1';
  for (const address of [`http://${host}/m`, ` HTTP:${host}/m`, `http:\\\\${host}/m`, `http://${host}:x/m`]) {
    for (const call of [
      () => admit(guest, address),
      () => loadGuest(address),
      () => loadGuestWorker({ guest: address }),
    ]) {
      const fault = await faultOf(call);
      assert.equal(fault.kind, 'misuse', `${call} ${address}: ${fault}`);
      assert.doesNotMatch(everything(fault), /SECRET/, `${call} ${address}`);
    }
  }
});
