import { DISPOSE } from '../core/disposal.js';
import { misuse } from '../core/errors.js';
import { shown } from '../core/text.js';

/** @typedef {import('./guest.js').Guest} Guest */
/** @typedef {import('./report.js').Report} Report */

/**
 * @typedef {object} Metadata  What `onHeader` may ask for, until it has answered. A `GuestWorker` answers by a promise.
 * @property {(keyOrIndex: string | number) => any} metadata
 *   one value in full, arrays and long strings too; undefined when the file has no such key
 */

/** A file whose header was read and found sound, and nothing else of it. It lives in the guest until `release`. */
export class Header {
  #guest;
  #handle;
  /** @type {Report | undefined} */ #report;
  /** @type {Map<string, number> | undefined} */ #keys;

  /**
   * @param {Guest} guest
   * @param {number} handle  of a session whose header is ready
   */
  constructor(guest, handle) {
    this.#guest = guestIn(guest);
    this.#handle = handle;
  }

  /** The session's handle in the guest; 0 once it is released. */
  get handle() {
    return this.#handle;
  }

  /** @returns {Report} what the file is: facts, metadata, tensors; no digests, which need all of it */
  get report() {
    return (this.#report ??= this.#guest.report(this.#handle));
  }

  /** Has the report read anew when it is next asked for: a shard's changes as others join its set. */
  refresh() {
    this.#report = undefined;
  }

  /**
   * One metadata value in full, arrays too. 64-bit integers are strings.
   *
   * @param {string | number} keyOrIndex  an index is a whole number, 0 or above; anything else is misuse
   * @returns {any} undefined when the file has no such key, or the index is past its last
   */
  metadata(keyOrIndex) {
    this.#keys ??= places(this.report.metadata.map(entry => entry.key));
    const index = placeIn(this.#keys, keyOrIndex);
    return index === undefined ? undefined : this.#guest.metadata(this.#handle, index);
  }

  /** Ends the session. Doing it twice is harmless. */
  release() {
    const handle = this.#handle;
    this.#handle = 0;
    if (handle !== 0) this.#guest.release(handle);
  }

  [DISPOSE]() {
    this.release();
  }
}

/**
 * Another copy of this package may have made it.
 *
 * @param {Guest} value
 */
export function guestIn(value) {
  try {
    const isOne = typeof value.begin === 'function' && typeof value.pushChunk === 'function' && value.memoryBytes >= 0;
    if (isOne) return value;
  } catch {
    // Nothing, a proxy that was revoked, or what has a guest's methods and no memory.
  }
  throw misuse(`this is no guest: ${shown(value)}`, { path: 'guest', found: shown(value) });
}

/**
 * @param {Map<string, number>} places
 * @param {string | number} nameOrIndex
 * @returns {number | undefined}
 */
export function placeIn(places, nameOrIndex) {
  if (typeof nameOrIndex !== 'number') return places.get(nameOrIndex);
  if (!Number.isSafeInteger(nameOrIndex) || nameOrIndex < 0) {
    throw misuse(`an index must be a whole number, 0 or above; found ${nameOrIndex}`);
  }
  return nameOrIndex < places.size ? nameOrIndex : undefined;
}

/** @param {string[]} names */
export const places = names => new Map(names.map((name, index) => [name, index]));
