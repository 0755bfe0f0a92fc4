// Models of the shape of Gemma 3 or of Llama, with random weights and some hundred tokens: small enough for ABI v1.

const ALIGNMENT = 32;
const SHAPE = { layers: 2, width: 64, hidden: 128, heads: 2, keyHeads: 1, head: 32 };
/** Types with their number, elements and bytes of a block. */
const TYPES = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  Q4_0: [2, 32, 18],
  Q4_1: [3, 32, 20],
  Q5_0: [6, 32, 22],
  Q5_1: [7, 32, 24],
  Q8_0: [8, 32, 34],
  Q8_1: [9, 32, 36],
  Q2_K: [10, 256, 84],
  Q3_K: [11, 256, 110],
  Q4_K: [12, 256, 144],
  Q5_K: [13, 256, 176],
  Q6_K: [14, 256, 210],
  Q8_K: [15, 256, 292],
  IQ4_NL: [20, 32, 18],
  BF16: [30, 1, 2],
}

/**
 * @param {object} [change]
 * @param {Record<string, any>} [change.entries]  in the place of others; undefined leaves one out
 * @param {Record<string, any>} [change.tensors]  `[type, ...dims]` in the place of others
 * @param {'gemma3' | 'llama'} [change.kind]
 * @param {Partial<typeof SHAPE>} [change.shape]  other numbers, in the entries and in the tensors
 * @param {any[][]} [change.tokens]  text, kind and score of each
 * @param {string} [change.type]  of all matrices
 * @param {(size: number, type: string) => Uint8Array} [change.weights]  bytes of a tensor
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function tiny({
  kind = 'gemma3', entries = {}, tensors = {}, shape = {}, tokens = vocabulary(), type, weights = blocks,
} = {}) {
  state = 1;
  const whole = { ...SHAPE, ...shape };
  const all = {
    'general.architecture': kind,
    [`${kind}.block_count`]: whole.layers,
    [`${kind}.embedding_length`]: whole.width,
    [`${kind}.feed_forward_length`]: whole.hidden,
    [`${kind}.attention.head_count`]: whole.heads,
    [`${kind}.attention.head_count_kv`]: whole.keyHeads,
    [`${kind}.attention.key_length`]: whole.head,
    [`${kind}.attention.value_length`]: whole.head,
    [`${kind}.context_length`]: 128,
    [`${kind}.attention.layer_norm_rms_epsilon`]: { f32: 1e-6 },
    ...(kind === 'gemma3' && {
      'gemma3.attention.sliding_window': 8,
      'gemma3.attention.sliding_window_pattern': 2,
      'gemma3.rope.freq_base': { f32: 1e6 },
    }),
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': { strings: tokens.map(([text]) => text) },
    'tokenizer.ggml.scores': { f32s: tokens.map(([, , score]) => score) },
    'tokenizer.ggml.token_type': { i32s: tokens.map(([, kind]) => kind) },
    'tokenizer.ggml.bos_token_id': 2,
    'tokenizer.ggml.eos_token_id': 1,
    'tokenizer.ggml.unknown_token_id': 3,
    'tokenizer.ggml.add_space_prefix': { bool: false },
    ...entries,
  };
  const named = { ...network(tokens.length, whole, type, kind), ...tensors };
  for (const list of [all, named]) for (const key of Object.keys(list)) if (list[key] === undefined) delete list[key];
  return file(all, named, weights);
}

/** Files with weights of f32: nothing is rounded, so that their logits can be held to `reference.py`'s. */
export const exact = {
  /** Its positions are stretched in the layers that see all. Factor 1 leaves them as they are. */
  stretched: (factor = 8) =>
    tiny({ type: 'F32', entries: {
      'gemma3.rope.scaling.type': 'linear',
      'gemma3.rope.scaling.factor': { f32: factor },
      'gemma3.rope.freq_base': { f32: 100 },
    } }),
  /** Some heads share keys and values. */
  grouped: (keyHeads = 2) => tiny({ type: 'F32', shape: { heads: 4, keyHeads } }),
  /** So do these; and the matrix behind the last layer is another than the first one. */
  llama: (base = 100) => {
    const tensors = { 'output.weight': ['F32', SHAPE.width, vocabulary().length] };
    // It says how long a head is by what the heads share.
    const entries = {
      'llama.rope.freq_base': { f32: base },
      'llama.attention.key_length': undefined,
      'llama.attention.value_length': undefined,
    };
    const shape = { heads: 4, keyHeads: 2, head: SHAPE.width / 4 };
    return tiny({ kind: 'llama', type: 'F32', shape, tensors, entries });
  },
};

/** The norms that Gemma alone has. */
const GEMMA = ['attn_q_norm', 'attn_k_norm', 'post_attention_norm', 'post_ffw_norm'];

function network(count, { layers, width, hidden, heads, keyHeads, head }, type, kind) {
  const tensors = { 'token_embd.weight': [type ?? 'Q8_0', width, count], 'output_norm.weight': ['F32', width] };
  for (let layer = 0; layer < layers; layer++) {
    const parts = {
      attn_norm: ['F32', width],
      attn_q: [type ?? 'Q8_0', width, heads * head],
      attn_k: [type ?? 'F16', width, keyHeads * head],
      attn_v: [type ?? 'Q4_0', width, keyHeads * head],
      attn_q_norm: ['F32', head],
      attn_k_norm: ['F32', head],
      attn_output: [type ?? 'Q4_0', heads * head, width],
      post_attention_norm: ['F32', width],
      ffn_norm: ['F32', width],
      ffn_gate: [type ?? 'Q8_0', width, hidden],
      ffn_up: [type ?? 'BF16', width, hidden],
      ffn_down: [type ?? 'F32', hidden, width],
      post_ffw_norm: ['F32', width],
    };
    for (const [part, tensor] of Object.entries(parts)) {
      if (kind === 'gemma3' || !GEMMA.includes(part)) tensors[`blk.${layer}.${part}.weight`] = tensor;
    }
  }
  return tensors;
}

/** Text, kind and score of each token. */
export function vocabulary() {
  const control = ['<pad>', '<eos>', '<bos>', '<unk>'].map(text => [text, 3, -1000]);
  const bytes = Array.from({ length: 256 }, (_, byte) => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    6,
    -1000,
  ])
  const letters = [...'abcdefghijklmnopqrstuvwxyz.,!?\u2581'].map(text => [text, 1, -20]);
  const merged = ['th', 'the', '\u2581the', 'in', 'ing', 'er', '\u2581a', 'an', 'and'].map((text, at) => [
    text,
    1,
    -1 - at,
  ])
  return [...control, ...bytes, ...letters, ...merged, ['\n\n', 4, -1000]];
}

function file(entries, tensors, weights) {
  const parts = [
    Buffer.from('GGUF\x03\0\0\0', 'latin1'),
    u64(Object.keys(tensors).length),
    u64(Object.keys(entries).length),
  ]
  for (const [key, value] of Object.entries(entries)) parts.push(string(key), Buffer.concat(entry(value)));
  let offset = 0;
  const data = [];
  for (const [name, [type, ...dims]] of Object.entries(tensors)) {
    const [number, elements, bytes] = TYPES[type];
    const size = dims.reduce((all, dim) => all * dim, 1) / elements * bytes;
    parts.push(string(name), u32(dims.length), ...dims.map(u64), u32(number), u64(offset));
    data.push(padded(weights(size, type)));
    offset += data.at(-1).length;
  }
  return new Uint8Array(Buffer.concat([padded(Buffer.concat(parts)), ...data]));
}

function entry(value) {
  if (typeof value === 'string') return [u32(8), string(value)];
  if (typeof value === 'number') return [u32(4), u32(value)];
  if ('bool' in value) return [u32(7), Buffer.of(value.bool ? 1 : 0)];
  if ('f32' in value) return [u32(6), f32(value.f32)];
  const [of, items] =
    'strings' in value
      ? [8, value.strings.map(string)]
      : 'f32s' in value
        ? [6, value.f32s.map(f32)]
        : [5, value.i32s.map(u32)]
  return [u32(9), u32(of), u64(items.length), ...items];
}

let state = 1;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;

/** Random weights of about -0.2 to 0.2, and norms around 1. */
function blocks(size, type) {
  const bytes = Buffer.alloc(size);
  const step = TYPES[type][2];
  for (let at = 0; at < size; at += step) {
    if (type === 'F32') bytes.writeFloatLE(0.4 * random() - 0.2 + (size <= 4 * SHAPE.width ? 1 : 0), at)
    else if (type === 'F16')
      bytes.writeUInt16LE(0x2c00 + Math.floor(random() * 0x800) + (random() < 0.5 ? 0x8000 : 0), at)
    else if (type === 'BF16')
      bytes.writeUInt16LE(0x3d00 + Math.floor(random() * 0x80) + (random() < 0.5 ? 0x8000 : 0), at)
    else {
      // A scale of 2^-9 for numbers of eight bits, of 2^-5 for those of four, and random numbers.
      bytes.writeUInt16LE(type === 'Q8_0' ? 0x1800 : 0x2800, at)
      for (let byte = 2; byte < step; byte++) bytes[at + byte] = random() * 256
    }
  }
  return bytes;
}

const padded = bytes => Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - bytes.length % ALIGNMENT) % ALIGNMENT)]);
const string = text => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);
const f32 = value => Buffer.from(Float32Array.of(value).buffer);
const u32 = value => Buffer.from(Uint32Array.of(value).buffer);
const u64 = value => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
