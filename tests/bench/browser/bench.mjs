// `bench.mjs [--quick] [--store] [--gpu]`: what admission in a page costs, in Chromium, with the real model as a file
// on disk. --store measures the store alone, --gpu tensors on the GPU alone. Prints tables, writes
// target/bench-browser.json. Needs Linux: memory and CPU time are the kernel's of the renderer process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start, whyNot } from '../../browser/drive.mjs';
import { serve } from '../../browser/server.mjs';
import { median, printTable } from '../measure.mjs';
import { measureGpu } from './gpu.mjs';
import { COLUMNS, alternate, middleHalf, row } from './pairs.mjs';
import { Renderer } from './renderer.mjs';
import { measureSearch } from './search.mjs';
import { measureOpened } from './opened.mjs';
import { makeSparse } from './sparse.mjs';
import { measureStore } from './store.mjs';

const root = new URL('../../../', import.meta.url);
const path = name => fileURLToPath(new URL(name, root));
const quick = process.argv.includes('--quick');
const PARTS = ['--store', '--gpu'];
const isAsked = part => process.argv.includes(part) || !PARTS.some(part => process.argv.includes(part));
const ROUNDS = quick ? 2 : 7;
const MB = 1e6;
const REAL = path('target/models/gemma-3-270m-q4_k_m.gguf');
const STORED = 'bench.gguf';

const reason = whyNot('chromium');
if (reason) throw new Error(reason);
const results = { rounds: ROUNDS, memory: {}, ratios: [] };
const folder = mkdtempSync(join(tmpdir(), 'gguf-bench-'));
const server = await serve();
const script = file => server.put({ body: { file }, type: 'text/javascript' }).url;
const page = server.put({
  body: Buffer.from('<!doctype html><link rel="icon" href="data:,"><input type="file" id="file">'),
  type: 'text/html',
}).url;
const PAGE = script(path('tests/bench/browser/pages/page.js'));
const LOOPS = script(path('tests/bench/browser/pages/loops.js'));
const NEEDS = {
  'hash only': `${server.origin}/files/wasm/runtime.wasm`,
  'hash-wasm': script(path('tests/browser/node_modules/hash-wasm/dist/index.esm.min.js')),
};
const browser = await start('chromium');
try {
  if (PARTS.every(isAsked)) {
    await measureMemory();
    await measureTime();
    await search();
  }
  const bench = { browser, server, page, real: REAL, rounds: ROUNDS };
  if (isAsked('--store')) {
    results.store = await measureStore({ ...bench, script: script(path('tests/bench/browser/pages/store.js')) });
    const worker = script(path('tests/bench/browser/pages/opened.js'));
    const count = quick ? 256 : 1536;
    results.opened = await measureOpened({ browser, server, page, worker, rounds: ROUNDS, count });
  }
  if (isAsked('--gpu')) {
    results.gpu = await measureGpu({ ...bench, script: script(path('tests/bench/browser/pages/gpu.js')) });
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true });
}
writeFileSync(path('target/bench-browser.json'), `${JSON.stringify(results, null, 1)}\n`);
console.log('written: target/bench-browser.json');

/** A fresh page, and with it a fresh process, for as long as `work` lasts. */
async function inPage(file, work) {
  const tab = await browser.open(page);
  try {
    await tab.pick('#file', [file]);
    await tab.evaluate(async address => void (globalThis.bench = await import(address)), PAGE);
    const call = (name, argument) =>
      tab.evaluate(({ name, argument }) => globalThis.bench[name](argument), { name, argument });
    return await work(call, tab);
  } finally {
    await tab.close();
  }
}

/** @returns {Promise<{ private: number, resident: number }>} */
function memoryOfLoop(way, file) {
  return inPage(file, async (call, tab) => {
    await call('startLoops', LOOPS);
    await call('loop', { way, address: NEEDS[way] });
    return (await Renderer.of(tab.native)).memory(() => call('loop', { way, isReal: true }));
  });
}

/** @returns {Promise<{ private: number, resident: number, memory: number }>} */
function memoryOfGuest(file, digests) {
  return inPage(file, async (call, tab) => {
    await call('startGuest');
    return (await Renderer.of(tab.native)).memory(() => call('admit', { digests }));
  });
}

async function measureMemory() {
  const loops = [];
  const hashes = [];
  const guests = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    loops.push(await memoryOfLoop('read', REAL));
    guests.push(await memoryOfGuest(REAL, ['sha256']));
    hashes.push(await memoryOfLoop('hash only', REAL));
  }
  const gibibytes = quick ? 1 : 6;
  const hole = makeSparse(join(folder, 'sparse.gguf'), gibibytes * 2 ** 30);
  const sparseLoop = await memoryOfLoop('read', hole);
  const sparse = await memoryOfGuest(hole, []);
  const memory = median(guests.map(guest => guest.memory));
  results.memory = { loops, hashes, guests, sparseLoop, sparse };

  const mb = bytes => (bytes / MB).toFixed(1);
  const rows = ['private', 'resident'].flatMap(kind => {
    const peaks = [loops, hashes, guests].map(runs => runs.map(run => run[kind]));
    const [loop, , verify] = peaks.map(median);
    const spread = values => middleHalf(values).map(mb).join(' to ');
    const apart = values =>
      mb(median(values.map((value, index) => Math.abs(value - values[(index + 1) % values.length]))));
    const [loopSpread, hashSpread, verifySpread] = peaks.map(values => [spread(values), apart(values)]);
    return [
      [`${kind}: read only`, mb(loop), '-', ...loopSpread],
      [`${kind}: hash only`, mb(median(peaks[1])), '-', ...hashSpread],
      [`${kind}: verify + SHA-256`, mb(verify), mb(loop + memory + 8 * MB), ...verifySpread],
      [`${kind}: read only, sparse ${gibibytes} GiB, once`, mb(sparseLoop[kind]), '-', '-', '-'],
      [
        `${kind}: verify, no digest, sparse ${gibibytes} GiB, once`,
        mb(sparse[kind]),
        mb(loop + memory + 24 * MB),
        '-',
        '-',
      ],
    ];
  });
  console.log(`Peak memory of the renderer process (MB), each in a new process, median of ${ROUNDS}, alternated.
*private* is anonymous and shared memory. *resident* also counts the pages of the browser's own program; the first
module that is compiled loads the compiler's pages (compare "hash only"). Guest memory is ${mb(memory)} MB (sparse file:
${mb(sparse.memory)}). The target for verify is "read only" plus guest memory plus 8 MB, and 16 MB more for the sparse
file. The memory of "read only" also holds garbage that the engine has not collected yet.\n`);
  printTable(['what', 'peak', 'wanted at most', 'middle half', 'A/A'], rows);
}

async function measureTime() {
  await inPage(REAL, async (call, tab) => {
    await call('startGuest');
    await call('startLoops', LOOPS);
    const ways = ['read', 'hash only', 'hash-wasm', 'crypto.subtle', 'arrayBuffer, copied'];
    for (const way of ways) await call('loop', { way, address: NEEDS[way] });
    const stored = await call('admit', { store: STORED });
    const renderer = await Renderer.of(tab.native);
    const checked = async (name, argument) => {
      const measured = await renderer.cpu(() => call(name, argument));
      if (measured.sha256 && !stored.sha256.startsWith(measured.sha256))
        throw new Error(`${argument.way}: another SHA-256`);
      return measured;
    };
    const admit = options => () => checked('admit', options);
    const loop = way => () => checked('loop', { way, isReal: true });

    console.log(
      `CPU time of the renderer process as a multiple of the comparison, median of ${ROUNDS} alternated pairs\n`,
    );
    const file = await alternate(admit({}), Object.fromEntries(ways.map(way => [way, loop(way)])), ROUNDS);
    const wanted = { 'hash only': 'at most 1.15', 'hash-wasm': 'below 1' };
    printTable(
      COLUMNS,
      ways.map(way => row(results.ratios, `File, verify + SHA-256 / ${way}`, wanted[way], file.get(way).map(inverse))),
    );

    console.log('The same from the private file system\n');
    const opfs = await alternate(admit({ stored: STORED }), {
      'verify + BLAKE3': admit({ stored: STORED, digests: ['blake3'] }),
      'resident + BLAKE3': admit({ stored: STORED, sink: 'resident', digests: ['blake3'] }),
    }, ROUNDS);
    const below = { 'verify + BLAKE3': 'below 0.45', 'resident + BLAKE3': 'below 0.55' };
    const ratioOf = ([way, pairs]) => row(results.ratios, `stored, ${way} / verify + SHA-256`, below[way], pairs);
    printTable(COLUMNS, [...opfs].map(ratioOf));

    await mainThread(call, tab);
  });
}

function inverse(pair) {
  return { ...pair, cpu: 1 / pair.cpu, wall: 1 / pair.wall };
}

async function mainThread(call, tab) {
  const { url } = server.put({ body: { file: REAL } });
  const works = {
    'File': () => call('admit', { progress: true }),
    'URL': () => call('admit', { progress: true, url }),
    'URL, only fetched and read by a worker': () => call('fetched', { url }),
    'Response, which the page reads': () => call('admit', { progress: true, url, isResponse: true }),
    'Response transferred to a worker, only read': () => call('transfer', { url }),
  };
  const wanted = { 'File': 'at most 2 %' };
  const runs = new Map(Object.keys(works).map(name => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, work] of Object.entries(works)) {
      const measured = await browser.mainThread(tab);
      const { wall, longTasks } = await work();
      const worked = await measured();
      runs.get(name).push({ worked, share: worked / wall, long: longTasks.length });
    }
  }
  results.mainThread = Object.fromEntries(runs);
  const percent = value => `${(100 * value).toFixed(2)} %`;
  console.log('The page while a worker admits the real model\n');
  printTable(
    ['source', 'ms of work', 'share of the time', 'wanted', 'middle half', 'long tasks, all rounds'],
    [...runs].map(([name, rounds]) => {
      const shares = rounds.map(({ share }) => share);
      const milliseconds = 1e3 * median(rounds.map(({ worked }) => worked));
      const long = rounds.reduce((sum, { long }) => sum + long, 0);
      return [
        name,
        milliseconds.toFixed(1),
        percent(median(shares)),
        wanted[name] ?? '-',
        middleHalf(shares).map(percent).join(' to '),
        long,
      ];
    }),
  );
}

async function search() {
  results.search = await measureSearch(browser, server, ROUNDS);
  console.log('The demo page with 65,536 tensors: milliseconds until the table shows what is searched for\n');
  printTable(
    ['text', 'median', 'slowest'],
    Object.entries(results.search).map(([text, taken]) => [
      text || '(emptied)',
      median(taken).toFixed(1),
      Math.max(...taken).toFixed(1),
    ]),
  );
}
