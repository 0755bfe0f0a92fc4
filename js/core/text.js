// Text of somebody else's, in a message.

/** What cannot be seen, or would be obeyed: control characters, marks of direction, line ends, halves of a pair. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Foreign text as a message may show it: escaped as in the guest's messages, and cut.
 *
 * @param {unknown} text
 * @param {number} [most]  characters
 */
export function shown(text, most = 100) {
  const all = textOf(text);
  const start = Array.from(all.slice(0, 2 * most)).slice(0, most).join('');
  const seen = start.replace(
    UNSEEN,
    character => `\\u{${/** @type {number} */ (character.codePointAt(0)).toString(16)}}`,
  );
  return start.length < all.length ? `${seen}…` : seen;
}

/**
 * A value as text, also one that refuses to be: a proxy that was revoked, an object without a prototype.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function textOf(value) {
  try {
    return String(value);
  } catch {
    return `a value that has no text (${typeof value})`;
  }
}

/**
 * Origin and path of an address. What else there is may be a secret: the signature of a signed address, say, or a
 * name and a password. Also of a text that is no address, or not quite.
 *
 * @param {string | URL} address
 */
export const placeOf = address => shown(textOf(address).replace(/[?#].*/s, '').replace(SECRETS, '$1'), 200);

/** What stands before the host. */
const SECRETS = /^(\s*[a-z][a-z\d+.-]*:[/\\]*)[^/\\]*@/i;

/**
 * Why no engine fetches an address. Its own words, and the error behind it, show the whole of it.
 *
 * @param {string | URL} address
 * @returns {'it is no URL' | 'it holds a name or a password' | undefined}
 */
export function whyUnfetched(address) {
  try {
    const { username, password } = new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
    return username === '' && password === '' ? undefined : 'it holds a name or a password';
  } catch {
    return 'it is no URL';
  }
}
