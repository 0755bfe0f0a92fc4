import { Admission } from '../guest/admission.js';
import { sourceList } from '../sources/source-of.js';
import { admitFile } from './file.js';
import { admitSet } from './set.js';

/** @typedef {import('./options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./options.js').SetOptions} SetOptions */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('../guest/model-set.js').ModelSet} ModelSet */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */
/** @typedef {import('../sources/source-of.js').Admissibles} Admissibles */

/**
 * Admits a GGUF file: every byte checked and hashed as it passes.
 *
 * If anything goes wrong (the options, the file, the source, the server, a callback, a tee, an abort), the error is
 * thrown when all is cleaned up: no session is left in the guest, the source is cancelled and unlocked, every tee was
 * told, what was opened here is closed, and other models are as they were.
 *
 * @overload
 * @param {Guest} guest
 * @param {Admissible} source
 * @param {AdmitOptions} [options]  each is read once; one that is not known is misuse
 * @returns {Promise<Model>}
 */
/**
 * Admits a model that comes in several files, its *shards*: each as the file it is, and all of them as one set. The
 * first of the list is the one with the metadata; the others may stand in any order.
 *
 * The first one's header is checked before anything of the others is fetched; then two shards are fetched at a time.
 * Each joins the set when its header is there, in the order of the list, and is refused before its data if it does not
 * fit. A fault of one shard ends all: an `AdmissionError` tells by `shard` which it was. All is cleaned up as above.
 *
 * A list of bytes is no such list: those are the chunks of one file.
 *
 * @overload
 * @param {Guest} guest
 * @param {Admissibles} sources  all shards of the model; a list of one may be a file that is not split
 * @param {SetOptions} [options]
 * @returns {Promise<ModelSet>}
 */
/**
 * @param {Guest} guest
 * @param {Admissible | Admissibles} source
 * @param {AdmitOptions | SetOptions} [options]
 * @returns {Promise<Model | ModelSet>}
 */
export async function admit(guest, source, options) {
  const sources = sourceList(source);
  if (sources) return admitSet(guest, sources, options);
  return admitFile(Admission, guest, /** @type {Admissible} */ (source), /** @type {AdmitOptions} */ (options));
}
