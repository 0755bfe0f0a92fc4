// Tensors read from the disk: a stored model of 6 GiB, of which the guest holds the header only.
import { Random } from '../../node/support/random.mjs';
import { median, printTable } from '../measure.mjs';
import { COLUMNS, alternate, row } from './pairs.mjs';
import { Renderer } from './renderer.mjs';

const MIB = 2 ** 20;
const TENSOR = 4 * MIB;
const READ = 100;

/**
 * @param {object} bench
 * @param {import('../../browser/drive.mjs').Browser} bench.browser
 * @param {import('../../browser/server.mjs').Server} bench.server
 * @param {string} bench.page    address of a page
 * @param {string} bench.worker  address of pages/opened.js
 * @param {number} bench.rounds
 * @param {number} bench.count   of tensors in the model
 * @returns {Promise<object>} what was measured
 */
export async function measureOpened({ browser, server, page, worker, rounds, count }) {
  const results = { ratios: [] };
  const tab = await browser.open(page);
  try {
    await tab.evaluate(address => void (globalThis.opened = new Worker(address, { type: 'module' })), worker);
    const call = (name, argument) => tab.evaluate(asked, { name, argument });
    const plain = `${server.origin}/files/wasm/runtime.wasm`;
    const { length, header } = await call('make', { count, bytes: TENSOR, plain });
    const renderer = await Renderer.of(tab.native);
    const random = new Random(11);
    const indices = Array.from({ length: READ }, () => random.upTo(count - 1));
    const opens = [];
    for (let round = 0; round < rounds; round += 1) opens.push(await call('open'));
    const { memory } = await call('tensors', indices);
    results.opened = { length, header, memory, most: header + 4 * MIB, opens };
    const reading = name => () => renderer.cpu(() => call(name, indices));
    const pairs = await alternate(reading('groups'), { tensors: reading('tensors') }, rounds);
    const speeds = pairs.get('tensors').map(pair => ({ ...pair, cpu: 1 / pair.cpu, wall: 1 / pair.wall }));
    await call('remove');

    const mib = bytes => (bytes / MIB).toFixed(2);
    console.log(`openStored of a model of ${(length / 2 ** 30).toFixed(1)} GiB with ${count} tensors\n`);
    printTable(['what', 'found', 'wanted at most'], [
      ['guest memory, when 100 tensors were read (MiB)', mib(memory), mib(header + 4 * MIB)],
      ['openStored, milliseconds', (1e3 * median(opens.map(({ wall }) => wall))).toFixed(0), '-'],
    ]);
    const what = `speed: ${READ} random tensors, proven / their groups read and hashed`;
    printTable(COLUMNS, [row(results.ratios, what, 'at least 0.9', speeds)]);
  } finally {
    await tab.close();
  }
  return results;
}

/** Asks the worker. Runs in the page. */
async function asked({ name, argument }) {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise(resolve => (port1.onmessage = ({ data }) => resolve(data)));
  globalThis.opened.postMessage({ name, argument }, [port2]);
  const { value, error } = await answer;
  port1.close();
  if (error) throw new Error(`${name}: ${error}`);
  return value ?? null;
}
