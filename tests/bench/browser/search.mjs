// The demo page's search in a table of 65,536 tensors: how long a letter takes to be answered on the page.
import { gguf } from '../../../js/test/support/gguf.js';
import { onDemoPage } from '../../browser/demo-page.mjs';

const TENSORS = 65_536;
const TEXTS = ['b', 'bl', 'blk.6', 'blk.65535', 'nothing like it', ''];

/**
 * @param {import('../../browser/drive.mjs').Browser} browser
 * @param {import('../../browser/server.mjs').Server} server
 * @param {number} rounds
 * @returns {Promise<Record<string, number[]>>} milliseconds for each text, of each round
 */
export async function measureSearch(browser, server, rounds) {
  const file = gguf({
    metadata: { 'general.architecture': 'llama' },
    tensors: Array.from({ length: TENSORS }, (_, index) => ({ name: `blk.${index}.weight`, bytes: 32 })),
  });
  /** @type {Record<string, number[]>} */ let taken = {};
  const blank = await browser.open(`${server.origin}/pages/blank.html`);
  await onDemoPage({ browser, server, page: blank }, 'index.html', async page => {
    await page.click('#ask');
    await page.pickBytes(file);
    await page.appears('#result');
    taken = await page.run(
      ({ texts, rounds }) => {
        const input = /** @type {HTMLInputElement} */ (document.querySelector('#tensors input'));
        const taken = Object.fromEntries(texts.map(text => [text, []]));
        for (let round = 0; round < rounds; round += 1) {
          for (const text of texts) {
            const began = performance.now();
            input.value = text;
            input.dispatchEvent(new Event('input', { bubbles: true }));
            document.body.getBoundingClientRect();
            taken[text].push(performance.now() - began);
          }
        }
        return taken;
      },
      { texts: TEXTS, rounds },
    );
  });
  await blank.close();
  return taken;
}
