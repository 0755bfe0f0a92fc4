// Runs the same tests in each browser, one browser after the other.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { lacking, names, start, whyNot } from './drive.mjs';
import { serve } from './server.mjs';

/**
 * @typedef {object} Given
 * @property {import('./drive.mjs').Page} page  blank, with the kit loaded
 * @property {import('./drive.mjs').Browser} browser
 * @property {import('./server.mjs').Server} server
 */

/**
 * @typedef {object} DefineOptions
 * @property {number} [timeout]
 * @property {string | false} [skip]
 * @property {string[]} [needs]  what not every browser has: see `lacks` in drive.mjs
 */
/** @typedef {(title: string, run: (given: Given) => Promise<unknown>, options?: DefineOptions) => void} Define */

/**
 * A tab that a test left clean serves the next one too. After each test: no session lives, no reader is locked, no
 * handle is open, no `.part` or lock is left, the other model in the guest is as it was, and no failed promise was
 * nobody's.
 *
 * @param {(test: Define, name: string) => void} define
 * @param {string[]} [allNeed]  what every one of the tests needs
 */
export function inEachBrowser(define, allNeed = []) {
  for (const name of names) {
    const reason = whyNot(name);
    describe(`in ${name}`, () => {
      /** @type {import('./drive.mjs').Browser} */ let browser;
      /** @type {import('./server.mjs').Server} */ let server;
      /** @type {import('./drive.mjs').Page | undefined} */ let tab;
      if (!reason) {
        before(async () => {
          server = await serve();
          browser = await start(name);
        });
        after(async () => {
          await browser?.close();
          await server?.close();
        });
      }
      /** A new tab, and the storage of the one before swept. */
      const fresh = async () => {
        const page = await browser.open(`${server.origin}/pages/blank.html`);
        await page.run(() => kit.leftovers());
        return page;
      };
      define((title, run, { timeout = 60_000, skip = false, needs = [] } = {}) => {
        const lacks = lacking(name, [...allNeed, ...needs]);
        test(title, { timeout, skip: reason ?? (skip || lacks) }, async () => {
          const page = tab ?? (await fresh());
          tab = undefined;
          try {
            await run({ page, browser, server });
            assert.deepEqual(await page.run(() => kit.leftovers()), [], 'something was left behind');
            tab = page;
          } finally {
            if (!tab) await page.close();
          }
        });
      }, name);
    });
  }
}
