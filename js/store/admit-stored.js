import { sourceList } from '../sources/source-of.js';
import { admitStoredFile } from './stored.js';
import { admitStoredSet } from './stored-set.js';

/** @typedef {import('../admit/options.js').SetOptions} SetOptions */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('../guest/model-set.js').ModelSet} ModelSet */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */
/** @typedef {import('../sources/source-of.js').Admissibles} Admissibles */
/** @typedef {import('./store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('./stored.js').StoredOptions} StoredOptions */
/** @typedef {import('./stored.js').StoringOptions} StoringOptions */

/**
 * Admits the stored file of this name; if there is none, admits `source` and stores it beside.
 *
 * What is stored is admitted with the BLAKE3 of its first admission required. If another tab is storing the file, this
 * waits for it, and then finds it; nothing is fetched meanwhile, and `onProgress` hears how far the other is. If that
 * one goes, this call takes over where it stood. A stored file of another `length`, `sha256` or `blake3` than the
 * options require gives way to `source`, when that is admitted.
 *
 * The model's report is the same as when the file was stored. A digest that was computed then is not computed again,
 * unless an option names it: it stands in `digests`, and is named in `recorded`.
 *
 * What was fetched stays when the call ends by anything but a judgement of the file: an abort, a line that is lost, a
 * tee that fails, in a worker also a crash. The next call for the name goes on with it, if the source is an address, a
 * Request or a Response, and its server names the same version of the file, or the same digest is required in both. A
 * byte that was kept is used only once it is proven, MiB by MiB. Callbacks and tees see one whole file, once.
 *
 * A stored file that the disk has spoilt is mended: the MiB that differ from its evidence are read from the source
 * again. That has to be one that can be asked for a part: no stream, and no server that sends whole files only.
 *
 * Two errors of the kind `retry` ask for the same call again (with a new stream or Response, if it was one): `damaged`,
 * the stored file is not what was stored, and was deleted, or, where it was damaged twice, mended; `changed`, it
 * turned out to be another one than required, by a digest that had not been computed when it was stored, or another tab
 * replaced or deleted it meanwhile.
 *
 * A call for a name that waits for itself, from a callback of the admission that stores it, is misuse of the code
 * `locked`.
 *
 * @overload
 * @param {Guest} guest
 * @param {string} name
 * @param {Admissible} source  given up unread when the file is stored
 * @param {StoredOptions} [options]
 * @returns {Promise<{ model: Model, found: boolean }>} found: it was stored
 */
/**
 * Admits a model in several files, as `admit` does, and stores each file under its own name: when it is admitted, also
 * if another of the set fails later. A file that is stored is admitted from the disk, and the download of one that is
 * not goes on where it stood: so a set of which a half is stored costs the other half only.
 *
 * @overload
 * @param {Guest} guest
 * @param {readonly string[]} names  one for each source, as `shardsOf` gives them
 * @param {Admissibles} sources
 * @param {SetOptions & StoreOptions & StoringOptions} [options]
 * @returns {Promise<{ model: ModelSet, found: boolean }>} found: all were stored
 */
/**
 * @param {Guest} guest
 * @param {string | readonly string[]} name
 * @param {Admissible | Admissibles} source
 * @param {StoredOptions | SetOptions & StoreOptions & StoringOptions} [options]
 * @returns {Promise<{ model: any, found: boolean }>}
 */
export async function admitStored(guest, name, source, options) {
  const sources = sourceList(source);
  if (sources) return admitStoredSet(guest, name, sources, options);
  return admitStoredFile(guest, /** @type {any} */ (name), /** @type {any} */ (source), /** @type {any} */ (options));
}
