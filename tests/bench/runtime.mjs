// The runtime on candle beside wllama, on the real model: one thread each, in turns, in one page of Chromium. What is
// compared is CPU time of the renderer process, which has the workers of both.
// `cargo xtask bench --runtime` runs it, with all that it needs.
import { start } from '../browser/drive.mjs';
import { serve } from '../browser/server.mjs';
import { COLUMNS, alternate, row } from './browser/pairs.mjs';
import { Renderer } from './browser/renderer.mjs';
import { median, printTable } from './measure.mjs';

const ROUNDS = 5, WRITTEN = 16;
const LONG = 'The quick brown fox jumps over the lazy dog near the river. '.repeat(8);
const MODEL = '/files/models/gemma-3-270m-q4_k_m.gguf';

const server = await serve();
const browser = await start('chromium');
const tab = await browser.open(`${server.origin}/pages/blank.html`);
try {
  await tab.run(prepare, MODEL);
  const renderer = await Renderer.of(tab.native);
  const measured = (name, ...given) => renderer.cpu(() => tab.run(async ({ name, given }) => {
    const begin = performance.now();
    const value = await globalThis.bench[name](...given);
    return { value, wall: (performance.now() - begin) / 1000 };
  }, { name, given }));
  // Other words each time, so that nothing is kept of the time before.
  let turn = 0;
  const reads = who => () => measured(who, `${100 + turn++} ${LONG}`, 1);
  const writes = who => async () => {
    const one = await measured(who, `${100 + turn++} once`, 1);
    const many = await measured(who, `${100 + turn++} once`, 1 + WRITTEN);
    return { cpu: many.cpu - one.cpu, wall: many.wall - one.wall };
  };
  const read = await alternate(reads('candle'), { wllama: reads('wllama') }, ROUNDS);
  const write = await alternate(writes('candle'), { wllama: writes('wllama') }, ROUNDS);
  const admit = await alternate(() => measured('resident'), { weights: () => measured('weights') }, ROUNDS);
  const { value: tokens } = await reads('candle')();

  const results = [];
  const rows = [
    row(results, `prompt of ${tokens} tokens: wllama / candle runtime`, 'at least 0.8', read.get('wllama')),
    row(results, `${WRITTEN} tokens written: wllama / candle runtime`, 'at least 1.2', write.get('wllama')),
    row(results, "admission into candle's storage / sink resident", 'at most 1.15', admit.get('weights')),
  ];
  console.log(`CPU time of the renderer process, median of ${ROUNDS} alternated pairs\n`);
  printTable(COLUMNS, rows);
  const speed = (pairs, count) => {
    const theirs = median(pairs.map(({ work }) => work.cpu));
    const ours = median(pairs.map(({ work, cpu }) => work.cpu / cpu));
    return [ours, theirs].map(seconds => (count / seconds).toFixed(1));
  };
  printTable(['tokens in a second of CPU time', 'candle runtime', 'wllama'], [
    ['prompt', ...speed(read.get('wllama'), tokens)],
    ['writing', ...speed(write.get('wllama'), WRITTEN)],
  ]);
} finally {
  await browser.close();
  await server.close();
}

/** Loads both runtimes. Runs in the page. */
async function prepare(url) {
  const file = await (await fetch(url)).blob();
  const runtime = await kit.loadGuestWorker({ guest: '/files/wasm/candle-runtime.wasm' });
  const other = await kit.loadGuestWorker({ guest: '/files/wasm/candle-runtime.wasm' });
  const plain = await kit.loadGuestWorker({ guest: '/js/guest.wasm' });
  const model = await runtime.admit(file, { sink: 'resident' });
  await model.activate();
  const { Wllama } = await import('/packages/@wllama/wllama/esm/index.js');
  const at = { default: '/packages/@wllama/wllama/esm/wasm/wllama.wasm' };
  const wllama = new Wllama(at, { suppressNativeLog: true });
  await wllama.loadModel([file], { n_threads: 1, n_ctx: 512, n_gpu_layers: 0 });
  const admitted = guest => async () => void await (await guest.admit(file, { sink: 'resident' })).release();
  globalThis.bench = {
    async candle(text, count) {
      const bytes = new TextEncoder().encode(text);
      await runtime.callWrite('prompt_window', bytes, bytes.length);
      const tokens = await runtime.call('set_prompt', bytes.length);
      for (let token = 0; token < count; token++) await runtime.call('generate_next_token');
      return tokens;
    },
    async wllama(prompt, count) {
      await wllama.createCompletion({ prompt, max_tokens: count, temperature: 0, stream: false });
    },
    resident: admitted(plain),
    weights: admitted(other),
  };
}
