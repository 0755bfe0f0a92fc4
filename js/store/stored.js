// Files that `opfsTee` stored: found again, admitted again, deleted.
import { admitFile } from '../admit/file.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { Tees } from '../admit/tees.js';
import { askedBy } from '../core/asking.js';
import { checkOptions, oneOf, readOptions, signal } from '../core/options.js';
import { follow, patiently } from '../core/waiting.js';
import { Admission } from '../guest/admission.js';
import { ALGORITHMS } from '../guest/settings.js';
import { partsOf } from '../sources/parts.js';
import { sourceOf } from '../sources/source-of.js';
import { owned } from './diagnosis.js';
import { isReadFault, isStoreFault, orFault } from './fault.js';
import { admitFound } from './found.js';
import { judgedAnew } from './judged-anew.js';
import { Storing } from './storing.js';
import { OpfsTee, STORE_OPTIONS } from './store-tee.js';
import { StoredFile } from './stored-file.js';
import { watch } from './watched.js';

/** @typedef {import('../admit/options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../admit/progress.js').ProgressEvent} ProgressEvent */
/** @typedef {import('./store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('../guest/settings.js').Algorithm} Algorithm */

/**
 * @typedef {object} StoringOptions
 * @property {'required' | 'optional'} [store]  `optional`: where nothing but the store fails, for want of room say, the
 *   model is admitted all the same; then its `stored` is false, and its `storeFault` says why. Default: `required`
 */

/** @typedef {AdmitOptions & StoreOptions & StoringOptions} StoredOptions */

/** @type {Readonly<Record<keyof StoredOptions, import('../core/options.js').Check>>} */
export const STORED_OPTIONS = { ...ADMIT_OPTIONS, ...STORE_OPTIONS, store: oneOf('required', 'optional') };

/** @typedef {StoreOptions & { signal?: AbortSignal }} RemoveOptions */

/** @type {Readonly<Record<keyof RemoveOptions, import('../core/options.js').Check>>} */
const REMOVE_OPTIONS = { ...STORE_OPTIONS, signal };

/**
 * The stored file of this name: its handle, which `admit` takes, with the length and the digests that the guest gave
 * when the file was stored. It is as good as the disk is: admit it with a digest required.
 *
 * @param {string} name
 * @param {StoreOptions} [options]
 * @returns {Promise<Stored | undefined>}
 */
export async function findStored(name, options) {
  const { directory } = checkOptions(options, STORE_OPTIONS);
  const files = await StoredFile.at(name, directory);
  return orFault(name, 'looked up', () => files.lookup());
}

/**
 * Deletes a stored file, once nobody is storing it.
 *
 * @param {string} name
 * @param {RemoveOptions} [options]
 */
export async function removeStored(name, options) {
  const caller = askedBy();
  const checked = checkOptions(options, REMOVE_OPTIONS);
  const files = await StoredFile.at(name, checked.directory);
  await owned(files, checked.signal, async () => void (await files.clear()), caller);
}

/**
 * The admission of one file, found or to be stored.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {string} name
 * @param {import('../sources/source-of.js').Admissible} source  given up unread when the file is stored
 * @param {StoredOptions} [given]
 * @param {typeof Admission} [Session]  of which make
 * @returns {Promise<{ model: import('../guest/model.js').Model, found: boolean }>} found: it was stored
 */
export async function admitStoredFile(guest, name, source, given, Session) {
  const { options, fault } = readOptions(given, STORED_OPTIONS);
  const { directory, store, ...admission } = options;
  const tee = new OpfsTee(name, { directory });
  tee.isOptional = store === 'optional';
  const tees = new Tees([admission.tee ?? [], tee].flat());
  /** @type {Storing | undefined} */ let storing;
  let found;
  // A throw of onProgress ends the wait for another tab.
  const stop = new AbortController();
  const { signal } = stop;
  const unhear = [follow(stop, admission.signal)];
  /** While a stored file is read it is neither removed nor replaced. */
  let unshare = () => {};
  try {
    if (fault) throw fault.reason;
    await tees.claimBefore(tee, signal);
    const { onProgress } = admission;
    if (onProgress) {
      const heard = (/** @type {ProgressEvent} */ event) => tees.asking.ask('call', () => onProgress(event));
      unhear.push(watch((await tee.files).channel, heard, reason => stop.abort(reason)));
    }
    found = await tee.find(signal, {
      isWanted: file => isWanted(file, admission),
      onFound: async files => void (unshare = await files.share(signal)),
      judgedAnew: files => judgedAnew(guest, files, signal),
      keeperOf: async files => (storing = await Storing.of(guest, files, admission, Session)),
    });
  } catch (error) {
    unshare();
    if (tee.isOptional && isStoreFault(error)) {
      const model = await admitFile(Session ?? Admission, guest, source, admission);
      return { model: withStore(model, error), found: false };
    }
    await Promise.all([giveUp(source, admission, error), tees.refuse(error)]);
    throw error;
  } finally {
    for (const end of unhear) end();
  }
  if (storing) return { model: withStore(await storing.admit(source, admission, tee), tee.fault), found: false };
  if (!found) throw new Error('neither found nor to be stored');

  const parts = partsOf(source, admission);
  await tees.unclaim();
  // Nobody but this call sees bytes of the stored file: where that cannot be had, the source still can.
  const canDoWithout = tee.isOptional && tees.isAlone(tee);
  if (!canDoWithout) await giveUp(source, admission);
  try {
    const model = await admitFound(guest, await tee.files, found, admission, { Session, parts, unshare });
    if (canDoWithout) await giveUp(source, admission);
    return { model: withStore(model), found: true };
  } catch (error) {
    if (canDoWithout && isReadFault(error)) {
      const model = await admitFile(Session ?? Admission, guest, source, admission);
      return { model: withStore(model, error), found: false };
    }
    if (canDoWithout) await giveUp(source, admission, error);
    throw error;
  } finally {
    unshare();
  }
}

/**
 * @param {import('../guest/model.js').Model} model
 * @param {import('../core/errors.js').AdmissionError} [fault]  of the store
 */
const withStore = (model, fault) => Object.assign(model, { stored: !fault, storeFault: fault });

const NAMES = /** @type {Algorithm[]} */ (Object.keys(ALGORITHMS));

/**
 * @param {Stored} file
 * @param {AdmitOptions} options
 */
const isWanted = ({ length, digests }, options) =>
  (options.length ?? length) === length && NAMES.every(name => {
    const { [name]: required } = options;
    const { [name]: recorded } = digests;
    return required === undefined || recorded === undefined || required.toLowerCase() === recorded;
  });

/**
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} options
 * @param {unknown} [reason]
 */
async function giveUp(source, options, reason) {
  await patiently(() => sourceOf(source, options).close(reason));
}
