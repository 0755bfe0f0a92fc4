// The instruments see what they are there to see.
import assert from 'node:assert/strict';
import { inEachBrowser } from './suite.mjs';

inEachBrowser(test => {
  test('a clean page leaves nothing behind', async ({ page }) => {
    await page.run(() => kit.guest().then(() => {}));
  });

  test('a live session, a locked reader and an orphaned promise are noticed', async ({ page }) => {
    const found = await page.run(async () => {
      const guest = await kit.guest();
      guest.begin(10, 'verify');
      new Blob(['x']).stream().getReader();
      Promise.reject(new Error('alone'));
      return kit.leftovers();
    });
    assert.deepEqual(found, ['nobody handled: Error: alone', '1 streams are locked', '1 sessions are live']);
    await page.go(page.native.url());
  });

  test('a change to the other model is noticed', async ({ page }) => {
    const found = await page.run(async () => {
      const guest = await kit.guest();
      guest.release(guest.active());
      return kit.leftovers().catch(error => error.code);
    });
    assert.equal(found, 'handle');
    await page.go(page.native.url());
  });

  test('a .part file and a handle that is open, in the page or in a worker, are noticed', async ({ page }) => {
    const found = await page.run(async () => {
      const handle = await kit.written('a.part', new Uint8Array(3));
      globalThis.open = await handle.createWritable();
      const found = await kit.leftovers();
      await globalThis.open.abort();
      await kit.leftovers();
      return found;
    });
    // Chromium shows its swap file too.
    const own = found.filter(line => !line.startsWith('a.part.crswap'));
    assert.deepEqual(own, ['a.part was left', 'a.part is held open (NoModificationAllowedError)']);

    await page.runInWorker(async () => {
      const handle = await kit.written('b', new Uint8Array(3));
      globalThis.open = await handle.createSyncAccessHandle();
    });
    assert.equal(await page.run(async () => {
      const root = await navigator.storage.getDirectory();
      return root.removeEntry('b').then(() => 'removed', error => error.name);
    }), 'NoModificationAllowedError');
    await page.runInWorker(() => globalThis.open.close());
  }, { needs: ['private files'] });
});
