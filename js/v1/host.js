// One host over a guest of either ABI: streaming where the guest can, one whole transfer where it cannot.
import { admit } from '../admit/admit.js';
import { Guest } from '../guest/guest.js';
import { V1Host } from './transfer.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */

/**
 * @typedef {Pick<import('../guest/model.js').Model, 'metadata' | 'tensor' | 'release' | 'isActive'>
 *   & { readonly report: import('../guest/report.js').FileReport }} LoadedModel
 */

/**
 * @typedef {object} Host
 * @property {1 | 2} abi         of the guest
 * @property {number} ceiling    longest file, in bytes: 134,217,728 for ABI v1, else Infinity
 * @property {LoadedModel | null} model  what `load` loaded last
 * @property {(source: Admissible, options?: Omit<AdmitOptions, 'sink'>) => Promise<LoadedModel>} load
 *   Admits a file and makes it the active model, in the place of the one that this host loaded before. If it is
 *   refused, that one stays. ABI v1 knows no way back once it has loaded a file: if after that the last `onProgress`
 *   throws, a tee fails in `close` or the signal aborts, no model is left. An option that ABI v1 cannot keep is an error of
 *   the code `unsupported`.
 * @property {() => void} unload  frees the model
 */

/**
 * @param {WebAssembly.Exports | WebAssembly.Instance | Guest} exports
 * @returns {Host}
 */
export function hostFor(exports) {
  const guest = exports instanceof Guest ? exports : new Guest(exports instanceof WebAssembly.Instance ? exports.exports : exports);
  return guest.abi === 1 ? new V1Host(guest) : new V2Host(guest);
}

/** @implements {Host} */
class V2Host {
  abi = /** @type {const} */ (2);
  ceiling = Infinity;
  /** @type {import('../guest/model.js').Model | null} */ model = null;
  #guest;

  /** @param {Guest} guest */
  constructor(guest) {
    this.#guest = guest;
  }

  /**
   * @param {Admissible} source
   * @param {Omit<AdmitOptions, 'sink'>} [options]
   */
  async load(source, options) {
    const model = await admit(this.#guest, source, { ...options, sink: 'resident' });
    model.activate();
    this.unload();
    return (this.model = model);
  }

  unload() {
    this.model?.release();
    this.model = null;
  }
}
