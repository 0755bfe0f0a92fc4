// The demo page to the eye and the hand: hostile text, long tables, keys only, a phone.
import assert from 'node:assert/strict';
import { gguf } from '../../js/test/support/gguf.js';
import { onDemoPage } from './demo-page.mjs';
import { ATTACK, llama, quantised } from './page-kit.mjs';
import { badTable } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

inEachBrowser((test, browserName) => {
  test('names and values of a hostile file are shown as text', async given => {
    const hostile = () =>
      gguf({
        metadata: {
          'general.architecture': ATTACK,
          'general.name': ATTACK,
          'general.file_type': ATTACK,
          'tokenizer.ggml.model': ATTACK,
          [ATTACK]: ATTACK,
          [`${ATTACK}.list`]: [ATTACK],
          '__proto__': ATTACK,
          'constructor': 'a',
        },
        tensors: [
          { name: '<img src=x onerror="globalThis.attacked=1">' },
          { name: '__proto__' },
          { name: '\u202eright to left' },
        ],
      });
    await onDemoPage(given, 'index.html', async page => {
      await page.pickBytes(hostile(), 'model<b>.gguf');
      await page.appears('#decision');
      await page.click('#go');
      await page.appears('#result');
      await page.click(`[aria-label^="Show <img"]`);
      await page.until('the list', async () => (await page.text('[aria-label^="Value of <img"]')).includes('onerror'));
      const seen = await page.run(() => ({
        images: document.images.length,
        scripts: document.scripts.length,
        bold: document.querySelectorAll('main b:not(.digest b)').length,
        attacked: 'attacked' in globalThis,
      }));
      assert.deepEqual(seen, { images: 0, scripts: 1, bold: 0, attacked: false });
      assert.ok((await page.text('#tensors')).includes('<img src=x'));
      assert.ok((await page.text('#facts')).includes('<script>'));
    });
  });

  test('the tables are searched and sorted, with 65,536 tensors too', async given => {
    const many = () =>
      gguf({
        tensors: Array.from({ length: 65_536 }, (_, index) => ({
          name: `blk.${index}.weight`,
          bytes: 32 + 32 * (index % 7),
        })),
      });
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.pickBytes(many());
      await page.appears('#result');
      assert.equal(await page.run(() => document.querySelectorAll('#tensors tbody tr').length), 100);
      const unfound = await page.run(async () => {
        const input = /** @type {any} */ (document.querySelector('#tensors input'));
        const wrong = [];
        for (const text of ['b', 'bl', 'blk.6', 'blk.65535', 'nothing like it', '']) {
          input.value = text;
          input.dispatchEvent(new Event('input', { bubbles: true }));
          document.body.getBoundingClientRect();
          const shows = (part, words) => document.querySelector(`#tensors ${part}`)?.textContent?.includes(words);
          if (text === 'blk.65535' && !shows('tbody', 'blk.65535.weight')) wrong.push(text);
          if (text === 'nothing like it' && !shows('.more', 'Nothing matches')) wrong.push(text);
          if (text === 'nothing like it' && !shows('.note', '0 of 65,536')) wrong.push(`${text}: the count`);
        }
        return wrong;
      });
      assert.deepEqual(unfound, []);
      await page.run(() => {
        const size = [...document.querySelectorAll('#tensors thead button')].find(
          button => button.textContent === 'Size',
        );
        /** @type {any} */ (size).click();
        /** @type {any} */ (size).click();
      });
      assert.match(await page.text('#tensors tbody tr'), /224 B/);
      assert.equal(
        await page.run(() => document.querySelector('#tensors [aria-sort="descending"]')?.textContent),
        'Size',
      );
      await page.run(() => /** @type {any} */ (document.querySelector('#tensors .more button')).click());
      assert.equal(await page.run(() => document.querySelectorAll('#tensors tbody tr').length), 200);
    });
  });

  test('keys alone are enough: from the address to the search', async given => {
    const served = given.server.put({ body: llama() });
    await onDemoPage(given, 'index.html', async page => {
      const order = [];
      for (let step = 0; step < 6; step++) {
        await page.press('Tab');
        order.push(await page.focused());
        if (order.at(-1) === 'url') break;
      }
      assert.deepEqual(order, ['sink', 'file', 'url']);
      assert.ok(
        await page.run(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle !== 'none'),
        'the focus is not to be seen',
      );
      await page.type(served.url);
      await page.press('Enter');
      await page.appears('#decision');
      await page.until('the focus', async () => (await page.focused()) === 'decision-title');
      await page.press('Tab');
      assert.equal(await page.focused(), 'go');
      await page.press('Enter');
      await page.appears('#result');
      await page.until('the focus', async () => (await page.focused()) === 'result-title');
      let reached = '';
      for (let step = 0; step < 12 && !reached.startsWith('table-'); step++) {
        await page.press('Tab');
        reached = await page.focused();
      }
      await page.type('context');
      assert.match(await page.text('#metadata [role="status"]'), /1 of 8 match/);
    });
  });

  test('at 360 px nothing scrolls sideways or is without name, order or contrast, in every stage', async given => {
    for (const scheme of browserName === 'chromium' ? ['light', 'dark'] : ['light']) {
      await onDemoPage(given, 'index.html', async page => {
        await page.resize(360, 740);
        if (browserName === 'chromium')
          await page.native.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
        const check = async (/** @type {string} */ stage) =>
          assert.deepEqual([...(await page.overflow()), ...(await page.audit())], [], `${stage}, ${scheme}`);
        await check('idle');
        await page.click('summary');
        await check('options');
        await page.pickBytes(quantised(), `${'a-long-name-without-a-break'.repeat(6)}.gguf`);
        await page.appears('#decision');
        await check('asking');
        await page.click('#go');
        await page.appears('#result');
        await page.click('[aria-label="Show tokenizer.chat_template"]');
        await check('done');
        assert.match(await page.text('#types'), /IQ2_XXS/);
        assert.deepEqual(await page.spills(), [], scheme);
        await page.resize(1280, 800);
        await check('done, wide');
        await page.resize(360, 740);
        await page.pickBytes(badTable());
        await page.appears('#failure');
        await check('failed');
      });
    }
  }, { needs: ['emulated media'] });
});
