// What an answer is, and how it is told.
import { sourceFault } from '../../core/errors.js';
import { placeOf, shown } from '../../core/text.js';

/**
 * Whether the same request may do better later: the server is busy, waits, or failed.
 *
 * @param {number} status
 */
export const isPassing = status =>
  status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);

/** @param {Response} response */
export function told({ status, statusText, type, url, headers }) {
  if (type.startsWith('opaque')) return 'the response is opaque: it was fetched without CORS';
  // A hub's words, for people: that a model is gated, say, and a token is missing.
  const why = headers.get('x-error-message');
  const about = [statusText && ` ${shown(statusText)}`, url && ` for ${placeOf(url)}`, why && `: ${shown(why, 200)}`];
  return `the server answered ${status}${about.filter(Boolean).join('')}`;
}

/** @param {Response} response */
export const httpFault = response => sourceFault(told(response), statusOf(response));

/** @param {Response} response */
export const statusOf = ({ status }) => ({ code: 'http', status, expected: '200', found: String(status) });

/** @param {Headers} headers */
export const contentType = headers => (headers.get('content-type') ?? '').toLowerCase();

/** @param {string} type */
export const isPage = type => /^(text\/html|application\/xhtml)/.test(type);

/** What no model is sent as: JSON, XML, text. @param {string} type */
export const isText = type => /^(text\/|application\/([\w.-]+\+)?(json|xml)\b)/.test(type);

/**
 * @param {string} type
 * @param {string} wanted  what the page came in the place of
 * @param {Partial<import('../../core/errors.js').Detail>} detail
 */
export const pageFault = (type, wanted, detail) =>
  sourceFault(`the server sent a web page (${shown(type)}), not ${wanted}`, {
    code: 'html', expected: 'GGUF', found: shown(type), ...detail,
  });
