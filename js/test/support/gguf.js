// Makes small GGUF files: enough of the format for the tests of this package.

/**
 * @typedef {{ name?: string, bytes?: number, fill?: (index: number) => number }} TensorSpec F32, or I8 when not in
 * fours
 */

/** @typedef {string | number | string[] | { u16: number } | { i32: number }} Value  a number is a u32 */

/**
 * @param {object} [spec]
 * @param {Record<string, Value>} [spec.metadata]
 * @param {TensorSpec[]} [spec.tensors]
 * @param {number} [spec.alignment]
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function gguf({
  metadata = { 'general.architecture': 'test' },
  tensors = [{ bytes: 64 }],
  alignment = 32,
} = {}) {
  /** @type {Uint8Array[]} */
  const parts = [];
  const entries = Object.entries(metadata);
  const named = tensors.map(({ name, bytes = 64, fill = plain }, index) => ({
    name: name ?? `tensor.${index}`,
    bytes,
    fill,
  }));
  parts.push(text('GGUF'), u32(3), u64(named.length), u64(entries.length));
  for (const [key, value] of entries) {
    parts.push(string(key));
    if (typeof value === 'string') parts.push(u32(8), string(value));
    else if (typeof value === 'number') parts.push(u32(4), u32(value));
    else if ('u16' in value) parts.push(u32(2), new Uint8Array(Uint16Array.of(value.u16).buffer));
    else if ('i32' in value) parts.push(u32(5), u32(value.i32));
    else parts.push(u32(9), u32(8), u64(value.length), ...value.map(string));
  }
  let offset = 0;
  for (const { name, bytes } of named) {
    parts.push(string(name), u32(1), u64(bytes), u32(24), u64(offset));
    offset += padded(bytes, alignment);
  }
  const header = parts.reduce((sum, part) => sum + part.length, 0);
  if (named.length > 0) parts.push(new Uint8Array(padded(header, alignment) - header));
  for (const { bytes, fill } of named) {
    const data = new Uint8Array(padded(bytes, alignment));
    for (let index = 0; index < bytes; index++) data[index] = fill(index);
    parts.push(data);
  }
  return joined(parts);
}

/** A file whose header takes more than one window, as its first tensor does; and where that begins. */
export function long() {
  const words = Array.from({ length: 9000 }, (_, i) => `word ${i}`);
  const metadata = { 'general.architecture': 'test', words };
  const file = gguf({ metadata, tensors: [{ bytes: 3_000_001 }, { bytes: 7 }] });
  return { file, tensorAt: file.length - 32 - 3_000_032 };
}

/** @param {Uint8Array[]} parts  @returns {Uint8Array<ArrayBuffer>} */
export function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {number} index */
const plain = index => (index * 31 + (index >> 8)) & 0xff;
/** @param {number} size  @param {number} alignment */
const padded = (size, alignment) => Math.ceil(size / alignment) * alignment;
/** @param {string} value */
const text = value => new TextEncoder().encode(value);
/** @param {string} value */
const string = value => joined([u64(text(value).length), text(value)]);
/** @param {number} value */
const u32 = value => new Uint8Array(Uint32Array.of(value).buffer);
/** @param {number} value */
const u64 = value => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
