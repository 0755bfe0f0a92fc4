import { ASYNC_DISPOSE } from '../core/disposal.js';
import { checkGroup } from './group.js';
import { Header, placeIn, places } from './header.js';

/** @typedef {import('./guest.js').Guest} Guest */
/** @typedef {import('./report.js').ModelReport} ModelReport */

/**
 * @typedef {object} AdmittedModel  What `Model` and `RemoteModel` have in common: with `await` one code serves both.
 * @property {ModelReport} report  what the file is: facts, metadata, tensors, digests
 * @property {(keyOrIndex: string | number) => any} metadata  one value in full; undefined when the file has no such key
 * @property {(nameOrIndex: string | number) =>
 *   Uint8Array<ArrayBuffer> | undefined | Promise<Uint8Array<ArrayBuffer> | undefined>} tensor
 *   the bytes of a tensor of a resident model; undefined when the file has no such tensor
 * @property {() => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>} evidence  32 bytes for each group of
 *   2^20 bytes; misuse where it was not asked for
 * @property {(group: number, bytes: Uint8Array) => boolean | Promise<boolean>} checkGroup  whether the bytes are that
 *   group of the file
 * @property {boolean} [stored]      of `admitStored`: whether the file is stored
 * @property {import('../core/errors.js').AdmissionError} [storeFault]  why it is not, where the option `store` is
 *   `optional`
 * @property {() => void | Promise<void>} activate  makes it the active model of its guest
 * @property {() => void | Promise<void>} release   frees it; doing that twice is harmless
 */

/**
 * An admitted model. It lives in the guest until `release`, or the end of its `using`.
 *
 * @implements {AdmittedModel}
 */
export class Model extends Header {
  /** @type {boolean | undefined} of `admitStored`: whether the file is stored */ stored;
  /** @type {import('../core/errors.js').AdmissionError | undefined} why it is not, where it need not be */ storeFault;
  #guest;
  /** @type {Map<string, number> | undefined} */ #names;

  /**
   * @param {Guest} guest
   * @param {number} handle  of an admitted model
   */
  constructor(guest, handle) {
    super(guest, handle);
    this.#guest = guest;
  }

  /**
   * What the file is: facts, metadata, tensors, digests.
   *
   * @override
   * @returns {ModelReport}
   */
  get report() {
    return /** @type {ModelReport} */ (super.report);
  }

  /**
   * The bytes of a tensor of a resident model, where they lie in the guest's memory, aligned as the file says.
   * A view: good until the next call into the guest. `slice()` it to keep it.
   *
   * @param {string | number} nameOrIndex  an index is a whole number, 0 or above; anything else is misuse
   * @returns {Uint8Array<ArrayBuffer> | undefined} undefined when the file has no such tensor, or the index is past its
   *   last
   */
  tensor(nameOrIndex) {
    this.#names ??= places(this.report.tensors.map(tensor => tensor.name));
    const index = placeIn(this.#names, nameOrIndex);
    return index === undefined ? undefined : this.#guest.tensor(this.handle, index);
  }

  /**
   * The evidence of the file: 32 bytes for each group of 2^20 bytes, by which that group can be proven. A copy.
   * Misuse where it was not asked for.
   *
   * @returns {Uint8Array<ArrayBuffer>}
   */
  evidence() {
    return this.#guest.evidence(this.handle).slice();
  }

  /**
   * Whether `bytes` are group `group` of the file: the bytes from `group * 2^20` on, 2^20 of them or up to the end.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   * @returns {boolean}
   */
  checkGroup(group, bytes) {
    return checkGroup(this.#guest, this.handle, group, bytes);
  }

  /** Makes this the active model: the one that ABI v1's exports speak of. */
  activate() {
    this.#guest.activate(this.handle);
  }

  /** @returns {boolean} whether it is the model that the calls of ABI v1 speak of; see `activate` */
  get isActive() {
    return this.handle !== 0 && this.#guest.active() === this.handle;
  }

  async [ASYNC_DISPOSE]() {
    this.release();
  }
}
