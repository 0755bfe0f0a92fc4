// Models in several files that `admitStored` stored: each file has a name and an entry of its own.
import { SET_OPTIONS } from '../admit/options.js';
import { assembled } from '../admit/set.js';
import { misuse } from '../core/errors.js';
import { readOptions, unreadable } from '../core/options.js';
import { shown } from '../core/text.js';
import { STORED_OPTIONS, admitStoredFile } from './stored.js';

/** @typedef {import('../admit/options.js').SetOptions} SetOptions */
/** @typedef {import('./store-tee.js').StoreOptions & import('./stored.js').StoringOptions} StoringOptions */
/** @typedef {SetOptions & StoringOptions} StoredSetOptions */

/** @type {Readonly<Record<keyof StoredSetOptions, import('../core/options.js').Check>>} */
export const STORED_SET_OPTIONS = { ...STORED_OPTIONS, ...SET_OPTIONS };

/**
 * @param {import('../guest/guest.js').Guest} guest
 * @param {unknown} names  one for each source
 * @param {readonly any[]} sources
 * @param {StoredSetOptions} [given]
 * @returns {Promise<{ model: import('../guest/model-set.js').ModelSet, found: boolean }>}
 */
export async function admitStoredSet(guest, names, sources, given) {
  const { options, fault } = readOptions(given, STORED_SET_OPTIONS);
  const { own, fault: unread } = readNames(names);
  const namesAtFault = unread ?? faultOfNames(own, sources.length);
  const read = { options, fault: fault ?? (namesAtFault && { reason: namesAtFault }) };
  let found = true;
  const model = await assembled(sources, read, async ({ index, source, options, sessions }) => {
    // Without a name of its own a file is given up only: the set has ended.
    const name = namesAtFault ? `${index}` : /** @type {string[]} */ (own)[index];
    const stored = await admitStoredFile(guest, name, source, options, sessions());
    found &&= stored.found;
    return stored.model;
  });
  return { model, found };
}

/**
 * A name, or names in a list of our own. Never throws: there is a source to give up.
 *
 * @param {unknown} names
 * @returns {{ own: unknown, fault?: unknown }}
 */
export function readNames(names) {
  try {
    return { own: Array.isArray(names) ? Array.prototype.slice.call(names) : names };
  } catch (cause) {
    return { own: undefined, fault: unreadable('name', cause) };
  }
}

/**
 * @param {unknown} names
 * @param {number} count
 */
function faultOfNames(names, count) {
  if (!Array.isArray(names) || names.length !== count) {
    const found = Array.isArray(names) ? `${names.length}` : shown(names);
    return misuse(`a set is stored under a list of names, one for each of its ${count} files; found ${found}`, {
      path: 'name', expected: String(count), found,
    });
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return undefined;
  const found = shown(twice);
  return misuse(`two files of a set cannot be stored under one name: ${found}`, { path: 'name', found });
}
