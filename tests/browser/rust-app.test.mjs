// The Rust app admits what the package admits: the same reports, digests and faults.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const APP = '/app/rust-app/';
const CASES = new URL('../../target/corpus/cases.json', import.meta.url);
const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const isBuilt = existsSync(new URL('../../examples/rust-app/pkg/gguf_rust_app.js', import.meta.url));
const skip = !isBuilt && 'the Rust app is not built: run `cargo xtask build --web`';
const names = existsSync(CASES) ? [...new Set(JSON.parse(readFileSync(CASES, 'utf8')).map(({ file }) => file))] : [];

inEachBrowser(test => {
  test(
    'every file of the corpus has the same report or fault in the Rust app as in the package',
    async ({ page }) => {
      const wrong = await page.run(
        async ({ names, app }) => {
          const { default: init, admit } = await import(`${app}pkg/gguf_rust_app.js`);
          await init();
          const guest = await kit.guest();
          const sections = ({ length, gguf, metadata, tensors, digests }) =>
            JSON.stringify([length, gguf, metadata, tensors, digests]);
          const fault = ({ code, kind, offset, path }) => JSON.stringify([code, kind, offset, path]);
          const wrong = [];
          for (const name of names) {
            const bytes = await kit.bytes(`/files/corpus/${name}`);
            for (const sink of ['verify', 'resident']) {
              const ours = await kit
                .admit(guest, new Blob([bytes]), { sink })
                .then(model => sections(kit.seen(model)), fault);
              const theirs = await admit(new Blob([bytes]), { sink, length: bytes.length || undefined }).then(
                admitted => {
                  const report = sections(JSON.parse(admitted.report()));
                  admitted.free();
                  return report;
                },
                fault,
              );
              if (ours !== theirs) wrong.push({ name, sink, ours: ours.slice(0, 300), theirs: theirs.slice(0, 300) });
            }
          }
          return wrong;
        },
        { names, app: APP },
      );
      assert.ok(names.length > 300);
      assert.deepEqual(wrong.slice(0, 10), []);
    },
    {
      skip: skip || (names.length === 0 && 'there is no corpus: run `python3 tests/corpus/generate.py`'),
      timeout: 120_000,
    },
  );

  test(
    'the app reads every kind of source, and what it cannot read it unlocks',
    async ({ page, server }) => {
      const body = middle();
      const { url } = server.put({ body });
      const result = await page.run(
        async ({ url, app }) => {
          const { default: init, admit } = await import(`${app}pkg/gguf_rust_app.js`);
          await init();
          const bytes = await kit.bytes(url);
          const expected = await kit.sha256(bytes);
          const wrong = [];
          for (const name of [
            'a File',
            'a Blob of many parts',
            'a Response of fetch',
            'a Response made by hand',
            'a byte stream',
            'a byte stream that fills what it is lent',
            'a default stream',
            'a stream from a transform',
          ]) {
            for (const sink of ['verify', 'resident']) {
              const admitted = await admit(await kit.sources[name]({ bytes, url, piece: 70_000 }), { sink }).catch(
                error => error,
              );
              if (admitted instanceof Error) {
                wrong.push(`${name} ${sink}: ${admitted}`);
                continue;
              }
              const { digests } = JSON.parse(admitted.report());
              const values = admitted.bytes('tensor.1', 0, 999);
              if (digests.sha256 !== expected || (sink === 'resident') !== Boolean(values))
                wrong.push(`${name} ${sink}`);
              admitted.free();
            }
          }
          for (const type of [undefined, 'bytes']) {
            for (const how of ['broken', 'wrong', 'aborted']) {
              const abort = new AbortController();
              const file = how === 'wrong' ? new Uint8Array(2e6) : bytes;
              const source = kit.controlled(file, {
                type,
                piece: 50_000,
                failAt: how === 'broken' ? 1e6 : undefined,
                onPull: (_, offset) => how === 'aborted' && offset > 5e5 && abort.abort(),
              });
              const outcome = await admit(source.stream, { signal: abort.signal }).then(
                admitted => admitted.free(),
                error => error.code ?? error.name,
              );
              await kit.sleep(0);
              if (outcome === undefined || source.stream.locked || (how !== 'broken' && !source.isCancelled))
                wrong.push(`${type} ${how}: ${outcome} locked ${source.stream.locked} cancelled ${source.isCancelled}`);
            }
          }
          return wrong;
        },
        { url, app: APP },
      );
      assert.deepEqual(result, []);
    },
    { skip, needs: ['byte streams', 'private files'] },
  );

  test(
    'a byte stream that was filled and closed before the app reads it loses nothing',
    async ({ page }) => {
      const result = await page.run(async app => {
        const { default: init, admit } = await import(`${app}pkg/gguf_rust_app.js`);
        await init();
        const bytes = kit.models.large(20);
        const found = [];
        for (const size of [100, 65_536, 16_800_000, bytes.length - 100]) {
          const stream = new ReadableStream({
            type: 'bytes',
            start(controller) {
              controller.enqueue(bytes.slice(0, size));
              controller.enqueue(bytes.slice(size));
              controller.close();
            },
          });
          found.push(
            await admit(stream, {}).then(
              admitted => (admitted.free(), 'admitted'),
              error => error.message,
            ),
          );
        }
        return [...new Set(found)];
      }, APP);
      assert.deepEqual(result, ['admitted']);
    },
    { skip, needs: ['byte streams'] },
  );

  test(
    'a response is admitted whole when a clone of it is read to its end before',
    async ({ page, server }) => {
      const body = large(20);
      const found = await page.run(
        async ({ urls, app }) => {
          const { default: init, admit } = await import(`${app}pkg/gguf_rust_app.js`);
          await init();
          const found = [];
          for (const url of urls) {
            const response = await fetch(url);
            await response.clone().arrayBuffer();
            found.push(
              await admit(response, {}).then(
                admitted => (admitted.free(), 'admitted'),
                error => error.message,
              ),
            );
          }
          return found;
        },
        { urls: [server.put({ body }).url, server.put({ body, length: false }).url], app: APP },
      );
      assert.deepEqual(found, ['admitted', 'admitted']);
    },
    { skip },
  );

  test(
    'the page of the app admits the real model when it is picked, and shows what the package says of it',
    async ({ page, browser, server }) => {
      await page.pick('#file', [MODEL]);
      const expected = await page.run(async () =>
        kit.seen(await kit.admit(await kit.guest(), document.querySelector('#file').files[0])),
      );
      const app = await browser.open(`${server.origin}${APP}index.html`);
      try {
        await app.evaluate(() => {
          const status = document.querySelector('#status');
          window.told = [];
          document
            .querySelector('#file')
            .addEventListener('change', ({ target }) => (window.picked ??= target.files[0]), { capture: true });
          new MutationObserver(() => window.told.push(status.textContent)).observe(status, { childList: true });
        });
        await app.pick('#file', [MODEL]);
        const seen = await app.evaluate(async () => {
          const status = document.querySelector('#status');
          while (!['admitted', 'failed'].includes(status.dataset.state))
            await new Promise(resolve => setTimeout(resolve, 50));
          const { admit, memoryBytes } = await import('./pkg/gguf_rust_app.js');
          const memory = memoryBytes();
          document.querySelector('#tensors button').click();
          const shown = ['#facts', '#values-label', '#values'].map(place => document.querySelector(place).textContent);

          const admitted = await admit(window.picked, {});
          const report = JSON.parse(admitted.report());
          const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
          const tensors = [];
          for (const { name, type, offset, bytes } of report.tensors) {
            const [start, length] = [Math.max(0, bytes - 256), Math.min(bytes, 256)];
            const slice = window.picked.slice(offset + start, offset + start + length);
            const isSame = hex(admitted.bytes(name, start, length)) === hex(new Uint8Array(await slice.arrayBuffer()));
            const numbers =
              type === 'F32' && new Float32Array(await window.picked.slice(offset, offset + 32).arrayBuffer());
            if (!isSame || (numbers && String(admitted.values(name, 8)) !== String(numbers))) tensors.push(name);
          }
          admitted.free();
          return {
            state: status.dataset.state,
            told: window.told,
            shown,
            size: window.picked.size,
            memory,
            report,
            wrong: tensors,
          };
        });
        assert.equal(seen.state, 'admitted');
        assert.ok(seen.shown[0].includes(expected.digests.sha256), seen.shown[0]);
        assert.ok(seen.shown[1].includes(expected.tensors[0].name), seen.shown[1]);
        assert.match(seen.shown[2], /^[\de., -]+$|^[\da-f]{2}( [\da-f]{2}){15}$/);
        // From the header, before the data is read.
        assert.ok(
          seen.told.some(text => /: gemma3, \d+ tensors, [\d.]+ MiB of memory/.test(text)),
          seen.told,
        );
        // Tensors lie in memory once, and nothing else of their size.
        assert.ok(seen.memory < seen.size + (16 << 20), `${seen.memory} bytes of memory for ${seen.size}`);
        for (const section of ['length', 'gguf', 'metadata', 'tensors', 'digests'])
          assert.deepEqual(seen.report[section], expected[section], section);
        assert.deepEqual(seen.wrong, []);
      } finally {
        await app.close();
      }
    },
    { skip: skip || (!existsSync(MODEL) && 'the real model is not here: run `cargo xtask model`'), timeout: 120_000 },
  );

  test(
    'a cancel from the keyboard leaves the focus where the next file is picked',
    async ({ browser, server }) => {
      const app = await browser.open(`${server.origin}${APP}index.html`);
      try {
        await app.evaluate(() => {
          document.querySelector('#file').addEventListener('change', () => {
            document.querySelector('#cancel').focus();
            document.querySelector('#cancel').click();
          });
        });
        await app.pick('#file', [fileURLToPath(import.meta.url)]);
        const seen = await app.evaluate(async () => {
          while (!document.querySelector('#cancel').disabled) await new Promise(resolve => setTimeout(resolve, 20));
          return [document.querySelector('#status').textContent, document.activeElement.id];
        });
        assert.deepEqual(seen, ['Cancelled.', 'file']);
      } finally {
        await app.close();
      }
    },
    { skip },
  );
});
