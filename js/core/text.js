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
 * Origin and path of an address. What stands behind them may be a secret: the signature of a signed address, say.
 *
 * @param {string | URL} address
 */
export const placeOf = address => shown(textOf(address).replace(/[?#].*/s, ''), 200);
