// The runtime on candle beside wllama, on the real model: one thread each, in turns, in one page of Chromium.
// `cargo xtask bench --runtime` runs it, with all that it needs.
import { start } from '../browser/drive.mjs';
import { serve } from '../browser/server.mjs';

const ROUNDS = 3, WRITTEN = 16;
const server = await serve();
const browser = await start('chromium');
const tab = await browser.open(`${server.origin}/pages/blank.html`);
try {
  const rounds = await tab.run(async ({ rounds, written }) => {
    const url = '/files/models/gemma-3-270m-q4_k_m.gguf';
    const file = await (await fetch(url)).blob();
    const timed = async use => {
      const begin = performance.now();
      const value = await use();
      return [(performance.now() - begin) / 1000, value];
    };
    // Other words each time, so that nothing is kept of the time before.
    const long = round => `${round} ` + 'The quick brown fox jumps over the lazy dog near the river. '.repeat(8);
    const short = round => `${round} once`;

    const runtime = await kit.loadGuestWorker({ guest: '/files/wasm/candle-runtime.wasm' });
    const plain = await kit.loadGuestWorker({ guest: '/js/guest.wasm' });
    const admissions = [];
    for (let round = 0; round < rounds; round++) {
      const [resident] = await timed(async () => (await plain.admit(file, { sink: 'resident' })).release());
      const [candle] = await timed(async () => (await runtime.admit(file, { sink: 'resident' })).release());
      const [again] = await timed(async () => (await plain.admit(file, { sink: 'resident' })).release());
      admissions.push({ resident, candle, again });
    }
    await plain.close();
    const model = await runtime.admit(file, { sink: 'resident' });
    await model.activate();
    const ours = async (text, count) => {
      const bytes = new TextEncoder().encode(text);
      await runtime.callWrite('prompt_window', bytes, bytes.length);
      const tokens = await runtime.call('set_prompt', bytes.length);
      for (let token = 0; token < count; token++) await runtime.call('generate_next_token');
      return tokens;
    };
    const { Wllama } = await import('/packages/@wllama/wllama/esm/index.js');
    const at = { default: '/packages/@wllama/wllama/esm/wasm/wllama.wasm' };
    const wllama = new Wllama(at, { suppressNativeLog: true });
    await wllama.loadModel([file], { n_threads: 1, n_ctx: 512, n_gpu_layers: 0 });
    const theirs = (prompt, count) =>
      wllama.createCompletion({ prompt, max_tokens: count, temperature: 0, stream: false });

    const turns = [];
    for (let round = 0; round < rounds; round++) {
      const turn = {};
      // The runtime twice: how far its two turns are apart is what the machine makes of equal work.
      for (const [name, act, sign] of [['candle', ours, 'x'], ['wllama', theirs, 'y'], ['again', ours, 'z']]) {
        const turned = `${round} ${sign}`;
        const [prompt, tokens] = await timed(() => act(long(turned), 1));
        const [one] = await timed(() => act(short(`${turned} a`), 1));
        const [many] = await timed(() => act(short(`${turned} b`), 1 + written));
        turn[name] = { prompt, write: (many - one) / written };
        if (name === 'candle') turn.tokens = tokens;
      }
      turns.push(turn);
    }
    await wllama.exit();
    await runtime.close();
    return { admissions, turns };
  }, { rounds: ROUNDS, written: WRITTEN });
  const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const of = pick => median(rounds.turns.map(pick));
  const { tokens } = rounds.turns[0];
  const ratio = (a, b) => (b / a).toFixed(2);
  const names = ['candle', 'wllama', 'again'];
  const medians = part => Object.fromEntries(names.map(name => [name, of(turn => turn[name][part])]));
  const row = (what, count, { candle, wllama, again }) =>
    `| ${what} | ${(count / candle).toFixed(1)} | ${(count / wllama).toFixed(1)} | ${ratio(candle, wllama)} `
      + `| ${ratio(candle, again)} |`;
  const admit = pick => median(rounds.admissions.map(pick));
  const resident = admit(({ resident }) => resident), candle = admit(({ candle }) => candle);
  const again = admit(({ again }) => again);
  console.log('| tokens a second | candle runtime | wllama | ratio | A/A |\n| --- | --- | --- | --- | --- |');
  console.log(row(`prompt of ${tokens} tokens`, tokens, medians('prompt')));
  console.log(row('writing', 1, medians('write')));
  console.log(`admission: resident ${resident.toFixed(2)} s, candle's storage ${candle.toFixed(2)} s: `
    + `${(candle / resident).toFixed(2)} times; A/A ${(again / resident).toFixed(2)}`);
} finally {
  await browser.close();
  await server.close();
}
