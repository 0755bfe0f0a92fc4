// Downloads of other origins, and what a page has already: a Response, a Request.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { BODY, ETAG, MODIFIED, OTHER, SHA256, download } from './downloads.mjs';
import { large } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

inEachBrowser((test, name) => {
  test('a response of another origin is admitted, and goes on after a break', async ({ page, server }) => {
    const served = server.put(({ count }) => ({
      body: BODY,
      ...ETAG,
      breakAt: count === 1 ? 2_000_000 : undefined,
      headers: { 'access-control-expose-headers': 'etag, content-range, content-length' },
    }));
    const url = served.url.replace(server.origin, server.otherOrigin);
    const result = await page.run(download, { url });
    assert.equal(result.sha256, SHA256, JSON.stringify(result));
    const hidden = server.put(({ count }) => ({ body: BODY, ...ETAG, breakAt: count === 1 ? 2_000_000 : undefined }));
    const safe = await page.run(download, {
      url: hidden.url.replace(server.origin, server.otherOrigin),
      sha256: SHA256,
    });
    assert.equal(safe.sha256, SHA256, JSON.stringify(safe));
  });

  test('across origins a server that refuses If-Range is asked without, and believed if it names the version', async ({
    page,
    server,
  }) => {
    const headers = {
      'access-control-allow-headers': undefined,
      'access-control-expose-headers': 'etag, content-range',
    };
    const first = { body: BODY, ...ETAG, breakAt: 2_000_000 };
    const seconds = {
      same: { body: BODY, ...ETAG },
      changed: { body: OTHER, etag: '"v2"' },
      unnamed: { body: OTHER, ...ETAG, headers: { ...headers, etag: undefined } },
      'ignores Range': { body: BODY, ...ETAG, range: false },
    };
    const outcomes = {};
    for (const [what, second] of Object.entries(seconds)) {
      const served = server.put(({ count }) => ({ headers, ...(count === 1 ? first : second) }));
      const result = await page.run(download, {
        url: served.url.replace(server.origin, server.otherOrigin),
        sink: 'resident',
        retries: 1,
      });
      outcomes[what] = result.sha256 === SHA256 ? 'admitted' : result.code;
      const [, preflight, rest, ...more] = served.requests;
      assert.deepEqual([preflight?.method, rest?.method, rest?.ifRange, more], ['OPTIONS', 'GET', undefined, []], what);
      assert.match(rest.range, /^bytes=\d+-$/);
    }
    assert.deepEqual(outcomes, { same: 'admitted', changed: 'changed', unnamed: 'range', 'ignores Range': 'range' });
  });

  test('a rest that does not name the version of the file is refused, and so is a date that may be shared', async ({
    page,
    server,
  }) => {
    const unnamed = server.put(({ count }) =>
      count === 1
        ? { body: BODY, ...ETAG, breakAt: 1_000_000 }
        : { body: OTHER, ...ETAG, headers: { etag: undefined } },
    );
    assert.equal((await page.run(download, { url: unnamed.url, sink: 'resident' })).code, 'range');

    const justNow = { headers: { 'last-modified': new Date().toUTCString() } };
    const fresh = server.put(({ count }) =>
      count === 1 ? { body: BODY, ...justNow, breakAt: 1_000_000 } : { body: OTHER, ...justNow },
    );
    assert.equal((await page.run(download, { url: fresh.url, sink: 'resident' })).code, 'source');
    assert.equal(fresh.requests.length, 1);

    // Across origins Date is hidden, Last-Modified is not: an old one serves all the same.
    const old = server.put(({ count }) => ({
      body: BODY,
      breakAt: count === 1 ? 1_000_000 : undefined,
      headers: { ...MODIFIED.headers, 'access-control-expose-headers': 'content-range' },
    }));
    assert.equal(
      (await page.run(download, { url: old.url.replace(server.origin, server.otherOrigin) })).sha256,
      SHA256,
    );
    assert.equal(old.requests.at(-1).ifRange, MODIFIED.headers['last-modified']);
  });

  test('a compressed response of another origin is not cut to its Content-Length', async ({ page, server }) => {
    const { url } = server.put({ body: gzipSync(BODY), headers: { 'content-encoding': 'gzip' } });
    const result = await page.run(download, { url: url.replace(server.origin, server.otherOrigin) });
    assert.equal(result.sha256, SHA256, JSON.stringify(result));
  });

  test('an opaque response is refused by name', async ({ page, server }) => {
    const { url } = server.put({ body: BODY });
    const fault = await page.run(
      async url => kit.fault(kit.admit(await kit.guest(), await fetch(url, { mode: 'no-cors' }))),
      url.replace(server.origin, server.otherOrigin),
    );
    assert.deepEqual([fault.code, fault.kind], ['http', 'source']);
  });

  test('a Response whose clone is read first, or beside it, is whole, of another origin too', async ({
    page,
    server,
  }) => {
    // Long enough for reads to grow, with less than one of them at the end.
    const long = large(16);
    const sha256 = createHash('sha256').update(long).digest('hex');
    const { url } = server.put({ body: long });
    for (const from of [
      url,
      url.replace(server.origin, server.otherOrigin),
      server.put({ body: long, length: false }).url,
    ]) {
      const found = await page.run(async url => {
        const guest = await kit.guest();
        const found = [];
        for (const isFirst of [true, false]) {
          const response = await fetch(url);
          const stored = response.clone().arrayBuffer();
          if (isFirst) await stored;
          found.push(
            await kit.admit(guest, response, { retries: 0 }).then(
              model => kit.seen(model).digests.sha256,
              error => error.message,
            ),
          );
          await stored;
        }
        return found;
      }, from);
      assert.deepEqual(found, [sha256, sha256]);
    }
  });

  test('a Response of a HEAD is an empty file and is not fetched anew', async ({ page, server }) => {
    const served = server.put({ body: BODY, ...ETAG });
    const fault = await page.run(
      async url => kit.fault(kit.admit(await kit.guest(), await fetch(url, { method: 'HEAD' }))),
      served.url,
    );
    assert.deepEqual([fault.code, fault.offset], ['truncated', 0]);
    assert.deepEqual(served.requests.map(({ method }) => method), ['HEAD']);
  });

  test('an abort of the fetch that a Response came of ends the admission, and nothing is fetched anew', async ({
    page,
    server,
  }) => {
    const served = server.put({ body: BODY, ...ETAG, rate: 2e6 });
    const reasons = await page.run(async url => {
      const guest = await kit.guest();
      const found = [];
      for (const reason of [undefined, new DOMException('late', 'TimeoutError'), new RangeError('mine')]) {
        const abort = new AbortController();
        const response = await fetch(url, { signal: abort.signal });
        setTimeout(() => abort.abort(reason), 200);
        const error = await kit.admit(guest, response, { retryDelay: 5 }).then(
          model => model.release(),
          error => error,
        );
        // Not every engine hands the reason to the body: an AbortError it is at least.
        found.push(
          error === abort.signal.reason || error?.name === 'AbortError'
            ? 'aborted'
            : `${error?.name}: ${error?.message}`,
        );
      }
      return found;
    }, served.url);
    assert.deepEqual(reasons, ['aborted', 'aborted', 'aborted']);
    assert.equal(served.requests.length, 3);
  });

  test('a Request with a method of its own is used once and not asked again', async ({ page, server }) => {
    const served = server.put({ body: BODY, ...ETAG, breakAt: 1_000_000 });
    const fault = await page.run(
      async url =>
        kit.fault(kit.admit(await kit.guest(), new Request(url, { method: 'POST', body: 'x' }), { retryDelay: 5 })),
      served.url,
    );
    assert.equal(fault.kind, 'source');
    assert.equal(served.requests.length, 1);
  });

  test('a Request that is aborted by its own signal ends with its reason', async ({ page, server }) => {
    const served = server.put({ body: BODY, rate: 2e6 });
    const fault = await page.run(
      async url => kit.fault(kit.admit(await kit.guest(), new Request(url, { signal: AbortSignal.timeout(200) }))),
      served.url,
    );
    assert.ok(['TimeoutError', 'AbortError'].includes(fault.name), JSON.stringify(fault));
  });
}, ['broken bodies']);
