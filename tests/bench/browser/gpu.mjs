// What it costs to put the tensors of the real model into buffers of the GPU while it is admitted: against admitting it
// alone and then writing the same bytes into such buffers. By the software adapter of Chromium, whose work is CPU time
// of the browser's process for the GPU.
import { printTable } from '../measure.mjs';
import { COLUMNS, alternate, row } from './pairs.mjs';
import { Renderer } from './renderer.mjs';

const MIB = 2 ** 20;

/**
 * @param {object} bench
 * @param {import('../../browser/drive.mjs').Browser} bench.browser
 * @param {string} bench.page    address of a page with an input for files
 * @param {string} bench.script  address of pages/gpu.js
 * @param {string} bench.real    path of the real model
 * @param {number} bench.rounds
 * @returns {Promise<object>} what was measured
 */
export async function measureGpu({ browser, page, script, real, rounds }) {
  const results = { ratios: [] };
  const tab = await browser.open(page);
  try {
    await tab.pick('#file', [real]);
    await tab.evaluate(async address => void (globalThis.bench = await import(address)), script);
    const call = (name, argument) =>
      tab.evaluate(({ name, argument }) => globalThis.bench[name](argument), { name, argument });
    await call('start');
    const renderer = await Renderer.of(tab.native, { withGpu: true });
    const rows = [];
    for (const place of ['worker', 'page']) {
      const apart = () => renderer.cpu(() => call('apart', { place }));
      const together = () => renderer.cpu(() => call('together', { place }));
      const pairs = await alternate(apart, { together }, rounds);
      const what = `guest in the ${place}: gpuTee / verify, then writeBuffer`;
      rows.push(row(results.ratios, what, 'at most 1.25', pairs.get('together')));
    }
    console.log(`Tensors on the GPU: CPU time of the renderer and of the GPU's process as a multiple of the comparison,
median of ${rounds} alternated pairs\n`);
    printTable(COLUMNS, rows);
    results.memory = await call('memory');
    const { start, tee, verify, header } = results.memory;
    console.log('Memory of the guest when the real model is admitted (bytes)\n');
    printTable(['what', 'bytes', 'wanted at most'], [
      ['all of it', tee, header + 2 * MIB],
      ['above what an empty guest has', tee - start, header + 2 * MIB],
      ['all of it, without gpuTee', verify, '-'],
      ['an empty guest', start, '-'],
      ['the header', header, '-'],
    ]);
  } finally {
    await tab.close();
  }
  return results;
}
