// NAME.journal: which bytes of NAME.part are proven, and what they are of.

/**
 * @typedef {object} Begun  What is known of a file that is being stored.
 * @property {number} [length]
 * @property {number} [total]  good enough for a progress bar only
 * @property {import('../sources/http/earlier.js').Identity} [identity]  of the file on its server
 * @property {Partial<Record<import('../guest/settings.js').Algorithm, string>>} required  digests, in hex
 */

/** Bytes of a group, the unit of evidence. */
export const GROUP = 2 ** 20;
/** Bytes of the value of one group. */
export const VALUE = 32;
/** Where the values begin. */
export const VALUES_AT = 4096;
/** Of SHA-256 in hex. */
const CHECK = 64;

/**
 * The journal's first bytes: the SHA-256 of what follows, then what is known of the file, as JSON.
 *
 * @param {Begun} begun
 * @returns {Promise<Uint8Array>}
 */
export async function journalHead(begun) {
  const text = JSON.stringify(begun);
  // Names of a server's may be of any length: without them only a digest can show that its file is the same.
  const fits = new TextEncoder().encode(text).length <= VALUES_AT - CHECK;
  const head = new Uint8Array(VALUES_AT).fill(0x20);
  new TextEncoder().encodeInto(fits ? text : JSON.stringify({ ...begun, identity: undefined }), head.subarray(CHECK));
  new TextEncoder().encodeInto(await sha256(head.subarray(CHECK)), head);
  return head;
}

/**
 * Undefined of a journal that a crash cut short, or that is spoilt: then nothing is kept.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<{ begun: Begun, values: Uint8Array } | undefined>}
 */
export async function journalOf(bytes) {
  if (bytes.length < VALUES_AT) return undefined;
  const rest = bytes.subarray(CHECK, VALUES_AT);
  if (new TextDecoder().decode(bytes.subarray(0, CHECK)) !== (await sha256(rest))) return undefined;
  const whole = Math.floor((bytes.length - VALUES_AT) / VALUE);
  return {
    begun: JSON.parse(new TextDecoder().decode(rest)),
    values: bytes.slice(VALUES_AT, VALUES_AT + whole * VALUE),
  };
}

/** @param {Uint8Array} bytes */
export async function sha256(bytes) {
  const digest = await crypto.subtle.digest('SHA-256', /** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('');
}
