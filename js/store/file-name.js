// Names of stored files, and of the companions beside them.
import { misuse } from '../core/errors.js';
import { shown } from '../core/text.js';

/** @typedef {typeof SUFFIXES[number]} Suffix  of a companion */

/** Ends of names that are the store's own. */
export const SUFFIXES = /** @type {const} */ (['.part', '.journal', '.digests', '.evidence', '.used', '.pin']);
/** Most that a name may have in UTF-8, in bytes: a file system takes 255, and a companion's end is part of them. */
const LONGEST_NAME = 240;

/** @param {unknown} name */
export function checkName(name) {
  const fault = typeof name === 'string' ? faultOf(name) : 'it is no text';
  if (fault) throw misuse(`not a name for a file: ${shown(name)} (${fault})`, { path: 'name', found: shown(name) });
}

/**
 * What a name must not hold, so that no two names are one file, or one file's companion, on any disk: engines cut or
 * replace what is not a character of its own, and some disks know no case and drop dots and blanks at the end.
 *
 * @param {string} name
 */
function faultOf(name) {
  if (name === '' || name === '.' || name === '..') return 'it names no file';
  if (/[/\\]/.test(name)) return 'it holds a separator';
  // Cc: control characters. Cs: halves of a pair.
  if (/[\p{Cc}\p{Cs}]/u.test(name)) return 'it holds a control character or half of a character';
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > LONGEST_NAME) return `it has ${bytes} bytes, ${LONGEST_NAME} are allowed`;
  const end = name.normalize('NFKC').toLowerCase().replace(/[\s.\p{Cf}]+$/u, '');
  const suffix = SUFFIXES.find(suffix => end.endsWith(suffix));
  return suffix && `it must not end in ${suffix}`;
}
