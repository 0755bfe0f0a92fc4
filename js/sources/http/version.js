// Which version of a file a server sends, and what shows that two answers are of the same one.

/**
 * @typedef {object} Version  What a server calls the file that it sends.
 * @property {string} [etag]       a strong entity tag
 * @property {string} [weak]       a weak one: it promises no equal bytes
 * @property {string} [modified]   Last-Modified
 * @property {string} [validator]  the one of them, if any, that no two files share: with it `If-Range` may be asked
 */

/**
 * How old a date must be when the server answers, in milliseconds: a file that is replaced within the second keeps its
 * date. RFC 9110 8.8.2.2 asks for a second where one clock has set both, RFC 2616 13.3.3 for a minute, as two may have.
 */
const SETTLED = 60_000;
/**
 * The same where the server does not show its clock (Date is hidden across origins) and ours has to do, as it has for
 * whoever gets a message without Date (RFC 9110 6.6.1). It may be wrong by a time zone.
 */
const SETTLED_BY_OUR_CLOCK = 24 * 3600 * 1000;
/** As every server writes it: RFC 9110 5.6.7. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** One, quoted: RFC 9110 8.8.3. Of anything else nobody knows what it promises; one that is empty names nothing. */
const ENTITY_TAG = /^(W\/)?"[\x21\x23-\x7e\x80-\xff]+"$/;
/** Before the web no file was served: 1970 and 1980 are what reproducible builds and archives write for every file. */
const OLDEST = Date.UTC(1990, 0);

/**
 * @param {Headers} headers
 * @returns {Version}
 */
export function versionOf(headers) {
  const [tag, weak] = ENTITY_TAG.exec(headers.get('etag')?.trim() ?? '') ?? [];
  const modified = headers.get('last-modified') || undefined;
  // Beside an entity tag, a weak one too, a date is no condition: RFC 9110 13.1.5.
  if (tag) return weak ? { weak: tag, modified } : { etag: tag, modified, validator: tag };
  return { modified, validator: modified && isSettled(modified, headers.get('date')) ? modified : undefined };
}

/**
 * Does `now` name the very version that `first` promised?
 *
 * @param {Version} first
 * @param {Version} now
 */
export const isProven = (first, now) =>
  first.validator !== undefined && (now.etag === first.validator || now.modified === first.validator);

/**
 * By the strongest name that both have.
 *
 * @param {Version} first
 * @param {Version} now
 * @returns {{ expected: string, found: string, isSame: boolean } | undefined} undefined: nothing can be said
 */
export function compared(first, now) {
  for (const name of /** @type {const} */ (['etag', 'weak', 'modified'])) {
    const [expected, found] = [first[name], now[name]];
    if (expected && found) return { expected, found, isSame: expected === found };
  }
  return undefined;
}

/**
 * @param {string} modified
 * @param {string | null} date  of the server's clock when it answered
 */
function isSettled(modified, date) {
  // Engines read a date out of nearly anything, `0` for one.
  if (!HTTP_DATE.test(modified) || Date.parse(modified) < OLDEST) return false;
  const age = (date === null ? Date.now() : Date.parse(date)) - Date.parse(modified);
  return age >= (date === null ? SETTLED_BY_OUR_CLOCK : SETTLED); // false for what is no date
}
