// Lists of SHA-256 as `sha256sum` and `shasum` write them.

const ESCAPES = /** @type {Record<string, string>} */ ({ n: '\n', r: '\r', '\\': '\\' });

export class Sums {
  /** @type {Map<string, string>} */ #digests = new Map();

  /** @param {string} text  a line that is none of a list is an error: it was meant to name a file */
  constructor(text) {
    for (const [index, line] of text.split('\n').map(line => line.replace(/\r$/, '')).entries()) {
      if (line === '' || line.startsWith('#')) continue;
      const entry = entryOf(line);
      if (!entry) throw new Error(`line ${index + 1}: not a line of a SHA-256 list`);
      const { name, sha256 } = entry;
      if ((this.#digests.get(name) ?? sha256) !== sha256) {
        throw new Error(`line ${index + 1}: another SHA-256 for the same name`);
      }
      this.#digests.set(name, sha256);
    }
    // Nothing would be checked, and all would be well.
    if (this.#digests.size === 0) throw new Error('no file is listed');
  }

  /** In the order of the list. */
  get names() {
    return [...this.#digests.keys()];
  }

  /** @param {string} file */
  get(file) {
    return this.#digests.get(plain(file));
  }
}

/** @param {string} line  `HEX  NAME`, `HEX *NAME`, `\HEX  NAME` with escapes, or `SHA256 (NAME) = HEX` */
function entryOf(line) {
  const bsd = /^SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line);
  if (bsd) return { name: plain(bsd[1]), sha256: bsd[2].toLowerCase() };
  const gnu = /^(\\?)([0-9a-f]{64}) [ *](.+)$/i.exec(line);
  if (!gnu) return undefined;
  const [, escaped, hex, text] = gnu;
  if (escaped && !/^([^\\]|\\[nr\\])*$/.test(text)) return undefined;
  const name = escaped ? text.replace(/\\(.)/g, (_, letter) => ESCAPES[letter]) : text;
  return { name: plain(name), sha256: hex.toLowerCase() };
}

/** @param {string} name  `./a` and `a` are the same file */
const plain = name => name.split('/').filter((part, index) => part !== '.' && (part !== '' || index === 0)).join('/');
