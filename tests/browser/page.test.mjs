// The demo page, as its users have it: with a mouse, with keys only, on a phone, with a hostile file.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test as nodeTest } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { duration, rounded } from '../../js/demo/format.js';
import { gguf } from '../../js/test/support/gguf.js';
import { onDemoPage } from './demo-page.mjs';
import { badTable, large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const target = (/** @type {string} */ path) => fileURLToPath(new URL(`../../target/${path}`, import.meta.url));
const MODEL = target('models/gemma-3-270m-q4_k_m.gguf');
const VOCABULARY = target('models/vocab/ggml-vocab-gpt-2.gguf');
const HOSTILE = target('corpus/padding_first_before_data.gguf');
const needs = (/** @type {string} */ path, /** @type {string} */ command) => !existsSync(path) && `${path.split('/').at(-1)} is not here: run \`${command}\``;
const sha256 = (/** @type {Uint8Array} */ bytes) => createHash('sha256').update(bytes).digest('hex');

const ATTACK = '<img src=x onerror="globalThis.attacked=1"><script>globalThis.attacked=1</script>';
const llama = () => gguf({
  metadata: {
    'general.architecture': 'llama', 'general.name': 'A small one', 'llama.context_length': 4096, 'llama.block_count': 2, 'general.file_type': 7,
    'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.tokens': ['a', 'b', 'c'], 'tokenizer.chat_template': 'x'.repeat(5000),
  },
  tensors: [{ name: 'token_embd.weight', bytes: 4096 }, { name: 'output.weight', bytes: 2000 }],
});

/** As `llama`, with a tensor of the type with the longest name, IQ2_XXS: 66 bytes for 256 elements. */
function quantised() {
  const file = gguf({
    metadata: { 'general.architecture': 'llama', 'tokenizer.ggml.tokens': ['a', 'b'], 'tokenizer.chat_template': 'x'.repeat(5000) },
    tensors: [{ name: 'token_embd.weight', bytes: 200_000 }, { name: 'output.weight', bytes: 66 * 4096 }],
  });
  const view = new DataView(file.buffer);
  const record = Buffer.from(file.buffer).indexOf('output.weight') + 'output.weight'.length + 4;
  view.setBigUint64(record, 256n * 4096n, true);
  view.setUint32(record + 8, 16, true);
  return file;
}

/**
 * Drops a file on the page: at once, or as soon as an element is there.
 *
 * @param {{ bytes: number[], name: string, when?: string }} drop
 */
const dropFile = ({ bytes, name, when }) => {
  const drop = () => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  };
  if (!when) return drop();
  new MutationObserver((_, observer) => {
    if (!document.querySelector(when)) return;
    observer.disconnect();
    drop();
  }).observe(document, { subtree: true, childList: true, attributes: true });
};

/** Workers of the page that live: each guest holds a lock. @param {import('./demo-page.mjs').DemoPage} page @returns {Promise<number>} */
const guests = page => page.run(async () => (await navigator.locks.query()).held?.filter(({ name }) => name?.startsWith('gguf-admission')).length);

nodeTest('numbers for people are rounded before their unit is chosen', () => {
  const numbers = [999, 999.9, 6100, 268_098_176, 999_499_999, 999_885_952, 1_235_814_432, 999_900_000_000];
  assert.deepEqual(numbers.map(number => rounded(number).replace('\u00a0', ' ')), ['999', '1 K', '6.1 K', '268 M', '999 M', '1 B', '1.24 B', '1 T']);
  const times = [0.2, 58.1, 59.5, 3540, 3541, 3599, 3601, 7141, 7199, 359_999];
  assert.deepEqual(times.map(duration), ['1 s', '59 s', '1 min', '59 min', '1 h 0 min', '1 h 0 min', '1 h 1 min', '2 h 0 min', '2 h 0 min', 'days']);
});

inEachBrowser((test, browserName) => {
  for (const thread of ['worker', 'page']) {
    test(`a picked file: facts, decision, digests and tables, with the guest in the ${thread}`, async given => {
      await onDemoPage(given, `index.html${thread === 'page' ? '?thread=page' : ''}`, async page => {
        await page.pickBytes(llama(), 'small.gguf');
        await page.appears('#decision');
        const facts = await page.text('#facts');
        for (const fact of ['llama', 'A small one', '2 layers', '4,096 tokens', '6.1 K', '2 tensors', 'Q8_0', 'gpt2', '3 tokens']) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
        assert.match(facts, /Memory needed[\d.]+ (KiB|MiB)/);
        assert.equal(await page.shows('#result'), false);
        assert.equal(await page.focused(), 'decision-title');

        await page.click('#go');
        await page.appears('#result');
        assert.ok((await page.text('#digests')).includes(sha256(llama())));
        assert.match(await page.text('#types'), /I8|F32|I32/);
        assert.equal(await page.focused(), 'result-title');
        assert.match(await page.text('#status'), /small\.gguf is admitted/);
        assert.ok((await page.text('#thread')).includes(thread === 'worker' ? 'in a worker' : 'own thread'));
        assert.match(await page.text('#memory-text'), /Guest memory: [\d.]+ MiB.*ABI v1 would need/);

        await page.click('[aria-label="Show tokenizer.ggml.tokens"]');
        await page.until('the tokens', async () => (await page.text('[aria-label="Value of tokenizer.ggml.tokens"]')).includes('2  "c"'));
        await page.click('[aria-label="Show tokenizer.chat_template"]');
        await page.until('the template', async () => (await page.text('[aria-label="Value of tokenizer.chat_template"]')).length === 5000);
        assert.equal(await page.text('[aria-label="Hide tokenizer.chat_template"]'), 'Hide');
        assert.deepEqual(await page.audit(), []);
      });
    });
  }

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
    test(`a cancel between the header and the decision: nobody is asked, with the guest in the ${thread}`, async given => {
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

  test('a file that comes between the header and the decision of another is the one that is asked about', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.run(() => {
        /** @type {any} */ (globalThis).asked = [];
        const decision = /** @type {any} */ (document.querySelector('#decision'));
        new MutationObserver(() => decision.hidden || /** @type {any} */ (globalThis).asked.push(document.querySelector('#run-title')?.textContent)).observe(decision, { attributes: true });
      });
      await page.run(dropFile, { bytes: [...llama()], name: 'second.gguf', when: '#facts dt' });
      await page.pickBytes(middle(), 'first.gguf');
      await page.until('the decision on the second', async () => (await page.text('#run-title')) === 'second.gguf' && (await page.shows('#decision')));
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
      await page.until('the next one', async () => (await page.text('#run-title')) === 'next.gguf' && (await page.shows('#result')));
      await sleep(200);
      assert.equal(await page.shows('#run'), true);
      assert.match(await page.text('#status'), /^next\.gguf is admitted/);
    });
  });

  test('the time that a decision takes does not count in the rate', async given => {
    await onDemoPage(given, 'index.html', async page => {
      const served = given.server.put({ body: large(8), rate: 1e6 });
      await page.load(served.url);
      await page.appears('#decision');
      await sleep(2500);
      await page.run(() => {
        /** @type {any} */ (globalThis).numbers = [];
        new MutationObserver(() => /** @type {any} */ (globalThis).numbers.push(document.querySelector('#numbers')?.textContent?.replaceAll('\u00a0', ' '))).observe(/** @type {Node} */ (document.querySelector('#numbers')), { childList: true });
      });
      await page.click('#go');
      /** @type {() => Promise<string[]>} */
      const numbers = () => page.run(() => /** @type {any} */ (globalThis).numbers);
      await page.until('a rate', async () => (await numbers()).filter(text => text.includes('/s')).length > 3);
      await page.click('#cancel');
      for (const text of await numbers()) assert.doesNotMatch(text, /\D([\d.]+ B|\d{1,2}(\.\d+)? KiB|[123]\d\d KiB)\/s/);
    });
  });

  test('cancel in the middle stops a download', async given => {
    await onDemoPage(given, 'index.html', async page => {
      const served = given.server.put({ body: large(8), rate: 1e6 });
      await page.click('#ask');
      await page.load(served.url);
      await page.until('some of the file', async () => / left/.test(await page.text('#numbers')) && /Reading the tensors|% of/.test(await page.text('#status')));
      assert.match(await page.text('#numbers'), /of 8\.00 MiB.*\/s.* left/);
      await page.click('#cancel');
      await page.until('the end', async () => (await page.text('#status')).startsWith('Cancelled'));
      await page.until('the end of the request', async () => served.requests[0].isOver);
      assert.ok(served.sent() < 6e6, `${served.sent()} bytes were sent`);
      assert.equal(await page.shows('#failure'), false);
      assert.equal(await page.focused(), 'file');
    });
  });

  test('a URL is loaded, also without a Content-Length, and resident', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.click('input[value="resident"]');
      for (const length of [undefined, false]) {
        await page.load(given.server.put({ body: middle(), length: /** @type {any} */ (length) }).url);
        await page.until('the result', async () => (await page.shows('#result')) && (await page.text('#status')).includes('is admitted'));
        assert.ok((await page.text('#digests')).includes(sha256(middle())));
        assert.equal(await page.text('#result-title'), 'Admitted, and in guest memory');
        assert.match(await page.text('#facts'), /File3\.\d+ MiBGGUF version 3/);
        await page.click('#release');
        await page.until('the release', async () => !(await page.shows('#result')));
      }
    });
  });

  test('a dropped file is taken, and one that comes while another is read takes its place', async given => {
    await onDemoPage(given, 'index.html', async page => {
      const served = given.server.put({ body: large(8), rate: 1e6 });
      await page.click('#ask');
      await page.load(served.url);
      await page.until('some of the file', async () => (await page.text('#status')).includes('Reading the tensors'));
      await page.run(() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([], 'dropped.gguf'));
        if (document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer, bubbles: true, cancelable: true }))) throw new Error('the page does not take files');
        if (!document.documentElement.classList.contains('dragging')) throw new Error('the page does not show that it takes files');
      });
      await page.run(dropFile, { bytes: [...llama()], name: 'dropped.gguf' });
      await page.until('the result', async () => (await page.text('#status')).startsWith('dropped.gguf is admitted'));
      assert.equal(await page.text('#run-title'), 'dropped.gguf');
      assert.ok(await page.run(() => !document.documentElement.classList.contains('dragging')));
      await page.until('the end of the first request', async () => served.requests[0].isOver);
    });
  });

  test('a bad table, a wrong digest, a page that is missing and a web page each say what is wrong', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.pickBytes(badTable());
      await page.appears('#failure');
      assert.equal(await page.text('#failure-title'), 'Not admitted: layout');
      const facts = await page.text('#failure-facts');
      assert.match(facts, /Offset[\d,]+ \(0x[0-9a-f]+\)Pathtensors\[1\]\.offsetExpected64Found96/);
      assert.equal(await page.focused(), 'failure-title');
      assert.equal(await page.text('#status'), 'Not admitted: layout');

      await page.run(() => { /** @type {any} */ (document.querySelector('#sha256')).value = 'ab'.repeat(32); });
      await page.pickBytes(middle());
      await page.until('the digest', async () => (await page.text('#failure-title')) === 'Not admitted: digest' && (await page.shows('#failure')));
      assert.ok((await page.text('#failure-facts')).includes(sha256(middle())));
      await page.run(() => { /** @type {any} */ (document.querySelector('#sha256')).value = 'no digest'; });
      await page.pickBytes(middle());
      await page.until('the option', async () => (await page.text('#failure-title')) === 'Cannot be done: argument');
      await page.run(() => { /** @type {any} */ (document.querySelector('#sha256')).value = ''; });

      await page.load(`${given.server.origin}/nowhere`);
      await page.until('the status', async () => (await page.text('#failure-title')) === 'Could not be read: http');
      await page.load('v1.html');
      await page.until('the web page', async () => (await page.text('#failure-title')) === 'Could not be read: html');
    });
  });

  test('a hostile file of the corpus is refused with its code, offset and path', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.pick(HOSTILE);
      await page.appears('#failure');
      assert.match(await page.text('#failure-facts'), /Codelayout.*Offset90 \(0x5a\).*Pathpadding/);
    });
  }, { skip: needs(HOSTILE, 'python3 tests/corpus/generate.py') });

  test('names and values of a hostile file are shown as text', async given => {
    const hostile = () => gguf({
      metadata: { 'general.architecture': ATTACK, 'general.name': ATTACK, 'general.file_type': ATTACK, 'tokenizer.ggml.model': ATTACK, [ATTACK]: ATTACK, [`${ATTACK}.list`]: [ATTACK], '__proto__': ATTACK, 'constructor': 'a' },
      tensors: [{ name: '<img src=x onerror="globalThis.attacked=1">' }, { name: '__proto__' }, { name: '\u202eright to left' }],
    });
    await onDemoPage(given, 'index.html', async page => {
      await page.pickBytes(hostile(), 'model<b>.gguf');
      await page.appears('#decision');
      await page.click('#go');
      await page.appears('#result');
      await page.click(`[aria-label^="Show <img"]`);
      await page.until('the list', async () => (await page.text('[aria-label^="Value of <img"]')).includes('onerror'));
      const seen = await page.run(() => ({ images: document.images.length, scripts: document.scripts.length, bold: document.querySelectorAll('main b:not(.digest b)').length, attacked: 'attacked' in globalThis }));
      assert.deepEqual(seen, { images: 0, scripts: 1, bold: 0, attacked: false });
      assert.ok((await page.text('#tensors')).includes('<img src=x'));
      assert.ok((await page.text('#facts')).includes('<script>'));
    });
  });

  test('the tables are searched and sorted, and 65,536 tensors do not hang the page', async given => {
    const many = () => gguf({ tensors: Array.from({ length: 65_536 }, (_, index) => ({ name: `blk.${index}.weight`, bytes: 32 + 32 * (index % 7) })) });
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.pickBytes(many());
      await page.appears('#result');
      assert.equal(await page.run(() => document.querySelectorAll('#tensors tbody tr').length), 100);
      const slowest = await page.run(async () => {
        const input = /** @type {any} */ (document.querySelector('#tensors input'));
        const times = [];
        for (const text of ['b', 'bl', 'blk.6', 'blk.65535', 'nothing like it', '']) {
          const began = performance.now();
          input.value = text;
          input.dispatchEvent(new Event('input', { bubbles: true }));
          document.body.getBoundingClientRect();
          times.push(performance.now() - began);
          if (text === 'blk.65535') times.push(...(document.querySelector('#tensors tbody')?.textContent?.includes('blk.65535.weight') ? [] : [Infinity]));
          if (text === 'nothing like it' && !document.querySelector('#tensors .more')?.textContent?.includes('Nothing matches')) times.push(Infinity);
          if (text === 'nothing like it' && !document.querySelector('#tensors .note')?.textContent?.startsWith('0 of 65,536')) times.push(Infinity);
        }
        return Math.max(...times);
      });
      assert.ok(slowest < 1000, `a search took ${slowest} ms`);
      await page.run(() => {
        const size = [...document.querySelectorAll('#tensors thead button')].find(button => button.textContent === 'Size');
        /** @type {any} */ (size).click();
        /** @type {any} */ (size).click();
      });
      assert.match(await page.text('#tensors tbody tr'), /224 B/);
      assert.equal(await page.run(() => document.querySelector('#tensors [aria-sort="descending"]')?.textContent), 'Size');
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
      assert.ok(await page.run(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle !== 'none'), 'the focus is not to be seen');
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

  test('nothing scrolls sideways at 360 px, and nothing is without name, order or contrast, in every stage', async given => {
    for (const scheme of browserName === 'chromium' ? ['light', 'dark'] : ['light']) {
      await onDemoPage(given, 'index.html', async page => {
        await page.resize(360, 740);
        if (browserName === 'chromium') await page.native.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
        const check = async (/** @type {string} */ stage) => assert.deepEqual([...(await page.overflow()), ...(await page.audit())], [], `${stage}, ${scheme}`);
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
  });

  test('the real model: its facts, its memory and its digest', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.pick(MODEL);
      await page.appears('#decision');
      const facts = await page.text('#facts');
      const needed = /Memory needed[\d.]+ MiB/.exec(facts)?.[0] ?? 'nothing';
      for (const fact of ['gemma3', '32,768 tokens', '268 M', 'Q4_K medium', '262,144 tokens', '241 MiB']) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
      await page.click('#go');
      await page.appears('#result');
      assert.ok((await page.text('#digests')).includes(sha256(readFileSync(MODEL))));
      const [, memory] = /Guest memory: ([\d.]+) MiB/.exec(await page.text('#memory-text')) ?? [];
      assert.ok(Number(memory) > 1 && Number(memory) < 20, `guest memory ${memory} MiB`);
      assert.ok((await page.text('#facts')).includes(needed), `${needed} is not what it says at the end`);
      assert.match(await page.text('#memory-text'), /refuses this file: its ceiling is 128 MiB/);
    });
  }, { skip: needs(MODEL, 'cargo xtask model'), timeout: 120_000 });

  test('a vocabulary: a file without tensors', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.pick(VOCABULARY);
      await page.appears('#decision');
      await page.click('#go');
      await page.appears('#result');
      assert.match(await page.text('#types'), /There are no tensors/);
    });
  }, { skip: needs(VOCABULARY, 'cargo xtask model') });
});
