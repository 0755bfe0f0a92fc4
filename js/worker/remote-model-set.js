import { RemoteModel } from './remote-model.js';

/**
 * An admitted model in several files, in a worker's guest: a `ModelSet`, with the answers as promises. Its `report` has
 * the reports of all shards.
 */
export class RemoteModelSet extends RemoteModel {
  #line;

  /**
   * @param {import('./line.js').Line} line  the model's own
   * @param {import('../guest/report.js').SetReport} report
   */
  constructor(line, report) {
    super(line, report);
    this.#line = line;
    /** The first shard's, with the tensors of all and each one's report. */
    this.report = report;
  }

  /**
   * The evidence of one shard's file. Misuse where it was not asked for.
   *
   * @override
   * @param {number} [shard]  its place in the list; a set of one needs none
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  evidence(shard) {
    return this.#line.ask('evidence', [shard]);
  }

  /**
   * Whether `bytes`, which are copied to the worker, are group `group` of one shard's file.
   *
   * @override
   * @param {number} group
   * @param {Uint8Array} bytes
   * @param {number} [shard]  its place in the list; a set of one needs none
   * @returns {Promise<boolean>}
   */
  checkGroup(group, bytes, shard) {
    return this.#line.ask('checkGroup', [group, bytes, shard]);
  }
}
