// The demo page keeps models: here next time, gone on where they stopped, pinned, removed. With keys only.
import assert from 'node:assert/strict';
import { onDemoPage } from './demo-page.mjs';
import { sha256 } from './page-kit.mjs';
import { large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const FILE = large(8);
const HELD = 5_000_000;

inEachBrowser(test => {
  test('a download that is cancelled goes on from the list of what is kept, also on the next visit', async given => {
    const served = given.server.put(({ count }) => ({
      body: FILE, etag: '"one"', ...(count === 1 && { hold: new Promise(() => {}), holdAt: HELD }),
    }));
    await onDemoPage(given, 'index.html', async page => {
      const focus = (/** @type {string} */ id) => page.run(id => document.getElementById(id)?.focus(), id);
      const says = (/** @type {string} */ text) =>
        page.until(text, async () => (await page.text('#status')).includes(text));
      assert.equal(await page.shows('#kept'), false);
      await page.click('#ask');
      await focus('keep');
      await page.press(' ');
      await page.load(`${served.url}?signature=secret`);
      await page.until('bytes', async () => /[3-9]\.\d+ MiB of/.test(await page.text('#numbers')));
      await focus('cancel');
      await page.press('Enter');
      await says('Cancelled.');
      assert.match(await page.text('#status'), /[234](\.\d+)? MiB are kept: it goes on from there\.$/);
      assert.match(await page.text('#kept-list'), /MiB of a download are here, the rest is missing/);
      for (const width of [360, 1200]) {
        await page.resize(width, 800);
        assert.deepEqual([await page.overflow(), await page.spills(), await page.audit()], [[], [], []], `${width}`);
      }

      const onDisk = await page.run(() => Object.values(localStorage).join());
      assert.doesNotMatch(onDisk, /secret/, 'what may be signed stays in this tab');

      await page.native.reload();
      await page.appears('#kept-go-on-0');
      await page.click('#ask');
      await focus('kept-go-on-0');
      await page.press('Enter');
      await says('is admitted');
      assert.match(await page.text('#status'), /every byte checked\. It is kept here now\.$/);
      assert.ok((await page.text('#digests')).includes(sha256(FILE)));
      const from = Number(/^bytes=(\d+)-$/.exec(served.requests[1].range ?? '')?.[1]);
      assert.ok(from >= 2 * 2 ** 20 && served.requests[1].sent === FILE.length - from, String(from));
      const remembered = await page.run(() => [localStorage, sessionStorage].flatMap(each => Object.values(each)));
      assert.deepEqual(remembered, ['{}'], 'the address is forgotten');

      await focus('kept-pin-0');
      await page.press('Enter');
      await says('is pinned: it stays.');
      assert.match(await page.text('#kept-list'), /8\.00 MiB · stored just now · pinned · SHA-256/);
      assert.deepEqual(
        [await page.focused(), await page.run(() => document.activeElement?.getAttribute('aria-pressed'))],
        ['kept-pin-0', 'true'],
      );
      await focus('kept-open-0');
      await page.press('Enter');
      await says('It was kept here.');
      assert.equal(served.requests.length, 2, 'nothing is fetched for what is kept');
      await page.until('last used', async () => /last used just now/.test(await page.text('#kept-list')));

      await page.run(() => void (/** @type {any} */ (document.querySelector('#kept-gib')).value = '0.01'));
      await focus('kept-free');
      await page.press('Enter');
      await says('There is room for 10.2 MiB: nothing had to go.');
      await page.click('#release');
      await says('released');
      await focus('kept-remove-0');
      await page.press('Enter');
      await says('is removed.');
      assert.equal(await page.shows('#kept'), false);
    });
  }, { timeout: 120_000, needs: ['private files'] });

  test('a download goes on in another tab by its address, unless that may be signed', async given => {
    const served = given.server.put({ body: FILE, etag: '"one"', hold: new Promise(() => {}), holdAt: HELD });
    for (const [query, isKnown] of /** @type {const} */ ([['', true], ['?signature=secret', false]])) {
      await onDemoPage(given, 'index.html', async page => {
        await page.click('#ask');
        await page.click('#keep');
        await page.load(served.url + query);
        await page.until('bytes', async () => /[3-9]\.\d+ MiB of/.test(await page.text('#numbers')));
        await page.click('#cancel');
        await page.until('cancelled', async () => (await page.text('#status')).includes('Cancelled.'));
      });
      await onDemoPage(given, 'index.html', async page => {
        await page.appears('#kept-list li');
        assert.equal(await page.shows('#kept-go-on-0'), isKnown);
        assert.equal(/choose it again to go on/.test(await page.text('#kept-list')), !isKnown);
        await page.click('#kept-remove-0');
        await page.until('removed', async () => !(await page.shows('#kept')));
      });
    }
  }, { needs: ['private files'] });

  test('two files of one name are two models, and a name that is markup is text', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.click('#keep');
      for (const [file, count] of /** @type {const} */ ([[middle(), 1], [large(1), 2], [middle(), 3]])) {
        await page.pickBytes(file, '<b>model.gguf');
        await page.until(`${count}`, async () => (await page.run(() =>
          document.querySelectorAll('#kept-list li').length)) === count && page.shows('#result'));
      }
      const seen = await page.run(() => ({
        bold: document.querySelectorAll('#kept-list b').length,
        names: [...document.querySelectorAll('#kept-list strong')].map(({ textContent }) => textContent),
      }));
      assert.deepEqual(seen, { bold: 0, names: Array(3).fill('<b>model.gguf') });
      await page.run(async () => {
        const { listStored, removeStored } = await import('../index.js');
        for (const { name } of await listStored()) await removeStored(name);
      });
    });
  }, { needs: ['private files'] });
});
