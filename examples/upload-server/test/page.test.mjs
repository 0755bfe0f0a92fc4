// The server's own page in a real browser.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { start as startBrowser, whyNot } from '../../../tests/browser/drive.mjs';
import { freshFolder, model, root, start, until } from './server.mjs';

const skip = whyNot('chromium') ?? false;

async function open(t, server) {
  const browser = await startBrowser('chromium');
  t.after(() => browser.close());
  const { native: page } = await browser.open(server.url);
  return page;
}

/** Picks a file and presses the button; what the page says when it is over. */
async function upload(page, file) {
  await page.setInputFiles('#file', file);
  await page.click('#send');
  await page.waitForFunction(() => /stored|Refused/.test(document.getElementById('said').textContent));
  return page.textContent('#said');
}

test('the page stores a good file, and says why it refuses a bad one', { skip }, async t => {
  const server = await start(t);
  const page = await open(t, server);
  assert.equal(await upload(page, model.path), 'model.gguf is stored.');
  assert.ok(readFileSync(join(server.folder, 'models/model.gguf')).equals(model.bytes));
  assert.match(await upload(page, model.path), /^Refused\. exists: /);

  const bad = join(await freshFolder(t), 'bad.gguf');
  writeFileSync(bad, model.bytes.subarray(0, 10_000_000));
  assert.match(await upload(page, bad), /^Refused\. truncated: .* \(tensors\[\d+\]\.offset, byte \d+\)$/);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [['model.gguf'], []]);
});

test('the page goes on after a broken line', { skip }, async t => {
  const server = await start(t);
  const page = await open(t, server);
  let breaks = 1;
  const offsets = [];
  await page.route('**/uploads/*', route => {
    const request = route.request();
    if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset']));
    return offsets.length === 2 && breaks-- > 0 ? route.abort('connectionreset') : route.continue();
  });
  assert.equal(await upload(page, model.path), 'model.gguf is stored.');
  assert.equal(offsets[1], offsets[2]);
  assert.ok(readFileSync(join(server.folder, 'models/model.gguf')).equals(model.bytes));
});

test('tus-js-client in the browser', { skip }, async t => {
  const server = await start(t);
  const page = await open(t, server);
  await page.route('**/tus.js', route =>
    route.fulfill({
      path: join(root, 'examples/upload-server/node_modules/tus-js-client/dist/tus.min.js'),
      contentType: 'text/javascript',
    }),
  );
  await page.addScriptTag({ url: '/tus.js' });
  await page.setInputFiles('#file', model.path);
  await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const [file] = document.getElementById('file').files;
        new globalThis.tus.Upload(file, {
          endpoint: '/uploads',
          chunkSize: 5_000_000,
          metadata: { filename: file.name },
          onSuccess: resolve,
          onError: reject,
        }).start();
      }),
  );
  await until(() => server.files('models').length === 1);
  assert.ok(readFileSync(join(server.folder, 'models/model.gguf')).equals(model.bytes));
});
