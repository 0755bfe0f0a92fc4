// One host over a guest of either ABI: streaming where the guest can, one whole transfer where it cannot.
import { admitFile } from '../admit/file.js';
import { Admission } from '../guest/admission.js';
import { guestOf } from '../guest/guest-of.js';
import { V1Host } from './transfer.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */

/** @typedef {import('./loaded.js').Host} Host */

/**
 * Loads through ABI v2 where the guest has it, else through v1, whose most is 128 MiB a file.
 *
 * @param {WebAssembly.Exports | WebAssembly.Instance | import('../guest/guest.js').Guest} exports
 * @returns {Host}
 */
export function hostFor(exports) {
  const guest = guestOf(exports);
  return guest.abi === 1 ? new V1Host(guest) : new V2Host(guest);
}

/** @implements {Host} */
class V2Host {
  abi = /** @type {const} */ (2);
  ceiling = Infinity;
  /** @type {import('../guest/model.js').Model | null} */ model = null;
  #guest;

  /** @param {import('../guest/guest.js').Guest} guest */
  constructor(guest) {
    this.#guest = guest;
  }

  /**
   * @param {Admissible} source
   * @param {Omit<AdmitOptions, 'sink'>} [options]
   */
  async load(source, options) {
    const model = await admitFile(Admission, this.#guest, source, options, 'resident');
    model.activate();
    this.unload();
    return (this.model = model);
  }

  unload() {
    this.model?.release();
    this.model = null;
  }
}
