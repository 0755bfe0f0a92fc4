// What the headers of an answer say about its body.

/** @param {Headers} headers */
export const isEncoded = headers =>
  !['', 'identity'].includes((headers.get('content-encoding') ?? '').trim().toLowerCase());

/**
 * Of what was sent, which is not the file when the body is compressed; in a 206 of the part.
 *
 * @param {Headers} headers
 */
export const contentLength = headers => wholeNumber(headers.get('content-length'));

/** @param {Headers} headers */
export function contentRange(headers) {
  const found = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i.exec(headers.get('content-range')?.trim() ?? '');
  return found
    ? { start: Number(found[1]), end: Number(found[2]), total: found[3] === '*' ? undefined : Number(found[3]) }
    : undefined;
}

/**
 * How many bytes the body is sure to hold.
 *
 * Across origins Content-Encoding is hidden. A body that was compressed all the same is nearly always the longer one:
 * what does not compress grows by its packing, 5 bytes for every 16 KiB in deflate, less elsewhere.
 *
 * @param {Response} response
 */
export function sureBytes({ headers, type }) {
  if (isEncoded(headers)) return 0;
  const sent = contentLength(headers) ?? 0;
  return type === 'cors' ? Math.floor(0.999 * sent) - 100 : sent;
}

/**
 * For how long the server wants to be left alone: RFC 9110 10.2.3.
 *
 * @param {Headers} headers
 * @returns {number} milliseconds; 0 if it does not say
 */
export function retryAfter(headers) {
  const after = headers.get('retry-after') ?? '';
  const seconds = wholeNumber(after);
  if (seconds !== undefined) return 1000 * seconds;
  const now = Date.parse(headers.get('date') ?? '') || Date.now(); // the date is of the server's clock
  return Math.max(0, Date.parse(after) - now || 0);
}

/** @param {string | null} text */
const wholeNumber = text =>
  text !== null && /^\d+$/.test(text.trim()) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
