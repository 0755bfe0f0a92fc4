// The demo page, as its users have it: files picked, dropped and fetched, good ones and bad.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test as nodeTest } from 'node:test';
import { duration, rounded, sentence } from '../../js/demo/format.js';
import { onDemoPage } from './demo-page.mjs';
import { HOSTILE, MODEL, VOCABULARY, dropFile, llama, needs, sha256 } from './page-kit.mjs';
import { badTable, large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

nodeTest('numbers for people are rounded before their unit is chosen', () => {
  const numbers = [999, 999.9, 6100, 268_098_176, 999_499_999, 999_885_952, 1_235_814_432, 999_900_000_000];
  assert.deepEqual(
    numbers.map(number => rounded(number).replace('\u00a0', ' ')),
    ['999', '1 K', '6.1 K', '268 M', '999 M', '1 B', '1.24 B', '1 T'],
  );
  const times = [0.2, 58.1, 59.5, 3540, 3541, 3599, 3601, 7141, 7199, 359_999];
  assert.deepEqual(times.map(duration), [
    '1 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h 0 min',
    '1 h 0 min',
    '1 h 1 min',
    '2 h 0 min',
    '2 h 0 min',
    'days',
  ]);
});

nodeTest('a message is shown as a sentence, its numbers with commas, what is quoted as it is', () => {
  assert.equal(
    sentence('the file ends at byte 200000000, before byte 268098176'),
    'The file ends at byte 200,000,000, before byte 268,098,176',
  );
  const quoted = '"blk.12345.w" starts at 4096, see http://localhost:51234/m.gguf';
  assert.equal(sentence(quoted), '"blk.12345.w" starts at 4,096, see http://localhost:51234/m.gguf');
});

inEachBrowser(test => {
  for (const thread of ['worker', 'page']) {
    test(`a picked file: facts, decision, digests and tables, with the guest in the ${thread}`, async given => {
      await onDemoPage(given, `index.html${thread === 'page' ? '?thread=page' : ''}`, async page => {
        await page.pickBytes(llama(), 'small.gguf');
        await page.appears('#decision');
        const facts = await page.text('#facts');
        for (const fact of [
          'llama',
          'A small one',
          '2 layers',
          '4,096 tokens',
          '6.1 K',
          '2 tensors',
          'Q8_0',
          'gpt2',
          '3 tokens',
        ])
          assert.ok(facts.includes(fact), `${fact} in ${facts}`);
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
        assert.match(await page.text('#memory-text'), /Guest memory: [\d.]+ [KM]iB.*ABI v1 would need/);

        await page.click('[aria-label="Show tokenizer.ggml.tokens"]');
        await page.until('the tokens', async () =>
          (await page.text('[aria-label="Value of tokenizer.ggml.tokens"]')).includes('2  "c"'),
        );
        await page.click('[aria-label="Show tokenizer.chat_template"]');
        await page.until(
          'the template',
          async () => (await page.text('[aria-label="Value of tokenizer.chat_template"]')).length === 5000,
        );
        assert.equal(await page.text('[aria-label="Hide tokenizer.chat_template"]'), 'Hide');
        assert.deepEqual(await page.audit(), []);
      });
    });
  }

  test('a URL is loaded, also without a Content-Length, and resident', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.click('input[value="resident"]');
      for (const length of [undefined, false]) {
        await page.load(given.server.put({ body: middle(), length: /** @type {any} */ (length) }).url);
        await page.until(
          'the result',
          async () => (await page.shows('#result')) && (await page.text('#status')).includes('is admitted'),
        );
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
        if (document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer, bubbles: true, cancelable: true })))
          throw new Error('the page does not take files');
        if (!document.documentElement.classList.contains('dragging'))
          throw new Error('the page does not show that it takes files');
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
      await page.until(
        'the digest',
        async () => (await page.text('#failure-title')) === 'Not admitted: digest' && (await page.shows('#failure')),
      );
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

  test('a file that is cut short: the sentence, and a bar that stands where it ended', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.pickBytes(middle().subarray(0, 1_234_567));
      await page.appears('#failure');
      assert.equal(await page.text('#failure-title'), 'Not admitted: truncated');
      assert.match(await page.text('#failure-message'), /^The file ends at byte 1,234,567, before byte [\d,]+$/);
      const offset = await page.run(() => {
        const [, found] = /Offset([\d,]+)/.exec(document.querySelector('#failure-facts')?.textContent ?? '') ?? [];
        return Number(found?.replaceAll(',', ''));
      });
      const at = await page.run(() => /** @type {any} */ (document.querySelector('#bar')).value);
      assert.ok(at >= offset, `the bar stands at ${at}, the fault is at ${offset}`);
    });
  });

  test('an address that begins with a host is no file beside the page', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.load('nowhere.invalid/model.gguf');
      await page.appears('#failure');
      assert.match(await page.text('#failure-message'), /https:\/\/nowhere\.invalid\/model\.gguf/);
    });
  });

  test('a hostile file of the corpus is refused with its code, offset and path', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.pick(HOSTILE);
      await page.appears('#failure');
      assert.match(await page.text('#failure-facts'), /Codelayout.*Offset90 \(0x5a\).*Pathpadding/);
    });
  }, { skip: needs(HOSTILE, 'python3 tests/corpus/generate.py') });

  test(
    'the real model: its facts, its memory and its digest',
    async given => {
      await onDemoPage(given, 'index.html', async page => {
        await page.pick(MODEL);
        await page.appears('#decision');
        const facts = await page.text('#facts');
        const needed = /Memory needed[\d.]+ MiB/.exec(facts)?.[0] ?? 'nothing';
        for (const fact of ['gemma3', '32,768 tokens', '268 M', 'Q4_K medium', '262,144 tokens', '241 MiB'])
          assert.ok(facts.includes(fact), `${fact} in ${facts}`);
        await page.click('#go');
        await page.appears('#result');
        assert.ok((await page.text('#digests')).includes(sha256(readFileSync(MODEL))));
        const [, memory] = /Guest memory: ([\d.]+) MiB/.exec(await page.text('#memory-text')) ?? [];
        assert.ok(Number(memory) > 1 && Number(memory) < 20, `guest memory ${memory} MiB`);
        assert.ok((await page.text('#facts')).includes(needed), `${needed} is not what it says at the end`);
        assert.match(await page.text('#memory-text'), /refuses this file: its ceiling is 128 MiB/);
      });
    },
    { skip: needs(MODEL, 'cargo xtask model'), timeout: 120_000 },
  );

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
