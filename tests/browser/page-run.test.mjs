// The demo page's third storage: a model that is run. The runtime's module is `cargo xtask build --runtime`'s.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tiny } from '../../examples/candle-runtime/tests/tiny.mjs';
import { onDemoPage } from './demo-page.mjs';
import { llama } from './page-kit.mjs';
import { inEachBrowser } from './suite.mjs';

const RUNTIME = fileURLToPath(new URL('../../js/demo/candle-runtime.wasm', import.meta.url));
const skip = !existsSync(RUNTIME) && 'the runtime is not built: cargo xtask build --runtime';

inEachBrowser(test => {
  for (const thread of ['worker', 'page']) {
    test(`a model writes, stops at once and writes again, with the guest in the ${thread}`, async given => {
      await onDemoPage(given, `index.html${thread === 'page' ? '?thread=page' : ''}`, async page => {
        await page.click('#ask');
        await page.click('input[value="run"]');
        await page.pickBytes(/** @type {any} */ (tiny()), 'tiny.gguf');
        await page.appears('#talk');
        assert.match(await page.text('#talk-facts'), /Guest memory[\d.]+ (KiB|MiB)the file has/);
        await page.run(() => {
          /** @type {any} */ (document.querySelector('#talk-prompt')).value = 'the thing';
          /** @type {any} */ (document.querySelector('#talk-most')).value = '12';
        });
        await page.click('#talk-go');
        await page.until('twelve tokens', async () => (await page.text('#talk-said')).startsWith('12 tokens'));
        const first = await page.text('#talk-text');
        assert.ok(first.startsWith('the thing') && first.length > 'the thing'.length, first);
        assert.match(await page.text('#talk-facts'), /Tokens12Speed[\d.]+ tokens\/s/);
        assert.equal(await page.focused(), 'talk-go');
        assert.deepEqual(await page.audit(), []);

        // Stop: from that moment on no token comes, whatever is under way.
        await page.run(() => {
          /** @type {any} */ (document.querySelector('#talk-most')).value = '4000';
          /** @type {any} */ (document.querySelector('#talk-context')).value = '128';
        });
        await page.click('#talk-go');
        const stopped = await page.run(() => {
          /** @type {any} */ (document.querySelector('#talk-stop')).click();
          return [document.querySelector('#talk-said')?.textContent, document.querySelector('#talk-text')?.textContent];
        });
        assert.equal(stopped[0], 'Stopped.');
        await page.run(() => {
          /** @type {any} */ (document.querySelector('#talk-most')).value = '12';
        });
        await page.click('#talk-go');
        await page.until('the same text', async () => (await page.text('#talk-said')).startsWith('12 tokens'));
        assert.equal(await page.text('#talk-text'), first, 'what was stopped left nothing');

        // A context that is too short is said, and changes nothing.
        await page.run(() => {
          /** @type {any} */ (document.querySelector('#talk-context')).value = '3';
        });
        await page.click('#talk-go');
        await page.until('the refusal', async () => (await page.text('#talk-said')).includes('no room'));
        await page.click('#release');
        await page.until('the release', async () => !(await page.shows('#talk')));
      });
    }, { skip });
  }

  test('a model that the runtime does not know is refused at its header, with the reason', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.click('input[value="run"]');
      await page.pickBytes(llama(), 'llama.gguf');
      await page.appears('#failure');
      assert.match(await page.text('#failure'), /gemma3, not llama/);
      assert.equal(await page.shows('#talk'), false);
    });
  }, { skip });

  test('the page fits a phone and a wide window, light and dark, while it writes', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.click('input[value="run"]');
      await page.pickBytes(/** @type {any} */ (tiny()), 'tiny.gguf');
      await page.appears('#talk');
      for (const width of [360, 1200]) {
        await page.resize(width, 800);
        const wide = await page.run(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${wide} px too wide at ${width}`);
      }
    });
  }, { skip });
});
