import { lookedAt } from '../core/options.js';
import { Guest } from './guest.js';
import { guestIn } from './header.js';

/**
 * The guest that these are the exports of, or that it is already.
 *
 * @param {Guest | WebAssembly.Exports | WebAssembly.Instance} given
 * @returns {Guest}
 */
export function guestOf(given) {
  const guest = lookedAt('guest', () => {
    if (given instanceof Guest) return guestIn(given);
    return given instanceof WebAssembly.Instance ? new Guest(given.exports) : undefined;
  });
  return guest ?? new Guest(/** @type {WebAssembly.Exports} */ (given));
}
