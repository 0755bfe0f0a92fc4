// A page that shares memory with workers is isolated by two headers, and its workers' scripts need one of them.
import assert from 'node:assert/strict';
import { inEachBrowser } from './suite.mjs';

const OPENER = { 'cross-origin-opener-policy': 'same-origin' };
const EMBEDDER = { 'cross-origin-embedder-policy': 'require-corp' };

inEachBrowser(test => {
  test('in an isolated page the worker starts if its script has the header, and else says so', async given => {
    const { browser, server } = given;
    const html = '<!doctype html><title>isolated</title><link rel="icon" href="data:,">'
      + '<script type="module" src="/pages/kit.js"></script>';
    const text = (/** @type {string} */ text) => new TextEncoder().encode(text);
    const page = server.put({ body: text(html), type: 'text/html', headers: { ...OPENER, ...EMBEDDER } });
    const entry = { body: text("import '/js/worker/entry.js';"), type: 'text/javascript' };
    const bare = server.put(entry), headed = server.put({ ...entry, headers: EMBEDDER });
    const tab = await browser.open(page.url);
    try {
      const seen = await tab.run(async ({ bare, headed }) => {
        const started = async (/** @type {string | undefined} */ url) => {
          const worker = url && new Worker(url, { type: 'module' });
          try {
            const guest = await kit.loadGuestWorker(worker ? { worker } : {});
            const model = await guest.admit(new Blob([kit.models.small()]), { sink: 'verify' });
            await guest.close();
            return `admitted ${model.report.state}`;
          } catch (error) {
            return `${error.code}: ${error.message}`;
          }
        };
        return {
          isIsolated: crossOriginIsolated,
          bare: await started(bare),
          package: await started(undefined),
          headed: await started(headed),
        };
      }, { bare: bare.url, headed: headed.url });
      assert.equal(seen.isIsolated, true);
      assert.match(seen.bare, /^worker: /);
      assert.match(seen.package, /^worker: .*isolated.*Cross-Origin-Embedder-Policy: require-corp/);
      assert.match(seen.headed, /^admitted /);
    } finally {
      await tab.close();
    }
  }, { needs: ['isolated pages'] });
});
