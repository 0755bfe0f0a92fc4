// What was chosen: a file, the files of a split model, or the address of either.
import { shardsOf } from '../index.js';

/**
 * @typedef {object} Choice
 * @property {import('../index.js').Admissible | import('../index.js').Admissibles} source
 * @property {string} name
 * @property {number} [total]  bytes of all
 * @property {string | string[]} [kept]  the name in the store, or the names, of what is kept already
 */

/**
 * Several files are the shards of one model; their names say in which order.
 *
 * @param {FileList | undefined} files
 * @returns {Choice | undefined} undefined where there are none
 */
export function chosenFiles(files) {
  const [first, ...others] = [...(files ?? [])].sort((one, other) => (one.name < other.name ? -1 : 1));
  if (!first) return undefined;
  if (others.length === 0) return { source: first, name: first.name, total: first.size || undefined };
  const all = [first, ...others];
  return { source: all, name: named(first.name, all.length), total: all.reduce((sum, { size }) => sum + size, 0) };
}

/**
 * The address of one shard stands for all of them.
 *
 * @param {string} text
 * @returns {Choice}
 */
export function chosenAddress(text) {
  // As in a browser's own field: what begins with the name of a host is no file beside this page.
  const url = new URL(/^[a-z\d-]+(\.[a-z\d-]+)+(:\d+)?\//i.test(text) ? `https://${text}` : text, location.href);
  const all = shardsOf(url);
  const first = decoded(new URL(all[0]).pathname.split('/').at(-1)) || url.host;
  return { source: all.length > 1 ? all : url, name: named(first, all.length) };
}

/**
 * @param {string} first
 * @param {number} count
 */
const named = (first, count) => (count === 1 ? first : `${first} and ${count - 1} more`);

/** @param {string | undefined} text */
function decoded(text = '') {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
