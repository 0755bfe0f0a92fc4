// A download that ended before its file did, and what shows, in a later call, that the file is still the same.
import { isProven, versionOf } from './version.js';

/**
 * @typedef {object} Identity
 * @property {string} place    the address that was asked, without its query: what is signed changes from call to call
 * @property {import('./version.js').Version} version
 */

/**
 * @typedef {object} Earlier
 * @property {number} offset   of the first byte that is missing
 * @property {number | undefined} length
 * @property {number | undefined} total  good enough for a progress bar only
 * @property {Identity} [identity]
 * @property {boolean} isRequired  whether a digest is required, and was required then, that says what file it is
 */

/**
 * Whether a server may be asked to go on: it named a version of that very address's file, and an answer that is here
 * names it still.
 *
 * @param {Identity | undefined} identity
 * @param {string} place
 * @param {Response} [response]
 */
export const isSameFile = (identity, place, response) =>
  identity?.version.validator !== undefined && identity.place === place
  && (!response || isProven(identity.version, versionOf(response.headers)));

/**
 * Without the query, and so without signatures.
 *
 * @param {string} url
 */
export function placeOf(url) {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
