// The module: no imports, both interfaces, and text. `cargo xtask build --runtime` makes it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AdmissionError, admit } from '../../../js/index.js';
import { loadModel } from '../../../js/v1.js';
import { confined, fresh, generated, imports, logits, prompt, said } from './runtime.mjs';
import { exact, tiny } from './tiny.mjs';

const MIB = 2 ** 20;
const REAL = fileURLToPath(new URL('../../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const withModel = { skip: existsSync(REAL) ? false : 'the real model was not fetched' };
const json = name => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

const running = async (file = tiny()) => {
  const guest = fresh();
  const model = await admit(guest, file, { sink: 'resident' });
  model.activate();
  return { guest, model };
};

/** That a call is refused with this code. */
const refused = (code, call) => assert.throws(call, error => {
  assert.ok(error instanceof AdmissionError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
});

test('the module imports nothing', () => assert.deepEqual(imports, []));

test('the same model through load_model and through windows gives the same tokens and logits', async () => {
  const text = 'the end and the thing\n\nzażółć 🦙';
  for (const kind of /** @type {const} */ (['gemma3', 'llama'])) {
    const file = tiny({ kind });
    const { guest: streamed } = await running(file);
    const whole = fresh();
    loadModel(whole, file);
    assert.deepEqual(prompt(whole, text), prompt(streamed, text));
    for (let step = 0; step < 40; step++) {
      assert.equal(whole.call('generate_next_token'), streamed.call('generate_next_token'));
      assert.deepEqual(logits(whole), logits(streamed));
    }
  }
});

test('tokens and their texts', async () => {
  const { guest } = await running();
  const ids = prompt(guest, 'the ending\n\nżz');
  assert.equal(ids[0], 2);
  assert.equal(said(guest, ids), 'the ending\n\nżz');
  assert.equal(guest.call('end_token'), 1);
  assert.equal(guest.callRead('token_text', 2).length, 0, 'a control token says nothing');
  refused('argument', () => guest.callRead('token_text', 100_000));
  refused('argument', () => guest.callRead('token_text', -1));
  assert.deepEqual(prompt(guest, ''), [2]);
});

test('without an active model that keeps its weights every call is refused', async () => {
  const guest = fresh();
  const calls = [
    () => guest.callRead('prompt_window', 5),
    () => guest.call('set_prompt', 0),
    () => guest.callRead('prompt_tokens'),
    () => guest.call('evaluate_prompt', 1),
    () => guest.call('generate_next_token'),
    () => guest.call('feed', 1),
    () => guest.call('end_token'),
    () => guest.callRead('token_text', 1),
    () => guest.callRead('logits'),
    () => guest.call('set_sampling_config', 0, 0, 1, 0n),
    () => guest.call('reset_context', 0),
  ];
  for (const call of calls) refused('state', call);
  const verified = await admit(guest, tiny(), { sink: 'verify' });
  verified.activate();
  for (const call of calls) refused('state', call);
  const kept = await admit(guest, tiny(), { sink: 'resident' });
  kept.activate();
  prompt(guest, 'the');
  kept.release();
  for (const call of calls) refused('state', call);
});

test('misuse changes nothing, and a full context answers budget', async () => {
  const { guest } = await running();
  refused('state', () => guest.call('generate_next_token'));
  refused('state', () => guest.callRead('logits'));
  for (const len of [0, -1, 262_145]) refused('argument', () => guest.callRead('prompt_window', len));
  refused('window', () => guest.call('set_prompt', 1));
  refused('window', () => guest.call('set_prompt', -1));
  const ids = prompt(guest, 'the thing');
  const free = generated(guest, 6);

  const again = () => {
    prompt(guest, 'the thing');
    return generated(guest, 6);
  };
  assert.deepEqual(again(), free);
  prompt(guest, 'the thing');
  for (const id of [-1, 100_000]) refused('argument', () => guest.call('feed', id));
  for (const [...config] of [[-1, 0, 1], [NaN, 0, 1], [1, -1, 1], [1, 0, 0], [1, 0, 1.5], [Infinity, 0, 1]]) {
    refused('argument', () => guest.call('set_sampling_config', ...config, 1n));
  }
  for (const tokens of [-1, 129]) refused('argument', () => guest.call('reset_context', tokens));
  guest.callWrite('prompt_window', Uint8Array.of(0x61, 0xff), 2);
  refused('argument', () => guest.call('set_prompt', 2));
  refused('window', () => guest.call('set_prompt', 3));
  assert.deepEqual([...new Uint32Array(guest.callRead('prompt_tokens').slice().buffer)], ids);
  assert.deepEqual(generated(guest, 6), free, 'the prompt is pending as it was');

  assert.equal(guest.call('reset_context', ids.length + 2), 0);
  refused('state', () => guest.call('generate_next_token'));
  const long = new TextEncoder().encode('x.'.repeat(20));
  prompt(guest, 'the thing');
  guest.callWrite('prompt_window', long, long.length);
  refused('budget', () => guest.call('set_prompt', long.length));
  assert.deepEqual(generated(guest, 3), free.slice(0, 3));
  const before = logits(guest);
  for (let time = 0; time < 3; time++) refused('budget', () => guest.call('generate_next_token'));
  assert.deepEqual(logits(guest), before);
  assert.equal(guest.call('reset_context', 0), 0);
  prompt(guest, 'the thing');
  assert.deepEqual(generated(guest, 3), free.slice(0, 3));
});

test('what is fed is evaluated instead of what is pending', async () => {
  const { guest } = await running();
  prompt(guest, 'the thing');
  const [first, second, third] = generated(guest, 3);
  prompt(guest, 'the thing');
  guest.call('generate_next_token');
  guest.call('feed', 5);
  const other = guest.call('generate_next_token');
  const fed = logits(guest);
  prompt(guest, 'the thing');
  guest.call('generate_next_token');
  guest.call('feed', first);
  assert.equal(guest.call('generate_next_token'), second);
  assert.notDeepEqual(logits(guest), fed);
  assert.equal(guest.call('generate_next_token'), third);
  assert.ok(other >= 0);
});

test('a prompt in pieces is the prompt in one, and its last token is not among them', async () => {
  const { guest } = await running();
  refused('state', () => guest.call('evaluate_prompt', 1));
  const text = 'the end and the thing. '.repeat(9);
  const count = prompt(guest, text).length;
  const whole = generated(guest, 1), then = logits(guest);
  for (const piece of [1, 7, 64, 1000]) {
    prompt(guest, text);
    for (const wrong of [0, -1]) refused('argument', () => guest.call('evaluate_prompt', wrong));
    for (let left = count; left > 1;) {
      const now = guest.call('evaluate_prompt', piece);
      assert.equal(now, Math.max(1, left - piece));
      left = now;
      refused('state', () => guest.callRead('logits'));
    }
    assert.equal(guest.call('evaluate_prompt', piece), 1, 'the last one stays');
    assert.deepEqual(generated(guest, 1), whole);
    assert.deepEqual(logits(guest), then, `pieces of ${piece}`);
  }
  // A prompt that is half read gives way to another.
  prompt(guest, text);
  guest.call('evaluate_prompt', 5);
  prompt(guest, text);
  assert.deepEqual(generated(guest, 1), whole);
});

test('the logits of exact files are those of an independent computation', async () => {
  /** How far the worst logit is off where the file is made so. */
  const off = async (name, change) => {
    const { ids, rows } = json(`./${name}.json`);
    const { guest } = await running(exact[name](change));
    let worst = 0;
    for (const [at, id] of ids.entries()) {
      guest.call('feed', id);
      guest.call('generate_next_token');
      const right = rows.find(({ last }) => last === at)?.logits ?? [];
      const found = logits(guest);
      for (const [id, logit] of right.entries()) worst = Math.max(worst, Math.abs(found[id] - logit));
    }
    return worst;
  };
  // The test of the test: another factor, another number of keys and another base are seen.
  for (const [name, other] of [['stretched', 1], ['grouped', 1], ['llama', 10_000]]) {
    const [worst, wrong] = [await off(name), await off(name, other)];
    console.log(`${name}: off by at most ${worst}; made otherwise by ${wrong}`);
    assert.ok(worst < 1e-3, `${name}: off by ${worst}`);
    assert.ok(wrong > 0.02, `${name}: only ${wrong} off`);
  }
});

test('sampling: the same seed chooses the same, another seed another, and top_k 1 the most likely', async () => {
  const { guest } = await running();
  const chosen = (...config) => {
    assert.equal(guest.call('set_sampling_config', ...config), 0);
    prompt(guest, 'the thing');
    return generated(guest, 30);
  };
  const greedy = chosen(0, 0, 1, 0n);
  assert.deepEqual(chosen(1.5, 0, 1, 7n), chosen(1.5, 0, 1, 7n));
  assert.notDeepEqual(chosen(1.5, 0, 1, 7n), chosen(1.5, 0, 1, 8n));
  assert.deepEqual(chosen(5, 1, 1, 3n), greedy);
  assert.deepEqual(chosen(5, 0, 1e-9, 3n), greedy);
  // Of the two most likely, and of no other.
  assert.equal(guest.call('set_sampling_config', 50, 2, 1, 1n), 0);
  const seen = new Set();
  for (let time = 0; time < 60; time++) {
    prompt(guest, 'the thing');
    seen.add(guest.call('generate_next_token'));
  }
  const best = [...logits(guest).entries()].sort(([, a], [, b]) => b - a).slice(0, 2).map(([id]) => id);
  assert.deepEqual([...seen].sort(), best.sort());
});

test('a model that cannot be run is refused at its header, with its place', async () => {
  const cases = {
    'another architecture': { entries: { 'general.architecture': 'qwen2' } },
    'entries of another architecture': { entries: { 'general.architecture': 'llama' } },
    'norms that it does not have': { kind: 'llama', tensors: { 'blk.0.attn_q_norm.weight': ['F32', 32] } },
    'a window that it does not have': { kind: 'llama', entries: { 'llama.attention.sliding_window': 8 } },
    'heads that are longer than they are rotated': { kind: 'llama', entries: { 'llama.rope.dimension_count': 16 } },
    'a head of no length': {
      kind: 'llama', shape: { heads: 100 }, entries: { 'llama.attention.key_length': undefined },
    },
    'no layers': { entries: { 'gemma3.block_count': 0 } },
    'a number that is missing': { entries: { 'gemma3.embedding_length': undefined } },
    'a number of another type': { entries: { 'gemma3.embedding_length': { f32: 64 } } },
    'an odd head': { entries: { 'gemma3.attention.key_length': 31 } },
    'heads that do not divide': { entries: { 'gemma3.attention.head_count': 3, 'gemma3.attention.head_count_kv': 2 } },
    'another tokeniser': { entries: { 'tokenizer.ggml.model': 'gpt2' } },
    'scores too few': { entries: { 'tokenizer.ggml.scores': { f32s: [1, 2] } } },
    'a first token that there is not': { entries: { 'tokenizer.ggml.bos_token_id': 100_000 } },
    'a scaling that is not done': { entries: { 'gemma3.rope.scaling.type': 'yarn' } },
    'queries that are scaled otherwise': { entries: { 'gemma3.block_count': 62 } },
    'a feature that is not done': { entries: { 'gemma3.final_logit_softcapping': { f32: 30 } } },
    'a tensor that is missing': { tensors: { 'blk.1.ffn_up.weight': undefined } },
    'a tensor too many': { tensors: { 'blk.0.attn_q.bias': ['F32', 64] } },
    'good GGUF, wrong shapes': { tensors: { 'blk.0.attn_q.weight': ['Q8_0', 64, 32] } },
    'shapes the other way round': { tensors: { 'blk.0.ffn_down.weight': ['F32', 64, 128] } },
    'one dimension more': { tensors: { 'blk.0.ffn_down.weight': ['F32', 128, 64, 1] } },
    'an embedding of another vocabulary': { tensors: { 'token_embd.weight': ['Q8_0', 64, 100] } },
    'a norm of another type': { tensors: { 'output_norm.weight': ['F16', 64] } },
    'a type without a kernel': { tensors: { 'blk.0.attn_q.weight': ['Q8_1', 64, 64] } },
    'a type that candle has not': { tensors: { 'blk.0.attn_q.weight': ['IQ4_NL', 64, 64] } },
  };
  for (const [name, change] of Object.entries(cases)) {
    const file = tiny(change);
    const guest = fresh();
    const handle = guest.begin(file.length, 'resident');
    let pushed = 0;
    assert.throws(() => {
      for (;;) {
        const window = guest.window(handle);
        const chunk = file.subarray(pushed, pushed + Math.min(window.length, 4096));
        window.set(chunk);
        guest.pushChunk(handle, pushed, chunk.length);
        pushed += chunk.length;
      }
    }, error => {
      assert.equal(error.code, 'limit', `${name}: ${error.message}`);
      assert.ok(error.offset > 0 && error.offset < 70_000, `${name}: ${error.offset}`);
      return true;
    });
    assert.ok(pushed < 70_000, name);
    // The same file may be verified, and the same guest takes a good one.
    (await admit(guest, file, { sink: 'verify' })).release();
    assert.throws(() => loadModel(guest, file), ({ code }) => code === 'limit', name);
    (await admit(guest, tiny(), { sink: 'resident' })).release();
  }
});

test('whatever memory there is, an evaluation answers memory or the right token', async () => {
  const file = tiny({ entries: { 'gemma3.context_length': 4096 } });
  const text = 'the thing and '.repeat(20);
  const asked = async guest => {
    const model = await admit(guest, file, { sink: 'resident' });
    model.activate();
    guest.call('reset_context', 4096);
    return prompt(guest, text);
  };
  const free = fresh();
  const ids = await asked(free);
  const from = free.memoryBytes / 65_536;
  const right = generated(free, 3);
  const to = free.memoryBytes / 65_536;
  // Keys and values alone are 2 MiB.
  assert.ok(to - from > 32, `${from} to ${to} pages`);
  let answered = 0;
  for (let pages = from; pages <= to; pages++) {
    const guest = confined(pages);
    assert.deepEqual(await asked(guest), ids);
    try {
      guest.call('generate_next_token');
    } catch (error) {
      assert.equal(error.code, 'memory', `${pages} pages: ${error.message}`);
      answered++;
      refused('memory', () => guest.call('generate_next_token'));
      refused('memory', () => guest.call('evaluate_prompt', 64));
      refused('state', () => guest.callRead('logits'));
      assert.deepEqual([...new Uint32Array(guest.callRead('prompt_tokens').slice().buffer)], ids);
      // A host can ask for less.
      guest.call('reset_context', 128);
      prompt(guest, 'the');
      try {
        guest.call('generate_next_token');
      } catch (error) {
        assert.equal(error.code, 'memory', `${pages} pages: ${error.message}`);
      }
      continue;
    }
    prompt(guest, text);
    assert.deepEqual(generated(guest, 3), right, `${pages} pages`);
  }
  assert.ok(answered > 32, `${answered} answers`);
});

test('the context is counted in what is needed', async () => {
  const guest = fresh();
  let needed;
  const model = await admit(guest, tiny(), { sink: 'resident', onHeader: report => void ({ needed } = report.memory) });
  // Two layers, keys and values of 32 numbers, four bytes each, for the 128 tokens that the model was made for.
  assert.ok(needed > model.report.length + 2 * 2 * 32 * 4 * 128, `${needed}`);
});

test('the real model says what the reference says, within its size and 24 MiB', withModel, async () => {
  const guest = fresh();
  const model = await admit(guest, { path: REAL }, { sink: 'resident' });
  model.activate();
  assert.equal(guest.call('reset_context', 64), 0);
  const ids = prompt(guest, 'The capital of France is Paris, and the capital of Germany is Berlin. '
    + 'The capital of Italy is Rome, and');
  assert.ok(ids.length >= 20 && ids.length <= 26, `${ids.length} tokens`);
  generated(guest, 32);
  const over = (guest.memoryBytes - model.report.length) / MIB;
  console.log(`guest memory: the file and ${over.toFixed(1)} MiB`);
  assert.ok(over <= 24, `${over} MiB`);

  for (const { text, ids } of json('./tokens.json').filter(({ ids }) => ids.length <= 64).slice(0, 40)) {
    assert.deepEqual(prompt(guest, text), ids, JSON.stringify(text));
  }
  const [{ prompt: asked, follow, mostLikely }] = json('./reference.json');
  assert.deepEqual(prompt(guest, 'The capital of France is'), asked);
  let worst = 0;
  for (const [step, token] of follow.entries()) {
    const chosen = guest.call('generate_next_token');
    const now = logits(guest);
    for (const [id, logit] of mostLikely[step]) worst = Math.max(worst, Math.abs(now[id] - logit));
    if (mostLikely[step][0][1] - mostLikely[step][1][1] > 1.5) assert.equal(chosen, token, `step ${step}`);
    guest.call('feed', token);
  }
  console.log(`logits: off by at most ${worst.toFixed(2)}`);
  assert.ok(worst < 1.2, `${worst}`);
});
