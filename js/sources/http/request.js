// The request that fetches a file.
import { misuse } from '../../core/errors.js';
import { placeOf, whyUnfetched } from '../../core/text.js';

/**
 * A request of the package's own. A model does not belong into the HTTP cache, where it may push out all else: who
 * wants it there gives a Request.
 *
 * @param {string | URL} location
 */
export function requestTo(location) {
  try {
    return new Request(location, { cache: 'no-store' });
  } catch {
    if (whyUnfetched(location) === 'it holds a name or a password') {
      throw misuse('a URL must hold no name and no password: give a Request with the header Authorization');
    }
    // Without its cause, which shows the whole address.
    throw misuse(`not a URL: ${placeOf(location)} (in Node, a file is { path })`);
  }
}

/**
 * The request that would fetch this response's file again.
 *
 * @param {Response} response
 */
export const requestOf = ({ url }) => (/^https?:/.test(url) && !whyUnfetched(url) ? requestTo(url) : undefined);

/**
 * @param {unknown} value
 * @returns {value is Response}
 */
export const isResponse = value => typeof value === 'object' && value !== null && 'ok' in value;

/**
 * @param {unknown} value
 * @returns {value is Request}
 */
export const isRequest = value => typeof value === 'object' && value !== null && 'method' in value;
