// The demo page when something comes between: a cancel, another file, a guest that ends, time that passes.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { onDemoPage } from './demo-page.mjs';
import { dropFile, guests, llama } from './page-kit.mjs';
import { badTable, large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

inEachBrowser(test => {
  test('cancel at the decision keeps nothing, and the same file is admitted at the next try', async given => {
    await onDemoPage(given, 'index.html', async page => {
      for (const way of ['#refuse', '#go']) {
        await page.pickBytes(middle());
        await page.appears('#decision');
        await page.click(way);
      }
      await page.appears('#result');
      assert.equal(await page.shows('#failure'), false);
    });
  });

  for (const thread of ['worker', 'page']) {
    test(`a cancel between header and decision: nobody is asked, with the guest in the ${thread}`, async given => {
      await onDemoPage(given, `index.html${thread === 'page' ? '?thread=page' : ''}`, async page => {
        await page.run(() => new MutationObserver((_, observer) => {
          observer.disconnect();
          /** @type {any} */ (document.querySelector('#cancel')).click();
        }).observe(/** @type {Node} */ (document.querySelector('#facts')), { childList: true }));
        await page.pickBytes(llama());
        await page.until('the end', async () => (await page.text('#status')).startsWith('Cancelled'));
        await sleep(300);
        assert.equal(await page.shows('#decision'), false);
        assert.equal(await page.shows('#cancel'), false);
        assert.match(await page.text('#status'), /^Cancelled/);
        assert.equal(await page.focused(), 'file');
      });
    });
  }

  test('a file that comes between header and decision of another is the one that is asked about', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.run(() => {
        /** @type {any} */ (globalThis).asked = [];
        const decision = /** @type {any} */ (document.querySelector('#decision'));
        new MutationObserver(
          () =>
            decision.hidden ||
            /** @type {any} */ (globalThis).asked.push(document.querySelector('#run-title')?.textContent),
        ).observe(decision, { attributes: true });
      });
      await page.run(dropFile, { bytes: [...llama()], name: 'second.gguf', when: '#facts dt' });
      await page.pickBytes(middle(), 'first.gguf');
      await page.until(
        'the decision on the second',
        async () => (await page.text('#run-title')) === 'second.gguf' && (await page.shows('#decision')),
      );
      await page.click('#go');
      await page.until('the result', async () => (await page.text('#status')).startsWith('second.gguf is admitted'));
      assert.deepEqual(await page.run(() => /** @type {any} */ (globalThis).asked), ['second.gguf']);
    });
  });

  test('a guest that ends while the page asks takes the question with it', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.run(() => {
        const Native = Worker;
        globalThis.Worker = class extends Native {
          constructor(/** @type {[any, any]} */ ...options) {
            super(...options);
            /** @type {any} */ (globalThis).lastWorker = this;
          }
        };
      });
      await page.pickBytes(llama());
      await page.appears('#decision');
      await page.run(() => /** @type {any} */ (globalThis).lastWorker.terminate());
      await page.appears('#failure');
      assert.equal(await page.text('#failure-title'), 'The guest ended: worker');
      assert.equal(await page.shows('#decision'), false);
      assert.equal(await page.shows('#cancel'), false);
      assert.equal(await page.focused(), 'failure-title');
    });
  });

  test('a cancel is heard while the guest is still being loaded, and the next file is not held up', async given => {
    await onDemoPage(given, 'index.html?thread=page', async page => {
      await page.click('#ask');
      await page.run(() => {
        const { fetch } = globalThis;
        globalThis.fetch = async (...asked) => {
          if (!String(/** @type {any} */ (asked[0]).url ?? asked[0]).includes('guest.wasm')) return fetch(...asked);
          globalThis.fetch = fetch;
          return new Promise(() => {});
        };
      });
      await page.pickBytes(middle());
      await page.appears('#cancel');
      await sleep(200);
      await page.click('#cancel');
      await page.until('the end', async () => (await page.text('#status')).startsWith('Cancelled'));
      await page.pickBytes(middle());
      await page.appears('#result');
    });
  });

  test('after a failure nothing looks busy', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.load(given.server.put({ status: 404 }).url);
      await page.appears('#failure');
      assert.equal(await page.run(() => document.querySelectorAll(':indeterminate').length), 0);
    });
  });

  test('after a cancel and after a refusal no guest is kept, nor its memory', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.pickBytes(middle());
      await page.appears('#decision');
      assert.equal(await guests(page), 1);
      await page.click('#refuse');
      await page.until('the end', async () => (await page.text('#status')).startsWith('Cancelled'));
      await page.until('the end of the guest', async () => (await guests(page)) === 0);
      await page.pickBytes(badTable());
      await page.appears('#failure');
      await page.until('the end of the guest', async () => (await guests(page)) === 0);
    });
  });

  test('a file that comes while a model is released is not hidden', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.pickBytes(llama());
      await page.appears('#result');
      await page.run(dropFile, { bytes: [...llama()], name: 'next.gguf', when: '#result[hidden]' });
      await page.click('#release');
      await page.until(
        'the next one',
        async () => (await page.text('#run-title')) === 'next.gguf' && (await page.shows('#result')),
      );
      await sleep(200);
      assert.equal(await page.shows('#run'), true);
      assert.match(await page.text('#status'), /^next\.gguf is admitted/);
    });
  });

  test('the time that a decision takes does not count in the rate', async given => {
    await onDemoPage(given, 'index.html?thread=page', async page => {
      const served = given.server.put({ body: large(8), rate: 1e6 });
      await page.load(served.url);
      await page.appears('#decision');
      await page.run(() => {
        // Ten thousand seconds pass while the page asks.
        const now = performance.now.bind(performance);
        performance.now = () => now() + 1e7;
        /** @type {any} */ (globalThis).numbers = [];
        new MutationObserver(() =>
          /** @type {any} */ (globalThis).numbers.push(
            document.querySelector('#numbers')?.textContent?.replaceAll('\u00a0', ' '),
          ),
        ).observe(/** @type {Node} */ (document.querySelector('#numbers')), { childList: true });
      });
      await page.click('#go');
      /** @type {() => Promise<string[]>} */
      const numbers = () => page.run(() => /** @type {any} */ (globalThis).numbers);
      await page.until('a rate', async () => (await numbers()).filter(text => text.includes('/s')).length > 3);
      await page.click('#cancel');
      for (const text of await numbers())
        assert.doesNotMatch(text, /\D([\d.]+ B|\d(\.\d+)? KiB)\/s/);
    });
  });

  test('cancel in the middle stops a download', async given => {
    await onDemoPage(given, 'index.html', async page => {
      const served = given.server.put({ body: large(8), rate: 1e6 });
      await page.click('#ask');
      await page.load(served.url);
      await page.until(
        'some of the file',
        async () =>
          / left/.test(await page.text('#numbers')) && /Reading the tensors|% of/.test(await page.text('#status')),
      );
      assert.match(await page.text('#numbers'), /of 8\.00 MiB.*\/s.* left/);
      await page.click('#cancel');
      await page.until('the end', async () => (await page.text('#status')).startsWith('Cancelled'));
      await page.until('the end of the request', async () => served.requests[0].isOver);
      assert.ok(served.sent() < 6e6, `${served.sent()} bytes were sent`);
      assert.equal(await page.shows('#failure'), false);
      assert.equal(await page.focused(), 'file');
    });
  });
});
