// Small texts of the store that show by themselves whether a disk has spoilt them.
import { sha256 } from './journal.js';

const SEALED = /^(\{.*),"check":"([0-9a-f]{64})"\} *$/s;

/**
 * JSON whose last member is the SHA-256 of what stands before it.
 *
 * @param {object} value  with one member at least
 * @returns {Promise<string>}
 */
export async function sealed(value) {
  const text = JSON.stringify(value).slice(0, -1);
  return `${text},"check":"${await checkOf(text)}"}`;
}

/**
 * @param {string} text  blanks may follow it
 * @returns {Promise<any>} undefined of one that is not what was sealed
 */
export async function unsealed(text) {
  const [, members, check] = SEALED.exec(text) ?? [];
  return members !== undefined && check === (await checkOf(members)) ? JSON.parse(`${members}}`) : undefined;
}

/** @param {string} text */
const checkOf = text => sha256(new TextEncoder().encode(text));
