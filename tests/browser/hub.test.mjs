// Downloads as from a model hub: redirects to signed addresses, files that may be cached for a year; and lines that
// fall silent, or fail before the first byte.
import assert from 'node:assert/strict';
import { openHub } from '../../js/test/support/hub.js';
import { BODY, ETAG, SHA256, SIZE, download } from './downloads.mjs';
import { inEachBrowser } from './suite.mjs';

/** What a hub lets a page of another origin see. */
const EXPOSED = [
  'X-Repo-Commit', 'X-Request-Id', 'X-Error-Code', 'X-Error-Message', 'X-Total-Count', 'ETag', 'Link', 'Accept-Ranges',
  'Content-Range', 'X-Linked-Size', 'X-Linked-ETag',
].join();
const A_YEAR = 'public, max-age=31536000, immutable';
/** Names of this machine that a browser takes for origins of their own. */
const named = (server, name) => server.origin.replace('127.0.0.1', `${name}.localhost`);

/**
 * An address that leads to a new signed one each time. A signed one is good once.
 *
 * @param {import('./server.mjs').Server} server
 * @param {(count: number) => object} manner  of the n-th download
 */
function hub(server, manner) {
  const cors = { 'access-control-expose-headers': EXPOSED, 'access-control-allow-headers': undefined };
  const good = new Set();
  let signed = 0;
  let given = 0;
  const cdn = server.put(({ url, method }) => {
    if (method === 'OPTIONS') return { status: 403, headers: cors };
    if (!good.delete(url.searchParams.get('Signature'))) return { status: 403, headers: cors };
    return {
      body: BODY,
      ...ETAG,
      ...manner(++given),
      headers: { ...cors, 'cache-control': A_YEAR, 'accept-ranges': 'bytes' },
    };
  });
  const resolve = server.put(({ method }) => {
    if (method === 'OPTIONS') return { status: 403, headers: cors };
    good.add(String(++signed));
    const location = `${cdn.url.replace(server.origin, named(server, 'cdn'))}?Signature=${signed}&Policy=SECRET`;
    return { status: 302, headers: { ...cors, location, 'x-linked-size': String(SIZE), 'cache-control': 'no-cache' } };
  });
  return { url: resolve.url.replace(server.origin, named(server, 'hub')), cdn, resolve };
}

inEachBrowser(test => {
  test("a hub's download that breaks again and again is asked for anew at its own address, each time", async ({
    page,
    server,
  }) => {
    const breaks = [400_000, 900_000, 1_500_000, 2_000_000, 2_600_000];
    const { url, cdn } = hub(server, count => ({ breakAt: breaks[count - 1] }));
    const result = await page.run(download, { url, sink: 'resident', retries: 2 });
    assert.deepEqual([result.sha256, result.length], [SHA256, SIZE], JSON.stringify(result));
    const gets = cdn.requests.filter(({ method }) => method === 'GET');
    assert.ok(
      gets.length > breaks.length && gets.slice(1).every(({ range }) => range),
      gets.map(({ range }) => range).join(),
    );
  });

  test('a signed address that is not good any more is told without its signature', async ({ page, server }) => {
    const { url } = hub(server, () => ({ breakAt: 1_000_000 }));
    const fault = await page.run(
      async url => kit.fault(kit.admit(await kit.guest(), await fetch(url), { retryDelay: 5 })),
      url,
    );
    assert.deepEqual([fault.code, fault.status], ['http', 403], JSON.stringify(fault));
    assert.match(fault.message, /for http:\/\/cdn\.localhost:\d+\/made\/\d+$/);
  });

  for (const isRemote of [false, true]) {
    const where = isRemote ? 'in a GuestWorker' : 'on the page';
    test(`hubFile: a gated model is stored in two calls, behind two signed addresses, ${where}`, async ({ page }) => {
      const hub = await openHub({ file: BODY, token: 'hf_secret', breaks: [2_500_000], isSilent: true });
      try {
        const { endpoint, repository, path } = hub;
        const store = async ({ endpoint, repository, path, token, isRemote }) => {
          const { guestWorker } = isRemote ? await kit.guestWorker() : {};
          const guest = isRemote ? undefined : await kit.guest();
          const options = { retries: 0, stallTimeout: 1500 };
          try {
            const { source, required } = await kit.hubFile(repository, path, { endpoint, token });
            const all = { ...options, ...required };
            const { model } = guestWorker
              ? await guestWorker.admitStored('m.gguf', source, all)
              : await kit.admitStored(guest, 'm.gguf', source, all);
            await model.release();
            return (await kit.findStored('m.gguf')).digests.sha256;
          } catch (error) {
            return { code: error.code, status: error.status, message: error.message };
          } finally {
            await guestWorker?.close();
          }
        };
        const call = (/** @type {string} */ token) => page.run(store, { endpoint, repository, path, token, isRemote });
        const refused = await call('hf_wrong');
        assert.deepEqual([refused.code, refused.status], ['http', 401], JSON.stringify(refused));
        assert.match(refused.message, /: Access to model owner\/model is restricted\.$/);
        assert.equal((await call('hf_secret')).code, 'source');
        hub.expire();
        hub.etag = '"another"';
        assert.equal(await call('hf_secret'), SHA256, JSON.stringify(hub.requests));
        const [first, second] = hub.requests.filter(({ host }) => host === 'content');
        const from = Number(/^bytes=(\d+)-$/.exec(second.range ?? '')?.[1]);
        assert.deepEqual([first.range, from >= 2 ** 20, second.sent], [undefined, true, SIZE - from]);
        const tokens = hub.requests.map(({ host, authorization }) => `${host} ${authorization}`);
        const asked = 'hub Bearer hf_secret';
        assert.deepEqual(tokens.slice(1), [asked, asked, 'content undefined', asked, asked, 'content undefined']);
      } finally {
        await hub.close();
      }
    }, { needs: ['private files'] });
  }

  test('what the package fetches is not kept in the HTTP cache, what a Request fetches is', async ({
    page,
    server,
  }) => {
    const served = server.put({ body: BODY, ...ETAG, headers: { 'cache-control': A_YEAR } });
    const asked = async make => {
      await page.run(make, served.url);
      const before = served.requests.length;
      await page.run(
        async url => (await (await fetch(url, { cache: 'force-cache' })).arrayBuffer()).byteLength,
        served.url,
      );
      return served.requests.length - before;
    };
    assert.equal(await asked(async url => kit.seen(await kit.admit(await kit.guest(), url))), 1);
    const other = server.put({ body: BODY, ...ETAG, headers: { 'cache-control': A_YEAR } });
    served.url = other.url;
    served.requests = other.requests;
    assert.equal(await asked(async url => kit.seen(await kit.admit(await kit.guest(), new Request(url)))), 0);
  });

  test('a server that goes silent, before the answer or in the middle, is asked again', async ({ page, server }) => {
    const never = new Promise(() => {});
    for (const run of [page.run, page.runInWorker]) {
      const silent = [{ hold: never, holdAt: 1_500_000 }, { hold: never }, { hold: never, holdAt: 2_500_000 }];
      const served = server.put(({ count }) => ({ body: BODY, ...ETAG, ...silent[count - 1] }));
      const result = await run(download, { url: served.url, stallTimeout: 700 });
      assert.equal(result.sha256, SHA256, JSON.stringify(result));
      assert.equal(served.requests.length, 4);
      for (let tries = 0; !served.requests.slice(0, 3).every(({ isOver }) => isOver); tries++) {
        assert.ok(tries < 100, 'a silent line is still open');
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
  });

  test('the first request that fails is made again', async ({ page, server }) => {
    const first = [{ status: 503 }, { cut: true }, { status: 429, headers: { 'retry-after': '1' } }];
    const served = server.put(({ count }) => first[count - 1] ?? { body: BODY, ...ETAG });
    const result = await page.run(download, { url: served.url });
    assert.equal(result.sha256, SHA256, JSON.stringify(result));
    const none = server.put({ status: 503 });
    const fault = await page.run(download, { url: none.url, retries: 1 });
    assert.deepEqual([fault.code, fault.status, none.requests.length], ['http', 503, 2]);
  });

  test('the list of an <input> is a list of shards, here and in a worker', async ({ page }) => {
    const faults = await page.run(async () => {
      const list = new DataTransfer();
      list.items.add(new File(['a'], 'a-00001-of-00002.gguf'));
      const { guestWorker } = await kit.guestWorker();
      const guest = await kit.guest();
      return [await kit.fault(kit.admit(guest, list.files)), await kit.fault(guestWorker.admit(list.files))];
    });
    for (const { code, kind, shard } of faults) assert.deepEqual([code, kind, shard], ['truncated', 'rejected', 0]);
  });
}, ['broken bodies']);
