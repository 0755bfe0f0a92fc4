// The body of an answer, as a source.
import { IterableSource } from '../iterable.js';
import { StreamSource } from '../stream.js';
import { sureBytes } from './headers.js';

/**
 * The type tells a response that was fetched from one that was made by hand, of a stream perhaps. One without a body is
 * an empty file.
 *
 * @param {Response} response
 */
export function bodyOf(response) {
  const { body, type } = response;
  if (!body) return undefined;
  if ('getReader' in body) return new StreamSource(body, { isOwn: type !== 'default', sure: sureBytes(response) });
  // Of a library whose streams are Node's.
  return new IterableSource(/** @type {AsyncIterable<unknown>} */ (body));
}
