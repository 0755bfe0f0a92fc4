import { misuse } from '../core/errors.js';

/** @typedef {import('./guest.js').Guest} Guest */
/** @typedef {import('./report.js').Report} Report */

/** An admitted model. It lives in the guest until `release`. */
export class Model {
  #guest;
  #handle;
  /** @type {Report | undefined} */ #report;
  /** @type {Map<string, number> | undefined} */ #keys;
  /** @type {Map<string, number> | undefined} */ #names;

  /**
   * @param {Guest} guest
   * @param {number} handle  of an admitted model
   */
  constructor(guest, handle) {
    this.#guest = guest;
    this.#handle = handle;
  }

  /** The model's handle in the guest; 0 once it is released. */
  get handle() {
    return this.#handle;
  }

  /** @returns {Report} what the file is: facts, metadata, tensors, digests */
  get report() {
    return (this.#report ??= this.#guest.report(this.#handle));
  }

  /**
   * One metadata value in full, arrays too. 64-bit integers are strings.
   *
   * @param {string | number} keyOrIndex  an index is a whole number, 0 or above; anything else is misuse
   * @returns {any} undefined when the file has no such key, or the index is past its last
   */
  metadata(keyOrIndex) {
    this.#keys ??= places(this.report.metadata.map(entry => entry.key));
    const index = placeIn(this.#keys, keyOrIndex);
    return index === undefined ? undefined : this.#guest.metadata(this.#handle, index);
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
    return index === undefined ? undefined : this.#guest.tensor(this.#handle, index);
  }

  /** Makes this the active model: the one that ABI v1's exports speak of. */
  activate() {
    this.#guest.activate(this.#handle);
  }

  /** @returns {boolean} */
  get isActive() {
    return this.#handle !== 0 && this.#guest.active() === this.#handle;
  }

  /** Frees the model. Doing it twice is harmless. */
  release() {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle !== 0) this.#guest.release(handle);
  }
}

/**
 * @param {Map<string, number>} places
 * @param {string | number} nameOrIndex
 * @returns {number | undefined}
 */
export function placeIn(places, nameOrIndex) {
  if (typeof nameOrIndex !== 'number') return places.get(nameOrIndex);
  if (!Number.isSafeInteger(nameOrIndex) || nameOrIndex < 0) {
    throw misuse(`an index must be a whole number, 0 or above; found ${nameOrIndex}`);
  }
  return nameOrIndex < places.size ? nameOrIndex : undefined;
}

/** @param {string[]} names */
export const places = names => new Map(names.map((name, index) => [name, index]));
