// Two tabs and one stored file: what one of them reads the other does not take away.
import assert from 'node:assert/strict';
import { middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

inEachBrowser(test => {
  for (const isRemote of [false, true]) {
    const where = isRemote ? 'GuestWorker' : 'page';
    test(`a file that one tab admits again is neither removed nor replaced by another (${where})`, async ({
      page, browser, server,
    }) => {
      const { url } = server.put({ body: middle() });
      const second = await browser.open(`${server.origin}/pages/blank.html`);
      await page.run(async ({ url, isRemote }) => {
        const remote = isRemote ? (await kit.guestWorker()).guestWorker : undefined;
        const here = remote ? undefined : await kit.guest();
        const admit = options => remote
          ? remote.admitStored('m.gguf', url, options) : kit.admitStored(here, 'm.gguf', url, options);
        await (await admit({})).model.release();
        const gate = new Promise(resolve => (globalThis.goOn = resolve));
        await new Promise((resolve, reject) => {
          globalThis.reading = admit({ onHeader: () => (resolve(), gate) });
          globalThis.reading.catch(reject);
        });
      }, { url, isRemote });
      const seen = await second.run(async url => {
        const guest = await kit.guest();
        const replacing = kit.admitStored(guest, 'm.gguf', url, { sha256: '0'.repeat(64) });
        const faults = [await kit.fault(replacing), await kit.fault(kit.removeStored('m.gguf'))];
        const { model, found } = await kit.admitStored(guest, 'm.gguf', url);
        model.release();
        const [{ name, length }] = await kit.listStored();
        const { digests } = await kit.findStored('m.gguf');
        const told = faults.map(({ code, kind }) => [code, kind]);
        return { faults: told, found, name, length, known: Object.keys(digests) };
      }, url);
      const { length } = middle();
      assert.deepEqual(seen, {
        faults: [['locked', 'retry'], ['locked', 'retry']], found: true, name: 'm.gguf', length,
        known: ['sha256', 'blake3'],
      });
      const end = await page.run(async () => {
        globalThis.goOn();
        const { model, found } = await globalThis.reading;
        const { position } = model.report;
        await model.release();
        return [found, position];
      });
      assert.deepEqual(end, [true, length]);
      await second.run(() => kit.removeStored('m.gguf'));
      await second.close();
    });
  }
}, ['private files']);
