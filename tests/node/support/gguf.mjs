// Builds GGUF files for the tests, and remembers where each field stands.

const VALUE = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
};
const TENSOR = { F32: [0, 1, 4], F16: [1, 1, 2], Q8_0: [8, 32, 34], Q4_K: [12, 256, 144], I8: [24, 1, 1] };

/**
 * A file of `entries` ([key, type, value]; an array's value is [element type, items]) and `tensors`
 * ({ name, type, dims, offset }; `offset` only to lie). `at` has the offset of each field by its path.
 */
export function header({ entries = [], tensors = [], version = 3, tensorCount = tensors.length, alignment = 32 } = {}) {
  const out = new Writer();
  const at = {};
  out.raw('GGUF').u32(version).u64(tensorCount).u64(entries.length);
  entries.forEach(([key, type, value], index) => {
    at[`metadata[${index}].key`] = out.length;
    out.string(key);
    at[`metadata[${index}].type`] = out.length;
    out.u32(VALUE[type]);
    at[`metadata[${index}].value`] = out.length;
    out.value(type, value);
  });
  const placed = [];
  let running = 0;
  tensors.forEach(({ name, type, dims, offset = running }, index) => {
    const [id, elements, blockBytes] = TENSOR[type];
    const bytes = dims.reduce((product, dim) => product * dim, 1) / elements * blockBytes;
    at[`tensors[${index}].name`] = out.length;
    out.string(name).u32(dims.length);
    dims.forEach((dim, k) => {
      at[`tensors[${index}].dims[${k}]`] = out.length;
      out.u64(dim);
    });
    at[`tensors[${index}].type`] = out.length;
    out.u32(id);
    at[`tensors[${index}].offset`] = out.length;
    out.u64(offset);
    placed.push({ name, type, dims, start: running, bytes });
    running += roundUp(bytes, alignment);
  });
  const headerBytes = out.length;
  const dataStart = roundUp(headerBytes, alignment);
  const length = tensors.length ? dataStart + running : headerBytes;
  return { bytes: out.bytes(), at, headerBytes, dataStart, length, tensors: placed };
}

/** The whole file: the header, padding, and each tensor filled by `fill(view, index)`, by default with a pattern. */
export function gguf({ fill = pattern, ...description } = {}) {
  const built = header(description);
  const file = new Uint8Array(built.length);
  file.set(built.bytes);
  built.tensors.forEach(({ start, bytes }, index) => {
    const from = built.dataStart + start;
    fill(file.subarray(from, from + bytes), index);
  });
  return Object.assign(file, {
    at: built.at,
    dataStart: built.dataStart,
    headerBytes: built.headerBytes,
    tensors: built.tensors,
  });
}

/** A good file of exactly `length` bytes: one tensor, and one entry to make it interesting. */
export function fileOf(length, seed = 1) {
  const describe = bytes => ({
    entries: [['general.name', 'string', `seed ${seed}`]], tensors: [{ name: 'weights', type: 'I8', dims: [bytes] }],
  });
  const dataStart = header(describe(1)).dataStart;
  if (length <= dataStart) throw new Error(`too short: ${length}`);
  const file = gguf({ ...describe(length - dataStart), fill: view => pattern(view, seed) });
  return Object.assign(file.slice(0, length), { dataStart });
}

/** A small file with entries of every kind and three tensors, one of them empty. */
export function smallFile(seed = 1) {
  return gguf({
    entries: [
      ['general.architecture', 'string', 'test'],
      ['seed', 'u32', seed],
      ['ratio', 'f32', 0.1],
      ['big', 'u64', 2 ** 53],
      ['flag', 'bool', 1],
      ['words', 'array', ['string', ['one', 'two', 'trois é']]],
      ['scores', 'array', ['f32', [1, 2.5]]],
    ],
    tensors: [
      { name: 'a', type: 'F32', dims: [3, 2] },
      { name: 'empty', type: 'F32', dims: [0] },
      { name: 'b', type: 'Q8_0', dims: [64] },
    ],
    fill: (view, index) => pattern(view, seed * 31 + index),
  });
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(view, seed = 0) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const most = Math.min(view.length, 65536);
  for (let at = 0; at < most; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    view[at] = state >>> 24;
  }
  for (let at = most; at < view.length; at *= 2) view.copyWithin(at, 0, Math.min(at, view.length - at));
}

export const roundUp = (value, to) => Math.ceil(value / to) * to;

class Writer {
  #parts = [];
  length = 0;

  raw(bytes) {
    const part = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    this.#parts.push(part);
    this.length += part.length;
    return this;
  }

  #number(bytes, write) {
    const part = new Uint8Array(bytes);
    write(new DataView(part.buffer));
    return this.raw(part);
  }

  u32(value) {
    return this.#number(4, view => view.setUint32(0, value, true));
  }

  u64(value) {
    return this.#number(8, view => view.setBigUint64(0, BigInt(value), true));
  }

  string(text) {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    return this.u64(bytes.length).raw(bytes);
  }

  value(type, value) {
    switch (type) {
      case 'u8': case 'bool': return this.raw(Uint8Array.of(value));
      case 'i8': return this.raw(Uint8Array.of(value & 0xff));
      case 'u16': return this.#number(2, view => view.setUint16(0, value, true));
      case 'i16': return this.#number(2, view => view.setInt16(0, value, true));
      case 'u32': return this.u32(value);
      case 'i32': return this.#number(4, view => view.setInt32(0, value, true));
      case 'f32': return this.#number(4, view => view.setFloat32(0, value, true));
      case 'u64': return this.u64(value);
      case 'i64': return this.#number(8, view => view.setBigInt64(0, BigInt(value), true));
      case 'f64': return this.#number(8, view => view.setFloat64(0, value, true));
      case 'string': return this.string(value);
      case 'array': {
        const [of, items] = value;
        this.u32(VALUE[of]).u64(items.length);
        items.forEach(item => this.value(of, item));
        return this;
      }
      default: throw new Error(`no value type ${type}`);
    }
  }

  bytes() {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
