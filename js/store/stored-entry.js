// What is stored, as a whole: names and what is known of each.
import { misuse } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { shown } from '../core/text.js';
import { orFault } from './fault.js';
import { SUFFIXES } from './file-name.js';
import { GROUP, VALUE, journalOf } from './journal.js';
import { placeOf } from './place.js';
import { STORE_OPTIONS } from './store-tee.js';
import { StoredFile } from './stored-file.js';

/** @typedef {import('./store-tee.js').StoreOptions} StoreOptions */

/**
 * @typedef {object} StoredEntry  A name in the store.
 * @property {string} name
 * @property {number} [length]    bytes of the stored file; missing where none is stored, or its record was spoilt: then
 *   the next `admitStored` judges it
 * @property {import('../guest/report.js').Digests} [digests]  that the guest gave when it admitted the file
 * @property {number} [storedAt]  milliseconds since 1970
 * @property {number} [usedAt]    when it was last admitted or opened; missing where it was not since it was stored
 * @property {number} kept        bytes of a download that has not ended: the next `admitStored` goes on with them
 * @property {boolean} pinned     `makeRoom` never removes it
 * @property {number} bytes       that all of it takes on the disk
 */

/** Of these one at least lies beside what is stored or kept. */
const SIGNS = /** @type {const} */ (['.digests', '.part', '.journal']);

/**
 * All that is stored, or kept for the next call, in the order of names.
 *
 * @param {StoreOptions} [options]
 * @returns {Promise<StoredEntry[]>}
 */
export async function listStored(options) {
  const { directory } = checkOptions(options, STORE_OPTIONS);
  const place = await placeOf(directory);
  return orFault('the store', 'listed', async () => {
    const names = await namesIn(place.directory);
    return Promise.all([...names].sort().map(name => entryOf(new StoredFile(name, place))));
  });
}

/** @param {FileSystemDirectoryHandle} directory */
async function namesIn(directory) {
  const names = new Set();
  for await (const [name, { kind }] of directory.entries()) {
    const suffix = kind === 'file' && SIGNS.find(suffix => name.endsWith(suffix));
    // What makeRoom asks with has no name.
    if (suffix && name !== suffix) names.add(name.slice(0, -suffix.length));
  }
  return /** @type {Set<string>} */ (names);
}

/**
 * @param {StoredFile} files
 * @returns {Promise<StoredEntry>}
 */
const entryOf = files => files.look(async stored => {
  const snapshots = await Promise.all((/** @type {const} */ (['', ...SUFFIXES])).map(suffix => files.snapshot(suffix)));
  const [file, part] = snapshots;
  const journal = part && (await journalOf(await files.bytes('.journal')));
  return {
    name: files.name,
    length: stored?.length,
    digests: stored?.digests,
    storedAt: stored && (stored.storedAt ?? file?.lastModified),
    usedAt: stored && (await files.usedAt()),
    kept: journal ? Math.min((journal.values.length / VALUE) * GROUP, part.size) : 0,
    pinned: await files.isPinned(),
    bytes: snapshots.reduce((sum, each) => sum + (each?.size ?? 0), 0),
  };
});

/**
 * Keeps `makeRoom` from removing what has this name, or lets it again.
 *
 * @param {string} name
 * @param {boolean} [on]  default: true
 * @param {StoreOptions} [options]
 * @returns {Promise<boolean>} whether anything is stored or kept under the name; if not, nothing was done
 */
export async function pinStored(name, on = true, options = undefined) {
  if (typeof on !== 'boolean') throw misuse(`on must be true or false, found ${shown(on)}`, { path: 'on' });
  const { directory } = checkOptions(options, STORE_OPTIONS);
  const files = await StoredFile.at(name, directory);
  // Not in the middle of a removal.
  return orFault(name, 'pinned', () => files.look(async () => {
    const isThere = (await Promise.all(SIGNS.map(suffix => files.snapshot(suffix)))).some(Boolean);
    if (isThere) await files.pin(on);
    return isThere;
  }));
}
