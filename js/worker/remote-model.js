import { ASYNC_DISPOSE } from '../core/disposal.js';
import { misuse } from '../core/errors.js';

/**
 * A header in a worker's guest: a `Header`, with the answers as promises.
 *
 * Every call but `report` is answered by the worker. After `release` it is misuse, after the worker's end `dead`.
 *
 * @template {import('../guest/report.js').Report} [R=import('../guest/report.js').Report]
 */
export class RemoteHeader {
  #line;

  /**
   * @param {import('./line.js').Line} line  its own
   * @param {R} report
   */
  constructor(line, report) {
    this.#line = line;
    /** What the file is: facts, metadata, tensors; of an admitted one digests. */
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

  /** Frees it. Doing that twice, or after the worker's end, is harmless. */
  async release() {
    if (this.#line.isOver) return;
    const released = this.#line.ask('release');
    await released.catch(() => {}); // a worker that ended has freed all
    this.#line.end(misuse('the model is released', { code: 'handle' }));
  }

  [ASYNC_DISPOSE]() {
    return this.release();
  }
}

/**
 * An admitted model in a worker's guest. It lives there until `release`, the end of its `await using`, or until the
 * worker ends.
 *
 * @extends {RemoteHeader<import('../guest/report.js').ModelReport>}
 * @implements {AdmittedModel}
 * @typedef {import('../guest/model.js').AdmittedModel} AdmittedModel
 */
export class RemoteModel extends RemoteHeader {
  /** @type {boolean | undefined} of `admitStored`: whether the file is stored */ stored;
  /** @type {import('../core/errors.js').AdmissionError | undefined} why it is not, where it need not be */ storeFault;
  #line;

  /**
   * @param {import('./line.js').Line} line  the model's own
   * @param {import('../guest/report.js').ModelReport} report
   */
  constructor(line, report) {
    super(line, report);
    this.#line = line;
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

  /**
   * The evidence of the file: 32 bytes for each group of 2^20 bytes. Misuse where it was not asked for.
   *
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  evidence() {
    return this.#line.ask('evidence');
  }

  /**
   * Whether `bytes`, which are copied to the worker, are group `group` of the file.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   * @returns {Promise<boolean>}
   */
  checkGroup(group, bytes) {
    return this.#line.ask('checkGroup', [group, bytes]);
  }

  /** Makes this the active model of the worker's guest. @returns {Promise<void>} */
  activate() {
    return this.#line.ask('activate');
  }

  /** @returns {Promise<boolean>} whether it is the model that the calls of ABI v1 speak of; see `activate` */
  isActive() {
    return this.#line.ask('isActive');
  }
}
