// A stored model in several files whose tensors stay on the disk.
import { isAdmissionError, ofShard } from '../core/errors.js';
import { Places, ShardSet } from '../guest/model-set.js';

/** @typedef {import('./opened-model.js').OpenedModel} OpenedModel */

/**
 * It has what an `OpenedModel` has, over all files; each is in `shards`. Until `release` none of them is removed or
 * replaced, from whichever tab.
 *
 * @extends {ShardSet<OpenedModel>}
 */
export class OpenedSet extends ShardSet {
  #places = new Places(this.report);

  /**
   * The bytes of a tensor, or some of them, in whichever file: the caller's to keep.
   *
   * @param {string | number} nameOrIndex  an index into `report.tensors`
   * @param {import('./opened-model.js').TensorRange} [range]
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} undefined when the model has no such tensor
   */
  async tensor(nameOrIndex, range) {
    const found = this.#places.of(nameOrIndex);
    if (!found) return undefined;
    const { shard, name } = found;
    try {
      return await this.shards[shard].tensor(name, range);
    } catch (error) {
      const isOfFile = isAdmissionError(error) && error.kind !== 'misuse';
      throw isOfFile ? ofShard(error, shard, this.shards.length) : error;
    }
  }
}
