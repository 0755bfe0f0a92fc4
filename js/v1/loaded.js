// What a host of either ABI shows: itself, and the model that it loaded.

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
 *   throws, a tee fails in `close` or the signal aborts, no model is left. An option that ABI v1 cannot keep is an
 *   error of the code `unsupported`.
 * @property {() => void} unload  frees the model
 */

export {};
