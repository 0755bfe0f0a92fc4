// A page of ABI v1 and its twin on v2: one line apart, on one module.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as nodeTest } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onDemoPage } from './demo-page.mjs';
import { badTable, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const CEILING = 134_217_728;
const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const PAGES = ['v1.html', 'v2.html'];

nodeTest('the two pages differ in one line of code', () => {
  const [v1, v2] = PAGES.map(name =>
    readFileSync(new URL(`../../js/demo/${name}`, import.meta.url), 'utf8').split('\n'),
  );
  assert.equal(v1.length, v2.length);
  const apart = v1.flatMap((line, index) => (line === v2[index] ? [] : [[line, v2[index]]]));
  const isProse = (/** @type {string} */ line) => /^\s*<(title|h1|p)>/.test(line);
  assert.deepEqual(
    apart.filter(([line]) => !isProse(line)),
    [["import { hostFor } from './v1-host.js';", "import { hostFor } from '../index.js';"]],
  );
});

/** @param {import('./demo-page.mjs').DemoPage} page  @param {RegExp} status */
const says = (page, status) => page.until(String(status), async () => status.test(await page.text('#status')));

inEachBrowser(test => {
  for (const name of PAGES) {
    test(`${name}: loads, refuses and keeps what it had, unloads`, async given => {
      const digest = createHash('sha256').update(middle()).digest('hex');
      await onDemoPage(given, name, async page => {
        await page.resize(360, 740);
        await page.appears('#file:enabled');
        assert.equal(await page.text('#ceiling'), name === 'v1.html' ? '134,217,728 bytes' : 'none');
        await page.run(() => /** @type {any} */ (document.querySelector('#file')).focus());
        await page.pickBytes(middle());
        await says(page, /^Loaded/);
        await page.until('the focus', async () => (await page.focused()) === 'file');
        assert.ok((await page.text('#facts')).includes(digest));
        await page.pickBytes(badTable(), 'bad.gguf');
        await says(page, /^Refused/);
        assert.match(await page.text('#facts'), /Codelayout.*Pathtensors\[1\]\.offset/);
        assert.equal(await page.run(() => /** @type {any} */ (document.querySelector('#unload')).disabled), false);
        assert.deepEqual([...(await page.overflow()), ...(await page.audit())], []);
        await page.run(() => /** @type {any} */ (document.querySelector('#unload')).focus());
        await page.press('Enter');
        await says(page, /^No model/);
        assert.equal(await page.focused(), 'file');
      });
    });
  }

  test('a file above 128 MiB: a typed error on v1, and no read of it', async given => {
    const folder = await mkdtemp(join(tmpdir(), 'gguf-ceiling-'));
    const path = join(folder, 'large.gguf');
    writeFileSync(path, 'GGUF');
    truncateSync(path, CEILING + 1);
    try {
      await onDemoPage(given, 'v1.html', async page => {
        await page.appears('#file:enabled');
        await page.run(() => {
          /** @type {any} */ (globalThis).reads = [];
          for (const how of /** @type {const} */ (['arrayBuffer', 'stream', 'slice', 'text'])) {
            const read = Blob.prototype[how];
            Object.assign(Blob.prototype, { [how](/** @type {any[]} */ ...given) {
              /** @type {any} */ (globalThis).reads.push(how);
              return /** @type {any} */ (read).apply(this, given);
            } });
          }
        });
        await page.pick(path);
        await says(page, /^Refused: ABI v1 moves at most 134217728 bytes/);
        assert.deepEqual(await page.run(() => /** @type {any} */ (globalThis).reads), []);
        assert.match(await page.text('#facts'), /Codeceiling.*Pathlength/);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('the real model, above 128 MiB, is refused by v1 and loaded by v2', async given => {
    await onDemoPage(given, 'v1.html', async page => {
      await page.appears('#file:enabled');
      await page.pick(MODEL);
      await says(page, /^Refused/);
    });
    await onDemoPage(given, 'v2.html', async page => {
      await page.appears('#file:enabled');
      await page.pick(MODEL);
      await says(page, /^Loaded/);
      assert.match(await page.text('#facts'), /Bytes253,113,024Tensors236/);
    });
  }, { skip: !existsSync(MODEL) && 'the real model is not here: run `cargo xtask model`', timeout: 120_000 });
});
