// What a guest exports, by the versions of its ABI: docs/abi-v1.md, docs/abi-v2.md.
import { isAdmissionError, messageOf, misuse } from '../core/errors.js';

/**
 * @typedef {object} V1Exports
 * @property {WebAssembly.Memory} memory
 * @property {(len: number) => number} alloc
 * @property {(ptr: number, len: number) => void} dealloc
 * @property {() => number} init_runtime
 * @property {(ptr: number, len: number) => number} load_model
 * @property {() => number} last_result_ptr
 * @property {() => number} last_result_len
 * @property {() => number} get_diagnostics_ptr
 * @property {() => number} get_diagnostics_len
 * @property {() => number} free_model
 */

/**
 * @typedef {object} V2Exports
 * @property {() => number} abi_version
 * @property {(length: bigint, sink: number) => number} begin
 * @property {(handle: number, id: number, value: bigint) => bigint} limit
 * @property {(handle: number, mask: number) => number} digests
 * @property {(handle: number, algorithm: number, a: bigint, b: bigint, c: bigint, d: bigint) => number} expect_digest
 * @property {(handle: number) => bigint} evidence
 * @property {(handle: number, groups: number) => bigint} expect_evidence
 * @property {(handle: number, group: number) => bigint} lend_group
 * @property {(handle: number, group: number, len: number) => number} check_group
 * @property {(handle: number, id: number, level: number) => number} profile
 * @property {(handle: number) => bigint} window
 * @property {(handle: number, offset: bigint, len: number) => number} push_chunk
 * @property {(handle: number) => number} finish
 * @property {(handle: number) => bigint} position
 * @property {(handle: number) => bigint} report
 * @property {(handle: number, index: number) => bigint} metadata
 * @property {(handle: number, index: number) => bigint} tensor
 * @property {(handle: number, lead: number) => number} join
 * @property {(handle: number) => number} activate
 * @property {() => number} active
 * @property {(handle: number) => number} release
 * @property {() => bigint} last_error
 */

export const V1_EXPORTS = [
  'alloc', 'dealloc', 'load_model', 'last_result_ptr', 'last_result_len', 'get_diagnostics_ptr',
  'get_diagnostics_len', 'free_model',
];
/** Without those of 2.1, which are asked for where they are used. */
export const V2_EXPORTS = [
  'begin', 'limit', 'digests', 'expect_digest', 'window', 'push_chunk', 'finish', 'position', 'report', 'metadata',
  'tensor', 'activate', 'active', 'release', 'last_error',
];
const OF_2_1 = ['evidence', 'expect_evidence', 'lend_group', 'check_group', 'profile', 'join'];

/** All that take a number: what WebAssembly makes of one that does not fit would be another handle. */
const ABI = new Set([...V1_EXPORTS, ...V2_EXPORTS, ...OF_2_1]);

/** @param {string} name  of an export */
export const isOfAbi = name => ABI.has(name);

/**
 * Whether these are the exports of a guest.
 *
 * @param {unknown} given
 * @returns {{ exports: V1Exports & V2Exports, abi: number }} abi: its major version
 */
export function exportsIn(given) {
  try {
    return checked(/** @type {any} */ (given));
  } catch (cause) {
    throw isAdmissionError(cause) ? cause : notAGuest(`it fails when it is looked at: ${messageOf(cause)}`, { cause });
  }
}

/**
 * @param {string} why
 * @param {Partial<import('../core/errors.js').Detail>} [detail]
 */
export const notAGuest = (why, detail) => misuse(`not a GGUF admission guest: ${why}`, { code: 'guest', ...detail });

/** @param {any} exports */
function checked(exports) {
  if (!(exports?.memory instanceof WebAssembly.Memory)) throw notAGuest('it exports no memory');
  const version = exports.abi_version;
  const abi = typeof version === 'function' ? version() >>> 16 : 1;
  if (abi > 2) throw notAGuest(`its ABI is version ${abi}, this package knows 1 and 2`);
  const missing = (abi === 2 ? V2_EXPORTS : V1_EXPORTS).find(name => typeof exports[name] !== 'function');
  if (missing) throw notAGuest(`it exports no ${missing}`);
  return { exports, abi };
}
