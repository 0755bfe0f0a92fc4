// Models in several files, made for the tests.
import { gguf } from './gguf.js';

/**
 * The shards of a model, each with one tensor, `blk.N.weight`.
 *
 * @param {number} [count]
 * @param {{ bytes?: number }} [spec]  bytes of each tensor
 */
export const shards = (count = 3, spec) => Array.from({ length: count }, (_, no) => shard(no, { count, ...spec }));

/**
 * One shard.
 *
 * @param {number} no
 * @param {{ count?: number, tensors?: number, name?: string, bytes?: number }} [spec]  what it says of its set
 */
export const shard = (no, { count = 3, tensors = count, name = `blk.${no}.weight`, bytes = 200_000 } = {}) =>
  gguf({
    metadata: {
      ...(no === 0 && { 'general.architecture': 'test', 'general.name': 'a set' }),
      'split.no': { u16: no }, 'split.count': { u16: count }, 'split.tensors.count': { i32: tensors },
    },
    tensors: [{ name, bytes, fill: index => (index * 7 + no) & 0xff }],
  });
