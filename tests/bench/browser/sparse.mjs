// A model file of any size that takes no room: a header, one I8 tensor, and a hole.
import { truncateSync, writeFileSync } from 'node:fs';

const I8 = 24;
const u32 = value => Buffer.from(Uint32Array.of(value).buffer);
const u64 = value => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);

/** @param {string} path @param {number} elements @returns {string} path */
export function makeSparse(path, elements) {
  const name = 'hole.weight';
  // A row stays below 2^31 elements.
  const row = 2 ** 20;
  const tensor = [u64(name.length), Buffer.from(name), u32(2), u64(row), u64(elements / row), u32(I8), u64(0)];
  const table = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(1), u64(0), ...tensor]);
  const header = Buffer.concat([table, Buffer.alloc(-table.length & 31)]);
  writeFileSync(path, header);
  truncateSync(path, header.length + elements);
  return path;
}
