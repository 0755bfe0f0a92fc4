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
   * @param {string | number} keyOrIndex
   * @returns {any} undefined when the file has no such key
   */
  metadata(keyOrIndex) {
    this.#keys ??= places(this.report.metadata.map(entry => entry.key));
    const index = typeof keyOrIndex === 'number' ? keyOrIndex : this.#keys.get(keyOrIndex);
    return index === undefined ? undefined : this.#guest.metadata(this.#handle, index);
  }

  /**
   * The bytes of a tensor of a resident model, where they lie in the guest's memory, aligned as the file says.
   * A view: good until the next call into the guest. `slice()` it to keep it.
   *
   * @param {string | number} nameOrIndex
   * @returns {Uint8Array<ArrayBuffer> | undefined} undefined when the file has no such tensor
   */
  tensor(nameOrIndex) {
    this.#names ??= places(this.report.tensors.map(tensor => tensor.name));
    const index = typeof nameOrIndex === 'number' ? nameOrIndex : this.#names.get(nameOrIndex);
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

/** @param {string[]} names */
const places = names => new Map(names.map((name, index) => [name, index]));
