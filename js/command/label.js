// Names of files as a terminal may show them: a name can hold escapes that rewrite the screen.

/** Control characters, marks of direction, and what cannot be seen. */
export const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const SHORT = /** @type {Record<string, string>} */ ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' });

/** @param {string} name */
export const label = name =>
  name.replaceAll('\\', '\\\\')
    .replace(HIDDEN, letter => SHORT[letter] ?? `\\u{${letter.codePointAt(0)?.toString(16)}}`);

/** Longest name of an architecture that is shown, in bytes. */
const SHOWN_BYTES = 64;

/** @param {string} text */
export const cut = text => label(new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, SHOWN_BYTES)));
