// The store as a whole in real browsers: what is in it, room, tensors from the disk, damage, two tabs.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { start } from './drive.mjs';
import { large, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const MIB = 2 ** 20;
const PLACES = ['on the page', "in a worker of the page's own", 'in a GuestWorker'];

inEachBrowser((test, browserName) => {
  for (const where of PLACES) {
    test(`tensors are read from the disk and proven; what is open is locked, ${where}`, async ({ page, server }) => {
      const served = server.put({ body: middle() });
      const run = where.includes('own') ? page.runInWorker : page.run;
      const result = await run(async ({ url, isRemote }) => {
        const remote = isRemote ? (await kit.guestWorker()).guestWorker : undefined;
        const here = remote ? undefined : await kit.guest();
        const asked = [];
        const options = { onHeader: report => void asked.push(report.tensors.length) };
        const admit = () => remote
          ? remote.admitStored('m.gguf', url, options) : kit.admitStored(here, 'm.gguf', url, options);
        const open = () => (remote ? remote.openStored('m.gguf') : kit.openStored(here, 'm.gguf'));
        const nothing = await open();
        await (await admit()).model.release();
        const model = await open();
        const file = kit.models.middle();
        const seen = [];
        for (const { name, offset, bytes } of model.report.tensors) {
          seen.push(kit.same(await model.tensor(name), file.subarray(offset, offset + bytes)));
          const part = await model.tensor(name, { start: 3, end: bytes - 3 });
          seen.push(kit.same(part, file.subarray(offset + 3, offset + bytes - 3)));
        }
        const { length } = await model.metadata('tokenizer.ggml.tokens');
        const { code, kind } = await kit.fault(kit.removeStored('m.gguf'));
        await model.release();

        const { file: handle } = await kit.findStored('m.gguf');
        await kit.flip(handle, 2_000_000);
        const damaged = await open();
        const fault = await kit.fault(damaged.tensor('tensor.0'));
        await damaged.release();
        const mended = await admit();
        await mended.model.release();
        const whole = await (await (await kit.findStored('m.gguf')).file.getFile()).arrayBuffer();
        await kit.removeStored('m.gguf');
        return {
          nothing: nothing === undefined, asked, seen, length, locked: [code, kind], found: mended.found,
          damaged: [fault.code, fault.kind, fault.offset, fault.path], isWhole: kit.same(new Uint8Array(whole), file),
        };
      }, { url: served.url, isRemote: where.includes('Guest') });
      assert.deepEqual(result, {
        nothing: true, asked: [3, 3], seen: Array(6).fill(true), length: 20_000, locked: ['locked', 'retry'],
        found: true, damaged: ['damaged', 'source', MIB, 'tensors[0]'], isWhole: true,
      });
      assert.deepEqual(served.requests.map(({ range }) => range), [undefined, `bytes=${MIB}-${2 * MIB - 1}`]);
    });
  }

  for (const where of PLACES) {
    test(`what watches a damaged file sees it whole, mended from a File of the user's, ${where}`, async ({ page }) => {
      const run = where.includes('own') ? page.runInWorker : page.run;
      const result = await run(async isRemote => {
        const remote = isRemote ? (await kit.guestWorker()).guestWorker : undefined;
        const here = remote ? undefined : await kit.guest();
        const file = kit.models.large(12);
        const again = new File([file], 'again.gguf');
        const admit = (source, options) => remote
          ? remote.admitStored('m.gguf', source, options) : kit.admitStored(here, 'm.gguf', source, options);
        await (await admit(again)).model.release();
        const { file: handle } = await kit.findStored('m.gguf');
        for (const at of [3, 2_000_000, file.length - 1]) await kit.flip(handle, at);
        const seen = new Uint8Array(file.length);
        const told = [];
        const tee = {
          write: (bytes, offset) => void (seen.set(bytes, offset), told.push(offset)),
          close: () => void told.push('closed'), abort: () => void told.push('aborted'),
        };
        const { model, found } = await admit(again, { tee });
        await model.release();
        const whole = await (await (await kit.findStored('m.gguf')).file.getFile()).arrayBuffer();
        const inOrder = told.slice(0, -1).every((offset, index) => index === 0 || offset > told[index - 1]);
        return [found, kit.same(seen, file), told.at(-1), inOrder, kit.same(new Uint8Array(whole), file)];
      }, where.includes('Guest'));
      assert.deepEqual(result, [true, true, 'closed', true, true]);
    });
  }

  test('room is made of what was used the longest time ago, and a store that need not be is done without', async ({
    page, browser, server,
  }) => {
    const { url } = server.put({ body: large(24) });
    const attempt = async url => {
      const { guestWorker } = await kit.guestWorker();
      const names = async () => (await kit.listStored()).map(({ name, pinned }) => name + (pinned ? ' pinned' : ''));
      for (const name of ['a', 'b', 'c', 'd']) {
        const { model } = await guestWorker.admitStored(name, new Blob([kit.models.large(1.875)]));
        await model.release();
      }
      (await kit.openStored(await kit.guest(), 'a')).release();
      await kit.pinStored('b');
      const all = await kit.listStored();
      const told = all.map(({ length, bytes, kept, usedAt, storedAt }) =>
        [length, bytes > length, kept, usedAt > storedAt, storedAt > Date.now() - 60_000]);
      const seen = [await names()];
      seen.push(await guestWorker.makeRoom(2 ** 20), await guestWorker.makeRoom(3 * 2 ** 20), await names());
      const { model } = await guestWorker.admitStored('m.gguf', url, { store: 'optional' });
      const { stored, storeFault, report: { position } } = model;
      await model.release();
      const { code, expected } = await kit.fault(guestWorker.makeRoom(60 * 2 ** 20));
      const onPage = await kit.fault(kit.admitStored(await kit.guest(), 'p.gguf', url));
      for (const { name } of await kit.listStored()) await kit.removeStored(name);
      const without = [stored, storeFault.code, position];
      return { told, seen, without, none: [code, expected], onPage: [onPage.code, onPage.expected] };
    };
    const { length } = large(1.875);
    const expected = {
      told: ['a', 'b', 'c', 'd'].map(name => [length, true, 0, name === 'a', true]),
      seen: [['a', 'b pinned', 'c', 'd'], [], ['c'], ['a', 'b pinned', 'd']],
      without: [false, 'quota', large(24).length],
      none: ['quota', String(60 * MIB)],
      onPage: ['quota', String(large(24).length)],
    };
    // Four files of nearly 2 MiB, and some left. Chromium asks for a power of two, 4 MiB for 3; Firefox gives a site
    // a part of what all may store, 10 MiB at least.
    const storage = browser.limitStorage ? 4 * length + 2.5 * MIB : 12 * MIB;
    if (browser.limitStorage) {
      const lift = await browser.limitStorage(page, server.origin, storage);
      assert.deepEqual(await page.run(attempt, url), expected);
      return lift();
    }
    const narrow = await start(browserName, { storage });
    try {
      const tab = await narrow.open(`${server.origin}/pages/blank.html`);
      assert.deepEqual(await tab.run(attempt, url), expected);
      assert.deepEqual(await tab.run(() => kit.leftovers()), []);
    } finally {
      await narrow.close();
    }
  });

  test('a second tab sees how far the first is, and takes over where it stood when that is closed', async ({
    page, browser, server,
  }) => {
    const body = large(8);
    const never = new Promise(() => {});
    const etag = '"one"';
    const served = server.put(({ count }) => ({ body, etag, ...(count === 1 && { hold: never, holdAt: 5_000_000 }) }));
    const doomed = await browser.open(`${server.origin}/pages/blank.html`);
    const lost = doomed.run(async url => {
      const guest = await kit.loadGuestWorker();
      await guest.admitStored('m.gguf', url);
    }, served.url).catch(() => 'lost');
    await until(() => page.run(async () => ((await kit.listStored())[0]?.kept ?? 0) >= 4 * 2 ** 20));
    await page.run(async url => {
      const seen = (globalThis.seen = []);
      const { guestWorker } = await kit.guestWorker();
      globalThis.waiting = guestWorker.admitStored('m.gguf', url, { onProgress: event => void seen.push(event) });
    }, served.url);
    await until(() => page.run(() => globalThis.seen.length > 0));
    const first = await page.run(() => globalThis.seen[0]);
    assert.ok(first.elsewhere && first.bytes >= 4 * MIB && first.total === body.length, JSON.stringify(first));
    await doomed.close();
    const [found, position, kept] = await page.run(async () => {
      const { model, found } = await globalThis.waiting;
      const { position } = model.report;
      await model.release();
      return [found, position, globalThis.seen.at(-1).kept];
    });
    await lost;
    assert.deepEqual([found, position], [false, body.length]);
    assert.ok(kept >= 4 * MIB, `${kept} bytes were kept`);
    assert.deepEqual(served.requests.map(({ range }) => range), [undefined, `bytes=${kept}-`]);
  });

  // Firefox asks its user, and waits.
  if (browserName === 'chromium') {
    test('a page asks the browser to keep what is stored', async ({ page }) => {
      assert.equal(typeof (await page.run(() => kit.persistStored())), 'boolean');
      assert.equal((await page.runInWorker(() => kit.fault(kit.persistStored()))).code, 'unsupported');
    });
  }
}, ['private files']);

/** @param {() => unknown} condition */
async function until(condition) {
  for (let wait = 0; !(await condition()); wait++) {
    assert.ok(wait < 500, `still waiting until ${condition}`);
    await sleep(20);
  }
}
