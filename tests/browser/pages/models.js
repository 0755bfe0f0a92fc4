// The model files of these tests: the same in Node and in a page.
import { gguf } from '../../../js/test/support/gguf.js';

const MIB = 1024 * 1024;
const words = Array.from({ length: 20_000 }, (_, index) => `word-${index}`);

/** A header of some hundred bytes, and 3 KiB of tensors. */
export const small = () =>
  gguf({ metadata: { 'general.architecture': 'small' }, tensors: [{ bytes: 2048 }, { bytes: 1000 }] });

/** Another file of the same length as `small`. */
export const otherSmall = () =>
  gguf({ metadata: { 'general.architecture': 'other' }, tensors: [{ bytes: 2048, fill: () => 7 }, { bytes: 1000 }] });

/** A header of 380 KiB and 3 MiB of tensors, one of them above a window's size. */
export const middle = () =>
  gguf({
    metadata: { 'general.architecture': 'middle', 'tokenizer.ggml.tokens': words },
    tensors: [{ bytes: 2 * MIB }, { bytes: 999 }, { bytes: MIB }],
  });

/** A header of 100 bytes and a tensor that takes long to send. */
export const large = (mib = 32) => gguf({ tensors: [{ bytes: mib * MIB, fill: index => index & 0xff }] });

/** Two MiB of header of which the last tensor record is wrong. */
export function badTable() {
  const file = gguf({
    metadata: { 'general.architecture': 'bad', 'tokenizer.ggml.tokens': words },
    tensors: [{ bytes: 64 }, { bytes: MIB }],
  });
  const bytes = new DataView(file.buffer);
  const header = headerBytes(file);
  bytes.setBigUint64(header - 8, 96n, true); // the offset of the last tensor, 64 in a right file
  return file;
}

/** @param {Uint8Array} file  made here, with tensors named `tensor.N` */
export function headerBytes(file) {
  const names = /** @type {number[]} */ ([]);
  const needle = new TextEncoder().encode('tensor.');
  for (
    let at = file.indexOf(needle[0]);
    at >= 0 && at < file.length - needle.length;
    at = file.indexOf(needle[0], at + 1)
  ) {
    if (needle.every((byte, index) => file[at + index] === byte)) names.push(at);
    if (names.length > 0 && at > names[names.length - 1] + 200) break;
  }
  const count = Number(new DataView(file.buffer).getBigUint64(8, true));
  // name (here with one digit), dimension count, one dimension, type, offset
  return names[count - 1] + needle.length + 1 + 4 + 8 + 4 + 8;
}
