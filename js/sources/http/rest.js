// The rest of a download that broke.
import { sourceFault } from '../../core/errors.js';
import { shown } from '../../core/text.js';
import { contentType, isPage, isText, pageFault, statusOf, told } from './answer.js';
import { contentLength, contentRange, isEncoded } from './headers.js';
import { compared, isProven, versionOf } from './version.js';

/**
 * @callback Broken  Why a download ended.
 * @param {string} why
 * @param {Partial<import('../../core/errors.js').Detail>} [detail]
 * @returns {import('../../core/errors.js').AdmissionError}
 */

/**
 * @typedef {object} Begun  What is known of a download.
 * @property {number} offset            of the first byte that is missing
 * @property {number | undefined} length
 * @property {number | undefined} total good enough for a progress bar only
 * @property {import('./version.js').Version} version
 * @property {string} type
 * @property {boolean} asksIf           whether If-Range was sent
 * @property {boolean} digestRequired
 */

/**
 * Is this the rest of the same file?
 *
 * @param {Response} response
 * @param {Begun} begun
 * @param {Broken} broken
 * @returns {{ length: number | undefined, skip: number } | undefined}
 *   How long the file is, and how many bytes of this answer were there before. Undefined: there is no more.
 */
export function judgedRest(response, begun, broken) {
  const { status, headers } = response;
  const { offset, version: first, digestRequired } = begun;
  const range = contentRange(headers);
  const changed = (/** @type {string} */ what, /** @type {unknown} */ expected, /** @type {unknown} */ found) =>
    sourceFault(`the file on the server changed during the download: ${what}`, {
      code: 'changed', offset, expected: shown(expected ?? ''), found: shown(found ?? ''),
    });
  const noRange = (/** @type {string} */ why) =>
    broken(`the server cannot go on there: ${why}`, {
      code: 'range', expected: `bytes ${offset}-`, found: shown(headers.get('content-range') ?? status),
    });

  // First of all, as the page that tells of an error may have a version of its own.
  if (!response.ok && status !== 412 && status !== 416) throw broken(told(response), statusOf(response));
  if (status === 412) throw changed('its version is another', '', 'status 412');
  if (status === 416) {
    if (range?.total === offset && (begun.length ?? offset) === offset) return undefined;
    if (!range && begun.length === undefined) throw noRange('it has no more, and does not say how long the file is');
    throw changed('it is shorter', begun.length, range?.total);
  }
  // A page to log in, say: it has a version of its own, too.
  const type = contentType(headers);
  if (status !== 206 && isPage(type) && !isPage(begun.type)) throw pageFault(type, 'the rest of the file', { offset });

  // An error as a text, or no content at all: it may have a version of its own just so.
  const isOther = status !== 200 || (isText(type) && !isText(begun.type));
  if (status !== 206 && isOther) throw noRange(`it sent something else: ${status} ${shown(type)}`.trimEnd());

  const version = versionOf(headers);
  const names = compared(first, version);
  if (names && !names.isSame) throw changed('its version is another', names.expected, names.found);
  if (status !== 206) {
    if (names || !first.validator || !begun.asksIf) throw noRange('it ignores Range');
    throw changed('it sent the whole file anew', 206, status);
  }
  // A 206 names what a 200 would (RFC 9110 15.3.7). A server or a proxy that knows Range, but not If-Range, sends the
  // rest of whatever file is there now.
  const isSame = isProven(first, version);
  if (!digestRequired && !isSame) {
    throw noRange('it does not say which version of the file the rest is of, and no digest is required');
  }
  if (isEncoded(headers)) throw noRange('it compresses the rest');

  if (range) {
    // A cache may answer with more than it was asked for. What is there twice is the same only if the version is.
    const size = range.end + 1 - range.start;
    const isWhole = (contentLength(headers) ?? size) === size;
    const isOverlap = isSame && isWhole && range.start < offset && range.end >= offset;
    if (range.start !== offset && !isOverlap) throw noRange('it sent another part');
    const length = begun.length ?? range.total;
    if ((range.total ?? length) !== length) throw changed('its length is another', length, range.total);
    return { length, skip: offset - range.start };
  }
  // Across origins Content-Range may be hidden; then the length of the rest has to fit.
  if (response.type !== 'cors' || begun.total === undefined || contentLength(headers) !== begun.total - offset) {
    throw noRange('it does not say which part it sent');
  }
  return { length: begun.length, skip: 0 };
}
