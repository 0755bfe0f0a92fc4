// Whatever a file of a good form says, the runtime refuses it at its header or answers every call: nothing traps, and
// nothing takes long. The guest is good for the next model in each case.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionError, admit } from '../../../js/index.js';
import { collisions } from './collisions.mjs';
import { confined, fresh, generated, logits, prompt } from './runtime.mjs';
import { tiny, vocabulary } from './tiny.mjs';

const TEXT = 'the end and the thing\n\nzażółć 🦙';
/** Codes with which a call on a model that runs may end. */
const ANSWERS = ['argument', 'budget', 'memory', 'state'];
/** All types that candle multiplies by. */
const TYPES = ['F32', 'F16', 'BF16', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'];

/** The answer of a call, or the code that it ends with; that code is one of these. */
const answer = (call, codes = ANSWERS) => {
  try {
    return call();
  } catch (error) {
    assert.ok(error instanceof AdmissionError, `${error}`);
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return error.code;
  }
};

/** Every call of the runtime, in the order of a host. */
function talk(guest, text) {
  answer(() => (prompt(guest, text), guest.call('generate_next_token')));
  answer(() => prompt(guest, text.repeat(5)));
  while (answer(() => guest.call('evaluate_prompt', 16)) > 1);
  for (const config of [[0, 0, 1, 0n], [1, 0, 1, 1n], [100, 5, 0.5, 2n], [1e-40, 0, 1e-9, 3n]]) {
    answer(() => guest.call('set_sampling_config', ...config));
    const id = answer(() => guest.call('generate_next_token'));
    answer(() => guest.callRead('token_text', Number(id)));
  }
  answer(() => guest.callRead('logits'));
  answer(() => guest.call('end_token'));
  answer(() => guest.call('feed', 0));
  answer(() => guest.call('generate_next_token'));
  // The longest context that any model may have.
  for (const tokens of [1 << 20, 1]) {
    answer(() => guest.call('reset_context', tokens));
    answer(() => (prompt(guest, 'a'), guest.call('generate_next_token')));
  }
}

const good = tiny();
const said = async guest => {
  const model = await admit(guest, good, { sink: 'resident' });
  model.activate();
  prompt(guest, TEXT);
  const now = spoken(guest);
  model.release();
  return now;
};
/** Tokens and logits behind the prompt that is pending. */
const spoken = guest => [generated(guest, 3), logits(guest)];
const right = await said(fresh());

/** Admits a file and talks to it: `runs`, or the code of its refusal at the header. */
async function judged(file, text = TEXT) {
  const guest = fresh();
  const model = await admit(guest, file, { sink: 'resident' }).catch(error => {
    assert.ok(error instanceof AdmissionError && ['limit', 'budget'].includes(error.code), `${error}`);
    assert.ok(error.offset === undefined || error.offset < file.length, `${error.offset}`);
    return error.code;
  });
  if (typeof model !== 'string') {
    model.activate();
    talk(guest, text);
    model.release();
  }
  assert.deepEqual(await said(guest), right, 'the next model says what it says');
  return typeof model === 'string' ? model : 'runs';
}

test('any number in any entry', async () => {
  const numbers = [0, 1, 2, 3, 7, 2 ** 16, 2 ** 20, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1];
  const others = ['text', { bool: true }, { i32s: [] }];
  const floats = [0, -1, NaN, Infinity, -Infinity, 1e-45, 3.4e38, 1].map(f32 => ({ f32 }));
  const names = ['block_count', 'embedding_length', 'feed_forward_length', 'attention.head_count',
    'attention.head_count_kv', 'attention.key_length', 'attention.value_length', 'attention.sliding_window',
    'attention.sliding_window_pattern', 'context_length'].map(name => `gemma3.${name}`);
  const ids = ['bos', 'eos', 'unknown'].map(name => `tokenizer.ggml.${name}_token_id`);
  const real = ['attention.layer_norm_rms_epsilon', 'rope.freq_base', 'rope.freq_base_swa', 'rope.scaling.factor']
    .map(name => `gemma3.${name}`);
  const seen = {};
  const count = async change => {
    const how = await judged(tiny(change));
    seen[how] = (seen[how] ?? 0) + 1;
  };
  for (const name of [...names, ...ids, ...real]) {
    for (const value of [...(real.includes(name) ? [1] : numbers), ...others, ...floats]) {
      await count({ entries: { [name]: value } });
    }
  }
  // What Llama reads otherwise, with the length of a head and without.
  const lengths = { 'llama.attention.key_length': undefined, 'llama.attention.value_length': undefined };
  for (const name of ['attention.head_count', 'attention.head_count_kv', 'rope.dimension_count', 'rope.freq_base']) {
    for (const value of [...numbers, ...floats, undefined]) {
      const entry = { [`llama.${name}`]: value };
      for (const without of [{}, lengths]) await count({ kind: 'llama', entries: { ...without, ...entry } });
    }
  }
  assert.ok(seen.runs > 40 && seen.limit > 200, JSON.stringify(seen));
});

test('shapes at their bounds, in which entries and tensors agree', async () => {
  const tokens = vocabulary().slice(0, 4);
  const weights = size => Buffer.alloc(size);
  const of = (shape, entries = {}) => ({ shape, entries, tokens, weights, type: 'F16' });
  const least = { layers: 1, width: 1, hidden: 1, heads: 1, keyHeads: 1, head: 2 };
  const cases = [
    ['runs', of(least)],
    ['runs', of({ ...least, layers: 1024 })],
    ['runs', of({ ...least, hidden: 1 << 20 })],
    ['runs', of({ ...least, width: 1 << 20 })],
    ['runs', of({ ...least, heads: 1024 })],
    ['runs', of({ ...least, head: 4096 }, { 'gemma3.context_length': 1 << 20 })],
    ['limit', of({ ...least, heads: 1025 })],
    ['limit', of({ ...least, head: 3 })],
    ['limit', of({ ...least, heads: 3, keyHeads: 2 })],
    ['limit', of({ ...least, heads: 1, keyHeads: 2 })],
    // Keys, values and activations of more than a guest can address.
    ['budget', of({ ...least, heads: 1024, keyHeads: 1024, head: 4096 })],
  ];
  for (const [how, change] of cases) assert.equal(await judged(tiny(change), 'a'), how, JSON.stringify(change.shape));
});

test('a context that no memory can hold answers memory', async () => {
  const guest = fresh();
  // Keys of 2^12 numbers for each of 2^20 tokens: their count is 0 where it is computed in 32 bits.
  const shape = { layers: 1, width: 1, hidden: 1, heads: 1, keyHeads: 1, head: 4096 };
  const file = tiny({ shape, type: 'F16', entries: { 'gemma3.context_length': 1 << 20 } });
  (await admit(guest, file, { sink: 'resident' })).activate();
  prompt(guest, 'the');
  const short = generated(guest, 2);
  assert.equal(guest.call('reset_context', 1 << 20), 0);
  prompt(guest, 'the');
  assert.equal(answer(() => guest.call('generate_next_token')), 'memory');
  assert.equal(guest.call('reset_context', 512), 0);
  prompt(guest, 'the');
  assert.deepEqual(generated(guest, 2), short);
});

test('random bytes for weights, in every type', async () => {
  const shape = { layers: 2, width: 256, hidden: 256, heads: 1, keyHeads: 1, head: 256 };
  const entries = { 'gemma3.attention.sliding_window_pattern': 2 };
  let state = 5;
  // Scales that are not finite among them, and in every second file norms that are not.
  const random = size => Buffer.from({ length: size }, () => (state = (state * 48271) % 2147483647) >> 11);
  const ones = size => Buffer.from(new Float32Array(size / 4).fill(1).buffer);
  for (const type of TYPES) {
    for (const wild of [false, true]) {
      const weights = (size, of) => !wild && of === 'F32' && size === 1024 ? ones(size) : random(size);
      assert.equal(await judged(tiny({ shape, entries, type, weights })), 'runs', type);
    }
  }
});

test('vocabularies that make no sense', async () => {
  const sane = vocabulary();
  const same = text => sane.map(([, kind, score]) => [text, kind, score]);
  const changed = change => sane.map((token, at) => change(token, at));
  const long = bytes => [...sane, ['x'.repeat(bytes), 1, -1]];
  const cutOut = count => [...sane.slice(0, 300), ...Array.from({ length: count }, (_, at) => [`${at}`, 4, -1])];
  const cases = {
    'one text for all': ['runs', same('a')],
    'no text for any': ['runs', same('')],
    'scores that are no numbers': ['runs', changed(([text, kind], at) => [text, kind, [NaN, Infinity, -0][at % 3]])],
    'kinds that there are not': ['runs', changed(([text], at) => [text, [-1, 255, 256 + 4, 2 ** 31 - 1][at % 4], 0])],
    'all cut out': ['runs', changed(([text]) => [text, 4, 0])],
    'bytes that are none': ['runs', changed(([text, kind]) => [kind === 6 ? `<0x${text.slice(4)}` : text, 6, 0])],
    'four tokens': ['runs', sane.slice(0, 4)],
    'a text as long as may be': ['runs', long(1024)],
    'a longer one': ['limit', long(1025)],
    'as many cut out as may be': ['runs', cutOut(16_384)],
    'one more': ['limit', cutOut(16_385)],
  };
  for (const [name, [how, tokens]] of Object.entries(cases)) assert.equal(await judged(tiny({ tokens })), how, name);
  for (const space of [true, false]) {
    const entries = {
      'tokenizer.ggml.add_space_prefix': { bool: space },
      'tokenizer.ggml.add_eos_token': { bool: true },
    };
    const tokens = changed(([text, kind, score]) => [text, kind === 1 ? 4 : kind, score]);
    assert.equal(await judged(tiny({ entries, tokens })), 'runs');
  }
});

test('tokens that all have one hash are found', async () => {
  const texts = collisions(1 << 16);
  const tokens = [...vocabulary(), ...texts.map(text => [text, 1, 1])];
  const file = tiny({ tokens });
  const guest = fresh();
  (await admit(guest, file, { sink: 'resident' })).activate();
  assert.equal(guest.call('end_token'), 1);
  const id = vocabulary().length + 12_345;
  assert.equal(Buffer.from(guest.callRead('token_text', id)).toString(), texts[12_345]);
});

test('whatever memory there is, the first calls on a model answer', async () => {
  // Norms of 0.7 MiB, a vocabulary of some 10,000 tokens, and a prompt of which each byte is a token of three bytes.
  const tokens = vocabulary().filter(([text]) => text !== '\u2581');
  for (let at = 0; at < 10_000; at++) tokens.push([`token ${at}`, 1, 0]);
  const shape = { layers: 40, width: 1024, hidden: 1, heads: 1, keyHeads: 1, head: 2 };
  const file = tiny({ shape, tokens, type: 'F16', weights: size => Buffer.alloc(size), entries: {
    'gemma3.context_length': 1 << 20,
    'tokenizer.ggml.add_space_prefix': { bool: true },
  } });
  const ask = guest => {
    assert.equal(guest.call('reset_context', 1 << 20), 0);
    return prompt(guest, ' '.repeat(10_000)).length;
  };
  const free = fresh();
  (await admit(free, file, { sink: 'resident' })).activate();
  const from = free.memoryBytes / 65_536;
  const count = ask(free);
  assert.equal(count, 1 + 3 * 10_001);
  const to = free.memoryBytes / 65_536;
  let refused = 0;
  for (let pages = from; pages <= to; pages += 2) {
    const guest = confined(pages);
    (await admit(guest, file, { sink: 'resident' })).activate();
    const how = answer(() => ask(guest));
    if (how === 'memory') refused++;
    else assert.equal(how, count);
    // And the next time, while the first prompt is still held.
    assert.ok([count, 'memory'].includes(answer(() => ask(guest))));
  }
  assert.ok(refused > 10, `${refused} of ${to - from} answers`);
});

test('whatever memory there is, a token that cannot be chosen was not evaluated', async () => {
  // To choose among 200,000 tokens takes 1.6 MB more than to compute their numbers.
  const tokens = [...vocabulary(), ...Array.from({ length: 200_000 }, (_, at) => [`${at}`, 1, -2000])];
  const shape = { layers: 1, width: 32, hidden: 32, heads: 1, keyHeads: 1, head: 32 };
  const file = tiny({ shape, tokens, tensors: { 'token_embd.weight': ['Q4_0', 32, tokens.length] } });
  const ask = async guest => {
    (await admit(guest, file, { sink: 'resident' })).activate();
    prompt(guest, 'the thing');
  };
  const greedy = guest => {
    guest.call('set_sampling_config', 0, 0, 1, 0n);
    generated(guest, 2);
    return logits(guest).slice(0, 8);
  };
  const free = fresh();
  await ask(free);
  const from = free.memoryBytes / 65_536;
  const right = greedy(free);
  prompt(free, 'the thing');
  free.call('set_sampling_config', 1, 0, 1, 7n);
  generated(free, 1);
  const to = free.memoryBytes / 65_536;
  let refused = 0;
  for (let pages = from; pages <= to; pages += 4) {
    const guest = confined(pages);
    await ask(guest);
    guest.call('set_sampling_config', 1, 0, 1, 7n);
    if (answer(() => guest.call('generate_next_token')) !== 'memory') continue;
    // The context is as it was: what needs less memory says what it always says.
    const now = answer(() => greedy(guest));
    if (now !== 'memory') assert.deepEqual([++refused, now], [refused, right], `${pages} pages`);
  }
  assert.ok(refused > 2, `${refused}`);
});

test('of two models in a guest each says its own, and a change begins anew', async () => {
  const guest = fresh();
  const other = tiny({ shape: { layers: 1 } });
  const [one, two] = [await admit(guest, good, { sink: 'resident' }), await admit(guest, other, { sink: 'resident' })];
  one.activate();
  prompt(guest, TEXT);
  assert.deepEqual(spoken(guest), right);
  two.activate();
  assert.equal(answer(() => guest.call('generate_next_token')), 'state');
  assert.equal(guest.callRead('prompt_tokens').length, 0);
  prompt(guest, TEXT);
  assert.notDeepEqual(spoken(guest), right);
  one.activate();
  assert.equal(answer(() => guest.callRead('logits')), 'state');
  prompt(guest, TEXT);
  assert.deepEqual(spoken(guest), right);
  // One that is let go of while another talks, one that is given up half-way, and one that is refused.
  two.release();
  const stop = new AbortController();
  const half = new ReadableStream({
    pull(stream) {
      stream.enqueue(other.slice(0, other.length >> 1));
      stop.abort();
    },
  });
  await assert.rejects(admit(guest, half, { sink: 'resident', signal: stop.signal }), { name: 'AbortError' });
  await assert.rejects(admit(guest, tiny({ entries: { 'general.architecture': 'llama' } }), { sink: 'resident' }));
  guest.call('feed', 5);
  assert.equal(typeof guest.call('generate_next_token'), 'number');
});
