// The shards of a split model, by their names.
import { misuse } from '../core/errors.js';
import { lookedAt } from '../core/options.js';
import { shown } from '../core/text.js';

/** In the path: an address may have a query behind it, a signature say. */
const NUMBERED = /^([^?#]*-)(\d{5})(-of-)(\d{5})(\.gguf(?:[?#].*)?)$/is;

/**
 * The names of all shards of a model, in their order, from the name of one: `PREFIX-00001-of-00003.gguf` and so on. A
 * query behind it stays as it is. A name of no such form is one file, whose name is the whole list.
 *
 * @param {string | URL} urlOrName
 * @returns {string[]}
 */
export function shardsOf(urlOrName) {
  const name = lookedAt('urlOrName', () => (urlOrName instanceof URL ? urlOrName.href : urlOrName));
  if (typeof name !== 'string') throw misuse(`shardsOf takes a name or an address, found ${shown(name)}`);
  const parts = NUMBERED.exec(name);
  if (!parts) return [name];
  const [, prefix, number, of, digits, rest] = parts;
  const count = Number(digits);
  if (Number(number) < 1 || Number(number) > count) {
    throw misuse(`there is no shard ${number} of ${digits}: they count from 00001`, { found: number });
  }
  return Array.from({ length: count }, (_, no) => `${prefix}${String(no + 1).padStart(5, '0')}${of}${digits}${rest}`);
}
