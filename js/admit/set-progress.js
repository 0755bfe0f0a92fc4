import { Progress } from './progress.js';

/** @typedef {import('./progress.js').OnProgress} OnProgress */

/** One progress of several files that come in side by side. */
export class SetProgress {
  #progress;
  /** @type {{ bytes: number, kept: number, total: number | undefined }[]} */ #shards;
  /** @type {Promise<unknown>} the last call, so that they never overlap */ #told = Promise.resolve();

  /**
   * @param {OnProgress | undefined} onProgress
   * @param {(number | undefined)[]} totals  of the files, in bytes, as far as they are known
   * @param {AbortSignal} signal
   */
  constructor(onProgress, totals, signal) {
    this.#progress = new Progress(onProgress, undefined, signal);
    this.#shards = totals.map(total => ({ bytes: 0, kept: 0, total }));
  }

  /**
   * @template T
   * @param {() => T | PromiseLike<T>} decide  as `Progress.pausedFor`
   */
  pausedFor(decide) {
    return this.#progress.pausedFor(decide);
  }

  /**
   * Takes in the progress of one file.
   *
   * @param {number} index
   * @returns {OnProgress}
   */
  of(index) {
    return ({ bytes, kept, total, phase }) => {
      const shard = this.#shards[index];
      this.#shards[index] = { bytes, kept, total: total ?? shard.total };
      const isHeader = index === 0 && phase === 'header';
      const told = this.#told.then(() => this.#tell(isHeader ? 'header' : 'data'));
      this.#told = told.catch(() => {}); // the shard that called has it
      return told;
    };
  }

  /** All files are admitted. */
  async done() {
    this.#sum();
    await this.#progress.done(this.#bytes);
  }

  /** @param {'header' | 'data'} phase */
  async #tell(phase) {
    this.#sum();
    await this.#progress.tell(this.#bytes, phase);
  }

  #sum() {
    this.#progress.kept = this.#shards.reduce((sum, { kept }) => sum + kept, 0);
    this.#progress.total = this.#shards.reduce(
      (sum, { total }) => (sum === undefined || total === undefined ? undefined : sum + total),
      /** @type {number | undefined} */ (0),
    );
  }

  get #bytes() {
    return this.#shards.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
