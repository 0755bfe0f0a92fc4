// Files to measure with: a real one in memory, or one that is made as it is read, of any size.
import { readFileSync } from 'node:fs';

const PATTERN = Buffer.alloc(1 << 24);
for (let at = 0; at < PATTERN.length; at += 4) PATTERN.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at);

/**
 * @typedef {object} File
 * @property {number} length
 * @property {(window: Uint8Array, offset: number) => number} fill  writes the bytes from `offset` on; how many
 */

/** @param {string | URL} path @returns {File} */
export function realFile(path) {
  const bytes = readFileSync(path);
  return { length: bytes.length, fill: (window, offset) => copy(bytes, offset, window) };
}

/**
 * A file with so many tensors of equal size behind a small header; the data is a pattern.
 *
 * @param {number} length  roughly
 * @param {number} [tensors]
 * @returns {File}
 */
export function madeFile(length, tensors = 1) {
  const size = Math.floor(length / tensors / 32) * 32;
  const u32 = value => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = value => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const records = Array.from({ length: tensors }, (_, index) => {
    const name = `blk.${index}.weight`;
    return Buffer.concat([u64(name.length), Buffer.from(name), u32(1), u64(size), u32(24), u64(index * size)]);
  });
  const table = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(0), ...records]);
  const header = Buffer.concat([table, Buffer.alloc(-table.length & 31)]);
  return {
    length: header.length + tensors * size,
    fill(window, offset) {
      const left = header.length + tensors * size - offset;
      if (left <= 0) return 0;
      if (offset < header.length) return copy(header, offset, window);
      return copy(PATTERN, offset % PATTERN.length, window.length > left ? window.subarray(0, left) : window);
    },
  };
}

/** @param {Uint8Array} from @param {number} at @param {Uint8Array} to */
function copy(from, at, to) {
  const count = Math.min(from.length - at, to.length);
  to.set(from.subarray(at, at + count));
  return count;
}
