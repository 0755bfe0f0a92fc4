// Models stored in the private file system while they are admitted: tabs that wait, tabs that die, disks that are full.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { start } from './drive.mjs';
import { large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const noModel = !existsSync(MODEL) && 'the real model is not here: cargo xtask model';

inEachBrowser((test, browserName) => {
  for (const where of ['on the page', "in a worker of the page's own", 'in a GuestWorker']) {
    test(`what is admitted is stored, and found and admitted again by its BLAKE3, ${where}`, async ({
      page,
      server,
    }) => {
      const served = server.put({ body: middle() });
      const run = where.includes('own') ? page.runInWorker : page.run;
      const result = await run(
        async ({ url, isRemote }) => {
          const remote = isRemote ? await kit.loadGuestWorker() : undefined;
          const here = remote ? undefined : await kit.guest();
          const admitStored = (...args) => (remote ? remote.admitStored(...args) : kit.admitStored(here, ...args));
          const first = await admitStored('m.gguf', url);
          await first.model.release();
          const file = await kit.findStored('m.gguf');
          const bytes = new Uint8Array(await (await file.file.getFile()).arrayBuffer());
          const isSame = kit.same(bytes, kit.models.middle());
          const second = await admitStored('m.gguf', url, { sink: 'resident' });
          const { length } = await second.model.tensor('tensor.0');
          await second.model.release();
          const [one, two] = [first.model.report.digests, second.model.report.digests];
          await kit.removeStored('m.gguf');
          await remote?.close();
          const names = [];
          for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
          return {
            found: [first.found, second.found],
            isSame,
            length,
            digests: [Object.keys(one), Object.keys(two)],
            recorded: second.model.report.recorded,
            isEqual: one.sha256 === two.sha256 && one.blake3 === two.blake3 && two.blake3 === file.digests.blake3,
            names,
          };
        },
        { url: served.url, isRemote: where.includes('Guest') },
      );
      assert.deepEqual(result, {
        found: [false, true],
        isSame: true,
        length: 2 ** 21,
        digests: [['sha256', 'blake3'], ['sha256', 'blake3']],
        recorded: ['sha256'],
        isEqual: true,
        names: [],
      });
      assert.equal(served.requests.length, 1);
    });

    test(`of what is not admitted nothing stays, ${where}`, async ({ page, server }) => {
      const broken = server.put({ body: middle(), breakAt: 2_000_000 });
      const short = server.put({ body: middle(), endAt: 3_000_000, length: false });
      const run = where.includes('own') ? page.runInWorker : page.run;
      const result = await run(
        async ({ broken, short, isRemote }) => {
          const remote = isRemote ? (await kit.guestWorker()).guestWorker : undefined;
          const here = remote ? undefined : await kit.guest();
          const admit = (source, options) =>
            remote ? remote.admit(source, options) : kit.admit(here, source, options);
          const bytes = kit.models.middle();
          const abort = new AbortController();
          const fail = error => {
            throw error;
          };
          const tee = kit.opfsTee;
          const cases = {
            magic: [new Blob(['no model']), {}],
            layout: [kit.models.badTable(), {}],
            truncated: [short, {}],
            digest: [new Blob([bytes]), { sha256: '00'.repeat(32) }],
            source: [broken, { retries: 0 }],
            RangeError: [new Blob([bytes]), { onHeader: () => fail(new RangeError()) }],
            SyntaxError: [
              new Blob([bytes]),
              { tee: [tee('m.gguf'), { write: (_, offset) => offset > 1e6 && fail(new SyntaxError()) }] },
            ],
            EvalError: [
              new Blob([bytes]),
              { tee: [{ write() {}, close: () => fail(new EvalError()) }, tee('m.gguf')] },
            ],
            AbortError: [
              kit.controlled(bytes, { onPull: (_, offset) => offset > 2e6 && abort.abort(), piece: 100_000 }).stream,
              { signal: abort.signal },
            ],
          };
          const found = {};
          for (const [expected, [source, options]] of Object.entries(cases)) {
            const { code, name } = await kit.fault(admit(source, { tee: tee('m.gguf'), ...options }));
            found[expected] = [code ?? name];
            for await (const name of (await navigator.storage.getDirectory()).keys()) found[expected].push(name);
          }
          return found;
        },
        { broken: broken.url, short: short.url, isRemote: where.includes('Guest') },
      );
      for (const [expected, seen] of Object.entries(result)) assert.deepEqual(seen, [expected]);
    });
  }

  test('of two tabs one downloads, the other waits and finds the file', async ({ page, browser, server }) => {
    const gate = opened();
    const served = server.put({ body: middle(), hold: gate.promise, holdAt: 1_000_000 });
    const second = await browser.open(`${server.origin}/pages/blank.html`);
    try {
      const admitted = [page, second].map(async (tab, index) => {
        await sleep(300 * index);
        return tab.run(admitInWorker, { url: served.url });
      });
      await until(() => served.sent() >= 1_000_000);
      await sleep(1000);
      assert.equal(served.requests.length, 1);
      gate.open();
      const results = await Promise.all(admitted);
      assert.deepEqual(results.map(({ found }) => found), [false, true]);
      assert.equal(results[0].blake3, results[1].blake3);
      assert.equal(served.requests.length, 1);
    } finally {
      await second.close();
    }
  });

  test('of two tabs one is closed in mid-download: the other cleans up after it, and downloads', async ({
    page,
    browser,
    server,
  }) => {
    const body = middle();
    const never = new Promise(() => {});
    const served = server.put(({ count }) => ({ body, ...(count === 1 && { hold: never, holdAt: 2_000_000 }) }));
    const doomed = await browser.open(`${server.origin}/pages/blank.html`);
    const lost = doomed.run(admitInWorker, { url: served.url }).catch(() => 'lost');
    await until(() => served.sent() >= 2_000_000);
    await until(() => page.run(async () => {
      const root = await navigator.storage.getDirectory();
      const names = [];
      for await (const name of root.keys()) names.push(name);
      return names.includes('m.gguf.part');
    }));
    const waiting = page.run(admitInWorker, { url: served.url });
    await sleep(500);
    assert.equal(served.requests.length, 1);
    await doomed.close();
    const { found, position } = await waiting;
    await lost;
    assert.deepEqual([found, position, served.requests.length], [false, body.length, 2]);
  });

  test('what a tab that was closed has left is cleaned up by the next', async ({ page, browser, server }) => {
    const body = middle();
    const never = new Promise(() => {});
    const served = server.put(({ count }) => ({ body, ...(count === 1 && { hold: never, holdAt: 2_000_000 }) }));
    const doomed = await browser.open(`${server.origin}/pages/blank.html`);
    doomed.run(admitInWorker, { url: served.url }).catch(() => {});
    await until(() => served.sent() >= 2_000_000);
    await sleep(300);
    await doomed.close();
    const { found, names } = await page.run(admitInWorker, { url: served.url });
    assert.deepEqual([found, names], [false, ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']]);
  });

  test('what a worker that crashed while storing has left is gone when the error comes; what was stored stays', async ({
    page,
    server,
  }) => {
    const never = new Promise(() => {});
    const whole = server.put({ body: middle() });
    const held = server.put({ body: large(8), hold: never, holdAt: 900_000 }); // before a group is whole
    const result = await page.run(async ({ whole, held, length }) => {
      const names = async () => {
        const found = [];
        for await (const name of (await navigator.storage.getDirectory()).keys()) found.push(name);
        return found.sort();
      };
      const found = [];
      for (const admit of [
        guest => guest.admit(held, { tee: kit.opfsTee('m.gguf') }),
        guest => guest.admitStored('m.gguf', held),
        guest => guest.admitStored('old.gguf', held, { length }),
      ]) {
        const { guestWorker, native } = await kit.guestWorker();
        if ((await names()).length === 0) await (await guestWorker.admitStored('old.gguf', whole)).model.release();
        const running = kit.fault(admit(guestWorker));
        while (!(await names()).some(name => name.endsWith('.part'))) await kit.sleep(20);
        native.terminate();
        const { kind } = await running;
        found.push([kind, ...(await names()), (await kit.findStored('old.gguf')).length]);
      }
      return found;
    }, { whole: whole.url, held: held.url, length: large(8).length });
    const left = ['dead', 'old.gguf', 'old.gguf.digests', 'old.gguf.evidence', middle().length];
    assert.deepEqual(result, [left, left, left]);
  });

  test('what a tab that stored on its page has left is cleaned up by the next', async ({ page, browser, server }) => {
    const body = middle();
    const served = server.put(({ count }) => ({
      body,
      ...(count === 1 && { hold: new Promise(() => {}), holdAt: 2_000_000 }),
    }));
    const doomed = await browser.open(`${server.origin}/pages/blank.html`);
    await doomed.run(async url => void kit.admitStored(await kit.guest(), 'm.gguf', url).catch(() => {}), served.url);
    await until(() => served.sent() >= 2_000_000);
    await sleep(300);
    await doomed.close();
    const { found, names } = await page.run(admitInWorker, { url: served.url });
    // The swap file of a page that is gone is Chromium's to delete.
    const own = names.filter(name => !name.endsWith('.crswap'));
    assert.deepEqual([found, own], [false, ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']]);
  });

  test('of a damaged file one MiB is fetched again, and the file is found', async ({ page, server }) => {
    const served = server.put({ body: middle() });
    const result = await page.run(async url => {
      const guest = await kit.guest();
      (await kit.admitStored(guest, 'm.gguf', url)).model.release();
      const { file } = await kit.findStored('m.gguf');
      const writable = await file.createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position: 2_000_000, data: Uint8Array.of(1, 2, 3) });
      await writable.close();
      const again = await kit.admitStored(guest, 'm.gguf', url);
      again.model.release();
      const bytes = new Uint8Array(await (await (await kit.findStored('m.gguf')).file.getFile()).arrayBuffer());
      return [again.found, kit.same(bytes, kit.models.middle())];
    }, served.url);
    assert.deepEqual(result, [true, true]);
    assert.deepEqual(served.requests.map(({ range }) => range), [undefined, `bytes=${2 ** 20}-${2 ** 21 - 1}`]);
  });

  test('a quota that ends in the middle is an error of the code quota and leaves nothing', async ({
    page,
    browser,
    server,
  }) => {
    const { url } = server.put({ body: large(24) });
    const attempt = async url => {
      const { guestWorker } = await kit.guestWorker();
      const faults = [];
      faults.push(await kit.fault(kit.admit(await kit.guest(), url, { tee: kit.opfsTee('m.gguf') })));
      faults.push(await kit.fault(guestWorker.admit(url, { tee: kit.opfsTee('m.gguf') })));
      const names = [];
      for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
      return [
        names,
        ...faults.map(({ code, kind, message }) => [code, kind, /no room to store m\.gguf/.test(message)]),
      ];
    };
    const expected = [[], ['quota', 'retry', true], ['quota', 'retry', true]];
    if (browser.limitStorage) {
      const lift = await browser.limitStorage(page, server.origin, 8 * 2 ** 20);
      assert.deepEqual(await page.run(attempt, url), expected);
      return lift();
    }
    const narrow = await start(browserName, { storage: 12 * 2 ** 20 });
    try {
      const tab = await narrow.open(`${server.origin}/pages/blank.html`);
      assert.deepEqual(await tab.run(attempt, url), expected);
      assert.deepEqual(await tab.run(() => kit.leftovers()), []);
    } finally {
      await narrow.close();
    }
  });

  test(
    'the real model is stored as it is admitted, and admitted again from there',
    async ({ page, server }) => {
      const result = await page.run(async url => {
        const guest = await kit.loadGuestWorker();
        const found = [];
        for (const sink of ['verify', 'verify', 'resident']) {
          const began = performance.now();
          const { model, ...rest } = await guest.admitStored('gemma.gguf', url, { sink });
          found.push([sink, rest.found, model.report.position, Math.round(performance.now() - began)]);
          await model.release();
        }
        await guest.close();
        return found;
      }, `${server.origin}/files/models/gemma-3-270m-q4_k_m.gguf`);
      console.log(
        `# ${browserName}: ${result
          .map(([sink, found, , time]) => `${sink} ${found ? 'from the store' : 'and stored'} ${time} ms`)
          .join(', ')}`,
      );
      assert.deepEqual(
        result.map(([, found, position]) => [found, position]),
        [
          [false, 253_113_024],
          [true, 253_113_024],
          [true, 253_113_024],
        ],
      );
    },
    { timeout: 180_000, skip: noModel },
  );
}, ['private files']);

/** @param {{ url: string }} arg */
async function admitInWorker({ url }) {
  const guest = await kit.loadGuestWorker();
  const { model, found } = await guest.admitStored('m.gguf', url, { retries: 0 });
  const { position, digests: { blake3 } } = model.report;
  await guest.close();
  const names = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
  return { found, position, blake3, names: names.sort() };
}

/** A promise that is settled from outside. */
function opened() {
  /** @type {(value?: unknown) => void} */ let open = () => {};
  const promise = new Promise(resolve => (open = resolve));
  return { promise, open };
}

/** @param {() => unknown} condition */
async function until(condition) {
  for (let wait = 0; !(await condition()); wait++) {
    assert.ok(wait < 500, `still waiting until ${condition}`);
    await sleep(20);
  }
}
