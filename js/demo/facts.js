// What a header says about a model, in words.
import { foreign } from './element.js';
import { cut, NBSP, rounded, size, whole } from './format.js';

/** @typedef {import('../index.js').Report} Report */

/** Names of `general.file_type`. */
const FILE_TYPES = new Map(Object.entries({
  0: 'F32', 1: 'F16', 2: 'Q4_0', 3: 'Q4_1', 7: 'Q8_0', 8: 'Q5_0', 9: 'Q5_1', 10: 'Q2_K', 11: 'Q3_K small',
  12: 'Q3_K medium', 13: 'Q3_K large', 14: 'Q4_K small', 15: 'Q4_K medium', 16: 'Q5_K small', 17: 'Q5_K medium',
  18: 'Q6_K', 19: 'IQ2_XXS', 20: 'IQ2_XS', 21: 'Q2_K small', 22: 'IQ3_XS', 23: 'IQ3_XXS', 24: 'IQ1_S', 25: 'IQ4_NL',
  26: 'IQ3_S', 27: 'IQ3_M', 28: 'IQ2_S', 29: 'IQ2_M',
  30: 'IQ4_XS', 31: 'IQ1_M', 32: 'BF16', 36: 'TQ1_0', 37: 'TQ2_0', 38: 'MXFP4',
}));

/**
 * @param {Report} report  of a header that is complete
 * @returns {[name: string, value: Node | string, note?: string][]}
 */
export function factsOf(report) {
  const entries = new Map(report.metadata.map(entry => [entry.key, entry]));
  const text = (/** @type {string} */ key) => {
    const value = entries.get(key)?.value;
    return value === undefined || value === null ? undefined : cut(String(value), 200);
  };
  const number = (/** @type {string} */ key) => {
    const value = Number(entries.get(key)?.value);
    return Number.isFinite(value) && entries.has(key) ? value : undefined;
  };
  const architecture = text('general.architecture');
  const context = number(`${architecture}.context_length`);
  const layers = number(`${architecture}.block_count`);
  const parameters = parametersOf(report);
  const types = bytesByType(report);
  const { gguf, memory, length } = report;
  return [
    [
      'Architecture',
      foreign(architecture ?? 'not given'),
      [text('general.name'), layers && `${whole(layers)} layers`].filter(Boolean).join(', '),
    ],
    ['Context length', context === undefined ? 'not given' : `${whole(context)} tokens`],
    [
      'Parameters',
      parameters ? rounded(parameters) : 'none',
      `${whole(report.tensors.length)} ${report.tensors.length === 1 ? 'tensor' : 'tensors'}`,
    ],
    [
      'Quantisation',
      quantisation(text('general.file_type'), types),
      types.length > 0 ? `by bytes: ${shares(types)}` : undefined,
    ],
    [
      'Tokenizer',
      foreign(text('tokenizer.ggml.model') ?? 'not given'),
      vocabulary(entries.get('tokenizer.ggml.tokens'), text('tokenizer.ggml.pre')),
    ],
    [
      'Memory needed',
      size(memory.needed),
      report.sink === 'resident'
        ? 'header and tensors, in the guest'
        : 'header and one window: it does not depend on the tensors',
    ],
    [
      'File',
      length === null ? 'length not known yet' : size(length),
      `GGUF version ${gguf.version}, ${partsOf(report)}`,
    ],
  ];
}

/** @param {Report | import('../index.js').SetReport} report */
function partsOf(report) {
  const files = 'shards' in report ? report.shards : [report];
  const sum = (/** @type {'headerBytes' | 'dataBytes'} */ part) => files.reduce((all, { gguf }) => all + gguf[part], 0);
  const [header, data] = [size(sum('headerBytes')), size(sum('dataBytes'))];
  return files.length > 1
    ? `${files.length} files, headers ${header}, tensors ${data}` : `header ${header}, tensors ${data}`;
}

/**
 * @param {Report} report
 * @returns {{ type: string, bytes: number, count: number }[]} the largest first
 */
export function bytesByType({ tensors }) {
  /** @type {Map<string, { type: string, bytes: number, count: number }>} */
  const sums = new Map();
  for (const { type, bytes } of tensors) {
    const sum = sums.get(type) ?? { type, bytes: 0, count: 0 };
    sum.bytes += Number(bytes);
    sum.count++;
    sums.set(type, sum);
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

/** @param {Report} report */
const parametersOf = ({ tensors }) =>
  tensors.reduce((sum, { dims }) => sum + dims.map(Number).reduce((product, dim) => product * dim, 1), 0);

/**
 * @param {string | undefined} declared
 * @param {{ type: string }[]} types
 */
const quantisation = (declared, types) => FILE_TYPES.get(declared ?? '') ?? types[0]?.type ?? 'none';

/** @param {{ type: string, bytes: number }[]} types */
function shares(types) {
  const all = types.reduce((sum, { bytes }) => sum + bytes, 0) || 1;
  return (
    types
      .slice(0, 3)
      .map(({ type, bytes }) => type + NBSP + percent(bytes / all))
      .join(', ') + (types.length > 3 ? ', …' : '')
  );
}

/** @param {number} share */
export const percent = share =>
  (share > 0 && share < 0.001 ? `<${NBSP}0.1` : (100 * share).toFixed(share >= 0.0995 ? 0 : 1)) + `${NBSP}%`;

/**
 * @param {import('../index.js').Entry | undefined} tokens
 * @param {string | undefined} splitter
 */
const vocabulary = (tokens, splitter) =>
  [tokens?.items !== undefined && `${whole(tokens.items)} tokens`, splitter && `pre-tokenizer ${splitter}`]
    .filter(Boolean)
    .join(', ');
