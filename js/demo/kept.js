// Models that are kept in this browser: their names, the list of them, and what can be done with each.
import { findStored, listStored, makeRoom, pinStored, removeStored, shardsOf } from '../index.js';
import { byId, element, foreign } from './element.js';
import { cut, size } from './format.js';

/** @typedef {import('./choice.js').Choice} Choice */
/** @typedef {import('../index.js').StoredEntry} StoredEntry */
/** @typedef {() => Promise<string | void> | void} Act  answers what to say */

/** Stands before each name: of two files of one name, from two places, neither is taken for the other. */
const PLACE = /^[0-9a-f]{16} /;
/** Where the addresses are kept that downloads go on with. */
const ADDRESSES = 'gguf-admission addresses';
const GIB = 2 ** 30;
const CHARACTERS = 60;

/** Whether this browser, on this page, stores files. */
const canKeep = 'locks' in navigator && 'storage' in navigator && 'getDirectory' in navigator.storage;

/**
 * @param {Choice['source']} source  a file or an address, or those of all shards
 * @returns {Promise<string | string[]>} the name in the store, or the names
 */
export async function namesFor(source) {
  const all = /** @type {(File | URL | string)[]} */ ([source].flat());
  const place = new TextEncoder().encode(all.map(placeOf).join('\n'));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', place)).subarray(0, 8);
  const prefix = Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('');
  const names = all.map(one => `${prefix} ${[...lastOf(one)].slice(-CHARACTERS).join('')}`);
  if (Array.isArray(source)) return names;
  if (!(source instanceof File)) remember(names[0], String(source));
  return names[0];
}

/** A file that changed is another one; what is signed behind an address changes from day to day. */
const placeOf = (/** @type {File | URL | string} */ one) =>
  one instanceof File ? `${one.size} ${one.lastModified} ${one.name}` : String(one).replace(/[?#].*/s, '');

/** @param {File | URL | string} one */
function lastOf(one) {
  const last = one instanceof File ? one.name : decoded(new URL(one).pathname.split('/').at(-1) || new URL(one).host);
  return last.replace(/[\p{C}/\\]/gu, '_');
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} name  in the store */
const shownAs = name => name.replace(PLACE, '');

/** The list of what is kept, with its buttons. */
export class Kept {
  #open;
  #say;
  /** @type {StoredEntry[]} */ #entries = [];

  /**
   * @param {object} page
   * @param {(choice: Choice) => void} page.open
   * @param {(text: string) => void} page.say
   */
  constructor({ open, say }) {
    this.#open = open;
    this.#say = say;
    byId('kept-room').addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#do('kept-free', () => this.#free());
    });
    document.addEventListener('visibilitychange', () => void this.show());
  }

  /** Shows it as it is now. */
  async show() {
    try {
      this.#entries = canKeep ? await listStored() : [];
      byId('keep-option').hidden = !canKeep;
    } catch {
      // A browser that stores nothing for this page: a private window, say. Then nothing can be kept.
      byId('keep-option').hidden = true;
      byId('keep').checked = false;
      this.#entries = [];
    }
    for (const { name, kept, length } of this.#entries) if (kept === 0 && length) forget(name);
    const sum = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
    byId('kept').hidden = this.#entries.length === 0;
    byId('kept-sum').textContent = `${size(sum)} in all`;
    const focused = document.activeElement?.id;
    byId('kept-list').replaceChildren(...this.#entries.map((entry, index) => this.#item(entry, index)));
    if (focused?.startsWith('kept-')) (byId(focused) ?? byId('kept-title')).focus();
  }

  /**
   * @param {string | string[]} names
   * @returns {number} bytes of downloads that have not ended
   */
  partsOf(names) {
    return this.#entries.reduce((sum, { name, kept }) => sum + ([names].flat().includes(name) ? kept : 0), 0);
  }

  /**
   * @param {StoredEntry} entry
   * @param {number} index
   */
  #item(entry, index) {
    const { name, pinned, kept, length } = entry;
    const title = cut(shownAs(name), 100);
    const button = (/** @type {string} */ what, /** @type {Act} */ act, properties = {}) => {
      const id = `kept-${what.toLowerCase().replace(' ', '-')}-${index}`;
      const made = element('button', { id, type: 'button', 'aria-label': `${what} ${title}`, ...properties }, what);
      made.onclick = () => this.#do(id, act);
      return made;
    };
    const address = kept > 0 ? addresses()[name] : undefined;
    return element('li', {},
      element('div', { class: 'kept-text' },
        element('strong', {}, foreign(title)),
        element('span', { class: 'note' }, factsOf(entry, address !== undefined).join(' · '))),
      element('div', { class: 'buttons' },
        length === undefined ? undefined : button('Open', () => this.#openKept(name)),
        address === undefined ? undefined : button('Go on', () => this.#goOn(name, address)),
        button('Pin', () => this.#pin(entry), { 'aria-pressed': String(pinned) }),
        button('Remove', () => this.#remove(name))));
  }

  /**
   * Of a split model all files, where they are here.
   *
   * @param {string} name
   */
  async #openKept(name) {
    const isHere = (/** @type {string} */ each) => this.#entries.some(entry => entry.name === each && entry.length);
    const all = shardsOf(name);
    const names = all.every(isHere) ? all : [name];
    const files = await Promise.all(names.map(async each => (await findStored(each))?.file));
    if (files.includes(undefined)) throw new Error('it is not here any more');
    const handles = /** @type {FileSystemFileHandle[]} */ (files);
    const isSet = handles.length > 1;
    const total = this.#entries.reduce((sum, entry) => sum + (names.includes(entry.name) ? entry.length ?? 0 : 0), 0);
    this.#open({
      source: isSet ? handles : handles[0], kept: isSet ? names : name, total,
      name: shownAs(names[0]) + (isSet ? ` and ${names.length - 1} more` : ''),
    });
  }

  /**
   * @param {string} name
   * @param {string} address
   */
  #goOn(name, address) {
    this.#open({ source: new URL(address), name: shownAs(name), kept: name });
  }

  /** @param {StoredEntry} entry */
  async #pin({ name, pinned }) {
    await pinStored(name, !pinned);
    return pinned ? `${shownAs(name)} is not pinned any more.` : `${shownAs(name)} is pinned: it stays.`;
  }

  /** @param {string} name */
  async #remove(name) {
    await removeStored(name, { signal: AbortSignal.timeout(2000) });
    forget(name);
    return `${shownAs(name)} is removed.`;
  }

  async #free() {
    const bytes = Math.ceil(Number(byId('kept-gib').value) * GIB);
    const removed = await makeRoom(bytes);
    if (removed.length === 0) return `There is room for ${size(bytes)}: nothing had to go.`;
    return `There is room for ${size(bytes)} now. Removed: ${removed.map(shownAs).join(', ')}.`;
  }

  /**
   * @param {string} id  of the button
   * @param {Act} act
   */
  async #do(id, act) {
    let told;
    try {
      told = await act();
    } catch (error) {
      const isInUse = error instanceof DOMException && error.name === 'TimeoutError';
      told = isInUse ? 'It is in use, here or in another tab.' : `That did not work: ${messageOf(error)}.`;
    }
    await this.show();
    if (told) this.#say(told);
    if (document.activeElement === document.body) (byId(id) ?? byId('kept-title')).focus();
  }
}

/**
 * @param {StoredEntry} entry
 * @param {boolean} hasAddress  to go on with
 * @returns {string[]}
 */
function factsOf({ length, storedAt, usedAt, kept, pinned, digests, bytes }, hasAddress) {
  const facts = [];
  if (length !== undefined) facts.push(size(length));
  if (kept > 0) facts.push(`${size(kept)} of a download are here, the rest is missing`);
  if (kept > 0 && !hasAddress) facts.push('choose it again to go on');
  if (length === undefined && kept === 0) facts.push(`${size(bytes)}, to be checked anew`);
  if (storedAt !== undefined) facts.push(`stored ${ago(storedAt)}`);
  if (usedAt !== undefined) facts.push(`last used ${ago(usedAt)}`);
  if (pinned) facts.push('pinned');
  if (digests?.sha256) facts.push(`SHA-256 ${digests.sha256.slice(0, 12)}…`);
  return facts;
}

/** @type {[seconds: number, unit: Intl.RelativeTimeFormatUnit][]} */
const UNITS = [[86_400, 'day'], [3600, 'hour'], [60, 'minute']];

/** @param {number} time  in milliseconds since 1970 */
function ago(time) {
  const seconds = Math.max(0, (Date.now() - time) / 1000);
  const [length, unit] = UNITS.find(([length]) => seconds >= length) ?? [];
  if (!length || !unit) return 'just now';
  return new Intl.RelativeTimeFormat('en').format(-Math.floor(seconds / length), unit);
}

/** @param {unknown} error */
const messageOf = error => cut(error instanceof Error ? error.message : String(error), 300);

/**
 * By where they are kept: an address that has a query may be signed, or hold a token. It stays in this tab.
 *
 * @typedef {'localStorage' | 'sessionStorage'} Memory
 */

/** @returns {Record<string, string>} by name */
const addresses = () => ({ ...noted('localStorage'), ...noted('sessionStorage') });

/**
 * For as long as its download has not ended.
 *
 * @param {string} name
 * @param {string} address
 */
function remember(name, address) {
  forget(name);
  const memory = /[?#@]/.test(address) ? 'sessionStorage' : 'localStorage';
  note(memory, { ...noted(memory), [name]: address });
}

/** @param {string} name */
function forget(name) {
  for (const memory of /** @type {const} */ (['localStorage', 'sessionStorage'])) {
    const { [name]: gone, ...others } = noted(memory);
    if (gone !== undefined) note(memory, others);
  }
}

/**
 * @param {Memory} memory
 * @returns {Record<string, string>}
 */
function noted(memory) {
  try {
    return JSON.parse(globalThis[memory].getItem(ADDRESSES) ?? '{}');
  } catch {
    return {}; // a browser that lets a page keep nothing
  }
}

/**
 * @param {Memory} memory
 * @param {Record<string, string>} all
 */
function note(memory, all) {
  try {
    globalThis[memory].setItem(ADDRESSES, JSON.stringify(all));
  } catch {
    // Then the address has to be given again.
  }
}
