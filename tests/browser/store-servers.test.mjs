// Servers as they are, between two calls that store a file: the first call is left in the middle, the second goes on or
// begins anew, and never makes one model of two files.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { BODY, ETAG, MODIFIED, OTHER, SHA256, SIZE } from './downloads.mjs';
import { inEachBrowser } from './suite.mjs';

const OTHER_SHA256 = createHash('sha256').update(OTHER).digest('hex');
const HELD = 2_500_000;
const A_YEAR = { 'cache-control': 'public, max-age=31536000, immutable' };

/**
 * @typedef {object} Case
 * @property {object} first            how the server is, until the first call is left
 * @property {object} second           and then
 * @property {string[]} sha256         what the second call may end with
 * @property {boolean} goesOn          whether it moves no more than what was missing
 * @property {{ sha256?: string }} [required]
 * @property {'address' | 'Request' | 'Response'} [from]  what the source is; a Request has a cache mode of its own
 */
/** @type {Record<string, Case>} */
const CASES = {
  'a strong ETag': { first: ETAG, second: ETAG, sha256: [SHA256], goesOn: true },
  'an old Last-Modified': { first: MODIFIED, second: MODIFIED, sha256: [SHA256], goesOn: true },
  'a file that changed': {
    first: ETAG, second: { body: OTHER, etag: '"v2"' }, sha256: [OTHER_SHA256], goesOn: false,
  },
  'no version': { first: {}, second: {}, sha256: [SHA256], goesOn: false },
  'no ranges': { first: { ...ETAG, range: false }, second: { ...ETAG, range: false }, sha256: [SHA256], goesOn: false },
  'another ETag of the same bytes, the digest is required': {
    first: ETAG, second: { etag: '"v2"' }, sha256: [SHA256], goesOn: true, required: { sha256: SHA256 },
  },
  'an answer that may be cached for a year': {
    first: { ...ETAG, headers: A_YEAR }, second: { ...ETAG, headers: A_YEAR }, sha256: [SHA256], goesOn: true,
  },
  'an answer that may be cached for a year, and a file that changed': {
    first: { ...ETAG, headers: A_YEAR }, second: { body: OTHER, etag: '"v2"', headers: A_YEAR },
    sha256: [OTHER_SHA256], goesOn: false,
  },
  // The page asks, and the worker stores.
  'a Response that the page fetched': { first: ETAG, second: ETAG, sha256: [SHA256], goesOn: true, from: 'Response' },
  // The caller's own cache may answer with the old file, but with all of it, or with nothing of it.
  'the same, and a Request that may be answered from the cache': {
    first: { ...ETAG, headers: A_YEAR }, second: { body: OTHER, etag: '"v2"', headers: A_YEAR },
    sha256: [SHA256, OTHER_SHA256], goesOn: false, from: 'Request',
  },
};

inEachBrowser(test => {
  for (const [title, { first, second, sha256, goesOn, required = {}, from = 'address' }] of Object.entries(CASES)) {
    test(`between two calls: ${title}`, async ({ page, server }) => {
      let isLeft = false;
      const served = server.put(() => {
        if (isLeft) return { body: BODY, ...second };
        return { body: BODY, ...first, hold: new Promise(() => {}), holdAt: HELD };
      });
      const options = { ...required, retries: 0, stallTimeout: 1000 };
      const given = { url: served.url, options, from };
      assert.equal((await page.run(stored, given)).fault, 'source');
      isLeft = true;
      const before = served.requests.length;
      const result = await page.run(stored, given);
      assert.ok(sha256.includes(result.sha256), JSON.stringify(result));
      assert.equal(result.onDisk, result.sha256);
      // An answer that the page had is given up for the rest of it.
      const asked = served.requests.slice(before + (from === 'Response' ? 1 : 0));
      const moved = asked.reduce((sum, { sent }) => sum + sent, 0);
      const most = goesOn ? SIZE - HELD + 2 * 2 ** 20 : SIZE + 2 * 2 ** 20;
      assert.ok(moved <= most, `${moved} bytes were moved, ${most} are enough ${JSON.stringify(served.requests)}`);
      assert.equal(asked[0]?.range !== undefined || !goesOn, true, 'it was to go on');
      if (from !== 'address') return;
      // Nothing of it is in the HTTP cache.
      const count = served.requests.length;
      await page.run(async url => void (await (await fetch(url, { cache: 'force-cache' })).arrayBuffer()), served.url);
      assert.equal(served.requests.length, count + 1);
    });
  }
}, ['private files']);

/** @param {{ url: string, options: object, from: string }} given */
async function stored({ url, options, from }) {
  const { guestWorker } = await kit.guestWorker();
  try {
    const source = from === 'Request' ? new Request(url) : from === 'Response' ? await fetch(url) : url;
    const { model } = await guestWorker.admitStored('m.gguf', source, options);
    const { sha256 } = model.report.digests;
    await model.release();
    const { file } = await kit.findStored('m.gguf');
    return { sha256, onDisk: await kit.sha256(await (await file.getFile()).arrayBuffer()) };
  } catch (error) {
    return { fault: error.kind, message: error.message };
  } finally {
    await guestWorker.close();
  }
}
