// The demo page's third storage: a model that is run. The runtime's module is `cargo xtask build --runtime`'s.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tiny } from '../../examples/candle-runtime/tests/tiny.mjs';
import { onDemoPage } from './demo-page.mjs';
import { inEachBrowser } from './suite.mjs';

const RUNTIME = fileURLToPath(new URL('../../js/demo/candle-runtime.wasm', import.meta.url));
/** A model with room for a prompt that takes many seconds to read, and that prompt. */
const long = () => tiny({ entries: { 'gemma3.context_length': 32_768 } });
const LONG = 'the thing. '.repeat(3000);
const skip = !existsSync(RUNTIME) && 'the runtime is not built: cargo xtask build --runtime';

inEachBrowser((test, browserName) => {
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
      await page.pickBytes(tiny({ entries: { 'general.architecture': 'qwen2' } }), 'qwen2.gguf');
      await page.appears('#failure');
      assert.match(await page.text('#failure'), /gemma3 and llama, not qwen2/);
      assert.equal(await page.shows('#talk'), false);
    });
  }, { skip });

  for (const thread of ['worker', 'page']) {
    test(`a long prompt is stopped while it is read, with the guest in the ${thread}`, async given => {
      await onDemoPage(given, `index.html${thread === 'page' ? '?thread=page' : ''}`, async page => {
        await ready(page, long());
        await select(page, 'talk-prompt', LONG);
        await select(page, 'talk-context', '32768');
        await page.click('#talk-go');
        await page.until('the reading', async () => (await page.text('#talk-facts')).includes('to read'));
        await page.run(() => {
          // Between the key and the page's answer lies what the page's own thread was busy with.
          addEventListener('keydown', event => setTimeout(() => {
            const said = document.querySelector('#talk-said')?.textContent;
            Object.assign(globalThis, { heard: { after: performance.now() - event.timeStamp, said } });
          }));
        });
        await page.press('Escape');
        await page.until('the stop', () => page.run(() => 'heard' in globalThis));
        const { after, said } = await page.run(() => /** @type {any} */ (globalThis).heard);
        assert.equal(said, 'Stopped.');
        const unread = Number((await page.text('#talk-facts')).match(/(\d+) to read/)?.[1]);
        assert.ok(unread > 10_000, `${unread} tokens were not read`);
        // The guest is free for the next text: the rest of the long prompt is not read.
        await select(page, 'talk-prompt', 'the thing');
        await select(page, 'talk-most', '2');
        const free = await page.run(async () => {
          const begin = performance.now();
          /** @type {any} */ (document.querySelector('#talk-go')).click();
          while (!document.querySelector('#talk-said')?.textContent?.startsWith('2 tokens'))
            await new Promise(resolve => setTimeout(resolve, 5));
          return performance.now() - begin;
        });
        const [heard, wrote] = [after, free].map(Math.round);
        console.log(`${browserName}, ${thread}: stopped after ${heard} ms, free for another text after ${wrote} ms`);
        // Far above what it takes, for machines that are busy; to read the rest takes many seconds.
        assert.ok(after < 1000 && free < 3000, `${after} ms, ${free} ms`);
      });
    }, { skip });
  }

  test('keys alone are enough: write, stop by Escape, and write again', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await ready(page, long());
      await focus(page, 'talk-prompt');
      assert.deepEqual(await tabs(page, 2), ['summary', 'talk-go']);
      await focus(page, 'talk-prompt');
      await page.press('Tab');
      await page.press('Enter');
      assert.equal(await page.shows('#talk-most'), true, 'the options are open');
      const options = ['talk-most', 'talk-context', 'talk-temperature', 'talk-k', 'talk-p', 'talk-seed'];
      assert.deepEqual(await tabs(page, 7), [...options, 'talk-go']);
      const outline = await page.run(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
      assert.notEqual(outline, 'none', 'the focus is not to be seen');
      await select(page, 'talk-most', '2');
      await select(page, 'talk-prompt', 'the thing');
      for (const key of ['Enter', ' ']) {
        await focus(page, 'talk-go');
        await page.press(key);
        await page.until('the text', async () => (await page.text('#talk-said')).startsWith('2 tokens'));
        assert.equal(await page.focused(), 'talk-go', key);
        await page.run(() => { /** @type {any} */ (document.querySelector('#talk-said')).textContent = ''; });
      }
      // Enter in a field writes, too; in the prompt it is a line.
      await focus(page, 'talk-most');
      await page.press('Enter');
      await page.until('the text', async () => (await page.text('#talk-said')).startsWith('2 tokens'));
      // Stop has the focus while it runs, and gives it back.
      await select(page, 'talk-prompt', LONG);
      await select(page, 'talk-context', '32768');
      for (const key of ['Escape', 'Enter', ' ']) {
        await focus(page, 'talk-go');
        await page.press('Enter');
        await page.until('the reading', async () => (await page.text('#talk-facts')).includes('to read'));
        assert.equal(await page.focused(), 'talk-stop');
        await page.press(key);
        await page.until(`the stop by ${key}`, async () => (await page.text('#talk-said')) === 'Stopped.');
        assert.equal(await page.focused(), 'talk-go');
      }
    });
  }, { skip });

  test('the page fits a phone and a wide window, light and dark, while it writes', async given => {
    const folder = process.env.GGUF_PICTURES;
    for (const scheme of browserName === 'chromium' ? ['light', 'dark'] : ['light']) {
      await onDemoPage(given, 'index.html', async page => {
        if (browserName === 'chromium') await page.native.emulateMedia({ colorScheme: scheme });
        await ready(page, tiny());
        await select(page, 'talk-prompt', 'the thing');
        await select(page, 'talk-most', '24');
        await page.click('#talk summary');
        await page.click('#talk-go');
        await page.until('the text', async () => (await page.text('#talk-said')).startsWith('24 tokens'));
        for (const width of [360, 1200]) {
          await page.resize(width, 800);
          const seen = [...(await page.overflow()), ...(await page.audit()), ...(await page.spills())];
          assert.deepEqual(seen, [], `${width} px, ${scheme}`);
          if (!folder || browserName === 'webkit') continue; // its driver takes no pictures
          const path = `${folder}/run-${browserName}-${width}-${scheme}.png`;
          await (await page.native.$('#talk')).screenshot({ path });
        }
      });
    }
  }, { skip });
});

/** The page with a model that can write. @param {import('./demo-page.mjs').DemoPage} page @param {Uint8Array} file */
async function ready(page, file) {
  await page.click('#ask');
  await page.click('input[value="run"]');
  await page.pickBytes(file, 'tiny.gguf');
  await page.appears('#talk');
  await page.until('the focus', async () => (await page.focused()) === 'result-title');
}

/** @param {import('./demo-page.mjs').DemoPage} page @param {string} id */
const focus = (page, id) => page.run(id => /** @type {any} */ (document.querySelector(`#${id}`)).focus(), id);

/** What has the focus, tab after tab. @param {import('./demo-page.mjs').DemoPage} page @param {number} times */
async function tabs(page, times) {
  const order = [];
  for (let time = 0; time < times; time++) {
    await page.press('Tab');
    order.push(await page.focused());
  }
  return order;
}

/** @param {import('./demo-page.mjs').DemoPage} page @param {string} id @param {string} value */
const select = (page, id, value) =>
  page.run(([id, value]) => { /** @type {any} */ (document.querySelector(`#${id}`)).value = value; }, [id, value]);
