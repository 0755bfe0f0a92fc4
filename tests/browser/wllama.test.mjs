// Another runtime that is there already: wllama, llama.cpp in WebAssembly. It is given the file that was stored while
// it was checked, and writes text.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MODEL, needs } from './page-kit.mjs';
import { inEachBrowser } from './suite.mjs';

const SHA256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';
const WLLAMA = fileURLToPath(new URL('node_modules/@wllama/wllama/esm/index.js', import.meta.url));
const skip =
  needs(MODEL, 'cargo xtask model') || (!existsSync(WLLAMA) && 'wllama is not here: npm ci in tests/browser');

/** As a server has to send a page that shares memory with its workers. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

inEachBrowser((test, browserName) => {
  if (browserName !== 'chromium') return; // one engine shows it, and it takes its time
  test('a model that was stored and checked is loaded by wllama, and generates', async ({ browser, server }) => {
    const script = '<script type="module" src="/pages/kit.js"></script>';
    const html = `<!doctype html><title>wllama</title><link rel="icon" href="data:,">${script}`;
    const blank = server.put({ body: new TextEncoder().encode(html), type: 'text/html', headers: ISOLATED });
    const served = server.put({ body: { file: MODEL }, headers: { 'cross-origin-resource-policy': 'same-origin' } });
    const tab = await browser.open(blank.url);
    try {
      const seen = await tab.run(async ({ url, sha256 }) => {
        const guest = await kit.loadGuest();
        const { model } = await kit.admitStored(guest, 'wllama.gguf', url, { sink: 'verify', sha256 });
        const memory = guest.memoryBytes;
        model.release();
        const stored = await kit.findStored('wllama.gguf');
        const { Wllama } = await import('/packages/@wllama/wllama/esm/index.js');
        const at = { default: '/packages/@wllama/wllama/esm/wasm/wllama.wasm' };
        const wllama = new Wllama(at, { suppressNativeLog: true });
        await wllama.loadModel([await stored.file.getFile()], { n_threads: 1, n_ctx: 128, n_gpu_layers: 0 });
        const answer = await wllama.createCompletion({
          prompt: 'def fibonacci(n):', max_tokens: 8, temperature: 0, stream: false,
        });
        await wllama.exit();
        await kit.removeStored('wllama.gguf');
        return { memory, isIsolated: crossOriginIsolated, text: answer.choices[0].text };
      }, { url: served.url, sha256: SHA256 });
      assert.ok(seen.isIsolated);
      assert.ok(seen.memory <= 24 * 2 ** 20, `${seen.memory} bytes to check and store it`);
      assert.match(seen.text, /\S/);
    } finally {
      await tab.close();
    }
  }, { skip, timeout: 300_000 });
});
