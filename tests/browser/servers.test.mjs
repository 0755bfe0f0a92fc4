// Downloads from good, slow, lying, breaking and changing servers.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { BODY, ETAG, MODIFIED, OTHER, SHA256, SIZE, download, ranges } from './downloads.mjs';
import { inEachBrowser } from './suite.mjs';

inEachBrowser((test, name) => {
  test('a length that is told, or not, and a body that is compressed are all admitted', async ({ page, server }) => {
    const plain = await page.run(download, { url: server.put({ body: BODY }).url });
    assert.deepEqual(plain, { sha256: SHA256, length: SIZE, totals: [SIZE] });

    const chunked = await page.run(download, { url: server.put({ body: BODY, length: false }).url });
    assert.deepEqual(chunked, { sha256: SHA256, length: SIZE, totals: ['unknown'] });

    const zipped = server.put({ body: gzipSync(BODY), headers: { 'content-encoding': 'gzip' } });
    assert.deepEqual(await page.run(download, { url: zipped.url }), {
      sha256: SHA256,
      length: SIZE,
      totals: ['unknown'],
    });
    assert.deepEqual(
      await page
        .run(download, { url: zipped.url, length: SIZE, sha256: SHA256 })
        .then(({ sha256, length }) => [sha256, length]),
      [SHA256, SIZE],
    );
  });

  test('a redirect is followed', async ({ page, server }) => {
    const end = server.put({ body: BODY });
    const { url } = server.put({ status: 302, headers: { location: end.url } });
    assert.equal((await page.run(download, { url })).sha256, SHA256);
  });

  for (const status of [401, 404, 410, 500, 503]) {
    test(`status ${status} is an error at once, whatever its body`, async ({ page, server }) => {
      const served = server.put({ status, body: BODY });
      const fault = await page.run(download, { url: served.url, retries: 0 });
      assert.deepEqual([fault.code, fault.kind, fault.status, fault.found], ['http', 'source', status, String(status)]);
      const response = await page.run(
        async url => kit.fault(kit.admit(await kit.guest(), await fetch(url))),
        served.url,
      );
      assert.deepEqual([response.code, response.status], ['http', status]);
    });
  }

  test('a server that cannot be reached is a source error', async ({ page }) => {
    const fault = await page.run(download, { url: 'http://127.0.0.1:9/model.gguf', retries: 0 });
    assert.deepEqual([fault.name, fault.kind], ['AdmissionError', 'source']);
  });

  test('a download that breaks goes on in the same session from the byte that was reached, under If-Range', async ({
    page,
    server,
  }) => {
    for (const [version, ifRange] of [
      [ETAG, '"v1"'],
      [MODIFIED, MODIFIED.headers['last-modified']],
    ]) {
      for (const sink of ['verify', 'resident']) {
        const served = server.put(({ count }) => ({
          body: BODY,
          ...version,
          breakAt: [200_000, 1_234_567, 3_000_000][count - 1],
        }));
        const result = await page.run(download, { url: served.url, sink });
        assert.deepEqual([result.sha256, result.length, result.totals], [SHA256, SIZE, [SIZE]], JSON.stringify(result));
        assert.equal(served.requests.length, 4);
        const starts = served.requests.slice(1).map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range)[1]));
        assert.deepEqual(served.requests.slice(1).map(({ ifRange }) => ifRange), [ifRange, ifRange, ifRange]);
        // What broke off takes with it what the engine, and a read under way, had not handed out.
        for (const [index, at] of [200_000, 1_234_567, 3_000_000].entries())
          assert.ok(starts[index] <= at && starts[index] > at - 2 ** 21, `${starts[index]} after ${at}`);
      }
    }
  });

  test('a break after the first byte, before the last, at each of many and without progress is survived', async ({
    page,
    server,
  }) => {
    // A server that cuts its very first answer before the body has sent nothing: to Firefox that is no answer at all.
    const breaks = [1, 1, 4, 23, 24, 65_535, 65_536, 65_537, 100_000, SIZE - 1];
    const served = server.put(({ count }) => ({ body: BODY, ...ETAG, breakAt: breaks[count - 1] }));
    const result = await page.run(download, { url: served.url, retries: breaks.length });
    assert.equal(result.sha256, SHA256, JSON.stringify(result));
  });

  test('a Response of fetch that breaks goes on like its URL', async ({ page, server }) => {
    const served = server.put(({ count }) => ({ body: BODY, ...ETAG, breakAt: count === 1 ? 1_000_000 : undefined }));
    const sha256 = await page.run(
      async url => kit.seen(await kit.admit(await kit.guest(), await fetch(url), { retryDelay: 5 })).digests.sha256,
      served.url,
    );
    assert.equal(sha256, SHA256);
    assert.equal(served.requests.length, 2);
  });

  test('a passing fault of the server (503, a refused connection) during the retries is tried again', async ({
    page,
    server,
  }) => {
    const served = server.put(
      ({ count }) =>
        [{ body: BODY, ...ETAG, breakAt: 1_000_000 }, { status: 503, ...ETAG }, { cut: true }, { body: BODY, ...ETAG }][
          count - 1
        ] ?? { body: BODY, ...ETAG },
    );
    const result = await page.run(download, { url: served.url });
    assert.equal(result.sha256, SHA256, JSON.stringify(result));
    assert.ok(served.requests.length >= 4);
  });

  test('a server that ignores Range is told apart from one whose file changed, and never makes a wrong model', async ({
    page,
    server,
  }) => {
    const first = { body: BODY, ...ETAG, breakAt: 1_000_000 };
    const second = {
      'ignores Range': { body: BODY, ...ETAG, range: false },
      'file changed': { body: OTHER, etag: '"v2"' },
      'changed, Range honoured all the same': {
        body: OTHER,
        etag: '"v2"',
        headers: { 'content-range': `bytes 1000000-${SIZE - 1}/${SIZE}` },
        status: 206,
      },
      'shorter now': { body: OTHER.subarray(0, 500_000), etag: '"v2"' },
      'gone': { status: 404 },
      'precondition failed': { status: 412 },
      'more than the rest': {
        body: BODY,
        ...ETAG,
        status: 206,
        range: false,
        headers: { 'content-range': `bytes 0-${SIZE - 1}/${SIZE}` },
      },
      'another part': {
        body: BODY.subarray(1_500_000),
        ...ETAG,
        status: 206,
        range: false,
        headers: { 'content-range': `bytes 1500000-${SIZE - 1}/${SIZE}` },
      },
      'a web page': { body: new TextEncoder().encode('<html>'), type: 'text/html' },
    };
    const outcomes = {};
    for (const [what, behaviour] of Object.entries(second)) {
      const served = server.put(({ count }) => (count === 1 ? first : behaviour));
      const result = await page.run(download, { url: served.url, sink: 'resident', retries: 2 });
      outcomes[what] = result.sha256 ?? result.code;
    }
    assert.deepEqual(outcomes, {
      'more than the rest': SHA256,
      'ignores Range': 'range',
      'file changed': 'changed',
      'changed, Range honoured all the same': 'changed',
      'shorter now': 'changed',
      gone: 'http',
      'precondition failed': 'changed',
      'another part': 'range',
      'a web page': 'html',
    });
  });

  test('a file that changes under the same ETag is caught by a required digest', async ({ page, server }) => {
    const served = server.put(({ count }) =>
      count === 1 ? { body: BODY, ...ETAG, breakAt: 2_000_000 } : { body: OTHER, ...ETAG },
    );
    const fault = await page.run(download, { url: served.url, sha256: SHA256 });
    assert.deepEqual([fault.code, fault.path], ['digest', 'digests.sha256']);
  });

  test('without a version of the file a download goes on only when a digest is required', async ({ page, server }) => {
    const make = () => server.put(({ count }) => ({ body: BODY, breakAt: count === 1 ? 2_000_000 : undefined }));
    const blind = make();
    const fault = await page.run(download, { url: blind.url });
    assert.deepEqual([fault.kind, blind.requests.length], ['source', 1]);
    const safe = make();
    assert.equal((await page.run(download, { url: safe.url, sha256: SHA256 })).sha256, SHA256);
  });

  test('a weak ETag does not go into If-Range', async ({ page, server }) => {
    const served = server.put(({ count }) => ({
      body: BODY,
      etag: 'W/"v1"',
      breakAt: count === 1 ? 1_000_000 : undefined,
    }));
    const result = await page.run(download, { url: served.url, retries: 1, sha256: SHA256 });
    assert.equal(result.sha256, SHA256, JSON.stringify(result));
    assert.equal(served.requests.length, 2);
    assert.ok(served.requests.every(({ ifRange }) => ifRange === undefined), ranges(served).join());
  });

  test('retries that are used up are an error that names the byte, and retries: 0 tries nothing', async ({
    page,
    server,
  }) => {
    for (const retries of [0, 2]) {
      const served = server.put({ body: BODY, ...ETAG, breakAt: 1_000_000 });
      const fault = await page.run(download, { url: served.url, retries, length: SIZE });
      assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
      assert.ok(fault.offset <= 1_000_000, String(fault.offset));
      // Those that brought something more, from what the engine had held back, gave the tries back.
      const asked = served.requests.slice(1).map(({ range }) => range);
      assert.equal(asked.filter(range => range === asked.at(-1)).length, retries, asked.join());
    }
  });

  test('a Content-Length above the body is a broken download, one below it a file that is cut', async ({
    page,
    server,
  }) => {
    const above = await page.run(download, {
      url: server.put({ body: BODY, length: SIZE + 1000, ...ETAG }).url,
      retries: 1,
    });
    assert.ok(['source', 'trailing', 'range', 'changed'].includes(above.code), JSON.stringify(above));
    const below = await page.run(download, { url: server.put({ body: BODY, length: SIZE - 1000 }).url });
    assert.deepEqual(
      [below.code, below.kind, below.path],
      ['truncated', 'rejected', 'tensors[2].offset'],
      JSON.stringify(below),
    );
  });

  test('a body that ends early without a Content-Length is truncated', async ({ page, server }) => {
    const fault = await page.run(download, { url: server.put({ body: BODY, length: false, endAt: 2_000_000 }).url });
    assert.deepEqual([fault.code, fault.kind], ['truncated', 'rejected']);
  });

  test('a body that goes on after the file is trailing as soon as the header is read, when its length is told', async ({
    page,
    server,
  }) => {
    const longer = new Uint8Array(SIZE + 5_000_000);
    longer.set(BODY);
    const served = server.put({ body: longer, rate: 4e6 });
    const fault = await page.run(download, { url: served.url });
    assert.deepEqual([fault.code, fault.offset], ['trailing', SIZE]);
    assert.ok(served.sent() < 2_500_000, `${served.sent()} bytes were sent`);
  });

  test('a slow server is waited for, byte by byte', async ({ page, server }) => {
    const { small } = await import('./pages/models.js');
    const served = server.put({ body: small(), piece: 100, rate: 10_000 });
    assert.equal((await page.run(download, { url: served.url })).length, small().length);
  });
}, ['broken bodies']);
