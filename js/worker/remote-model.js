import { misuse } from '../core/errors.js';

/**
 * An admitted model in a worker's guest. It lives there until `release`, or until the worker ends.
 *
 * Every call but `report` is answered by the worker. After `release` it is misuse, after the worker's end `dead`.
 */
export class RemoteModel {
  #line;

  /**
   * @param {import('./line.js').Line} line  the model's own
   * @param {import('../guest/report.js').Report} report
   */
  constructor(line, report) {
    this.#line = line;
    /** What the file is: facts, metadata, tensors, digests. */
    this.report = report;
  }

  /**
   * One metadata value in full, arrays too. 64-bit integers are strings.
   *
   * @param {string | number} keyOrIndex
   * @returns {Promise<any>} undefined when the file has no such key
   */
  metadata(keyOrIndex) {
    return this.#line.ask('metadata', [keyOrIndex]);
  }

  /**
   * The bytes of a tensor of a resident model: a copy, made in the worker and transferred, the caller's to keep.
   *
   * @param {string | number} nameOrIndex
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} undefined when the file has no such tensor
   */
  tensor(nameOrIndex) {
    return this.#line.ask('tensor', [nameOrIndex]);
  }

  /** Makes this the active model of the worker's guest. @returns {Promise<void>} */
  activate() {
    return this.#line.ask('activate');
  }

  /** @returns {Promise<boolean>} */
  isActive() {
    return this.#line.ask('isActive');
  }

  /** Frees the model. Doing it twice, or after the worker's end, is harmless. */
  async release() {
    if (this.#line.isOver) return;
    const released = this.#line.ask('release');
    await released.catch(() => {}); // a worker that ended has freed all
    this.#line.end(misuse('the model is released', { code: 'handle' }));
  }
}
