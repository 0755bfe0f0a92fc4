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

/** @typedef {Pick<import('../source.js').Source, 'read' | 'close'>} Body */

/**
 * Whether it is a model, whatever type its server gives it; and the body from its first byte on.
 *
 * @param {Body | undefined} body
 * @returns {Promise<{ isModel: boolean, body: Body | undefined }>}
 */
export async function lookedInto(body) {
  let first = new Uint8Array(0);
  for (let more; first.length < MAGIC.length; first = Uint8Array.of(...first, ...more)) {
    more = await body?.read(MAGIC.length - first.length);
    if (!more) break;
  }
  const isModel = String.fromCharCode(...first) === MAGIC;
  const read = async (/** @type {number} */ most) => {
    if (!body || first.length === 0) return body?.read(most) ?? null;
    const bytes = first.subarray(0, most);
    first = first.subarray(most);
    return bytes;
  };
  return { isModel, body: body && { read, close: reason => body.close(reason) } };
}

const MAGIC = 'GGUF';
