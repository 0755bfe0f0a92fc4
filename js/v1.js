// A host of ABI v1: the whole file in one transfer. The duties are those of docs/abi-v1.md, no more and no less.
import { AdmissionError, kindOf, misuse } from './core/errors.js';
import { asBytes } from './core/pieces.js';
import { lookedAt } from './core/options.js';
import { guestOf } from './guest/guest-of.js';

/** Most that one transfer can hold, in bytes. */
export const TRANSFER_CEILING = 134_217_728;

/** @typedef {{ readonly ptr: number, readonly len: number }} Allocation  to be given back exactly as it is */

/**
 * @typedef {object} Diagnostics  About the active model and the latest error.
 * @property {'1'} abi
 * @property {{ length: number, gguf: import('./guest/report.js').Gguf, metadata: import('./guest/report.js').Entry[],
 *   tensors: import('./guest/report.js').Tensor[], digests: import('./guest/report.js').Digests } | null} model
 * @property {{ call: string, status: number, code: string, offset: number | null, path: string | null, message: string
 *   } | null} error
 */

/**
 * Allocates exactly as many bytes as there are, and copies them.
 *
 * @param {import('./guest/guest.js').Guest | WebAssembly.Exports} exports
 * @param {Uint8Array} bytes
 * @returns {Allocation}
 */
export function allocCopy(exports, bytes) {
  const guest = guestOf(exports);
  const given = asBytes(bytes);
  const len = given.byteLength;
  if (len === 0) throw misuse('there are no bytes to transfer', { path: 'length', found: '0' });
  if (len > TRANSFER_CEILING) throw aboveCeiling(len);
  const ptr = guest.alloc(len);
  if (ptr === 0)
    throw new AdmissionError(`the guest has no room for ${len} bytes`, {
      code: 'memory',
      kind: 'retry',
      status: -17,
      path: 'memory',
    });
  guest.view(ptr, len).set(given);
  return { ptr, len };
}

/**
 * Gives an allocation back, with its original pointer and capacity.
 *
 * @param {import('./guest/guest.js').Guest | WebAssembly.Exports} exports
 * @param {Allocation} allocation
 */
export function release(exports, allocation) {
  const { ptr, len } = lookedAt('allocation', () => ({ ptr: allocation?.ptr, len: allocation?.len }));
  guestOf(exports).dealloc(ptr, len);
}

/**
 * Admits a whole file as the active model. If it is refused, the model that was active stays so.
 *
 * @param {import('./guest/guest.js').Guest | WebAssembly.Exports} exports
 * @param {Uint8Array} bytes
 * @returns {Diagnostics}
 */
export function loadModel(exports, bytes) {
  const guest = guestOf(exports);
  const allocation = allocCopy(guest, bytes);
  let status;
  try {
    status = guest.loadModel(allocation.ptr, allocation.len);
  } finally {
    release(guest, allocation);
  }
  if (status === 0) return JSON.parse(guest.diagnostics());
  const kind = kindOf(-status);
  const text = guest.lastResult();
  let result;
  try {
    result = JSON.parse(text);
  } catch {
    // Another make of guest: the format of this text is no part of ABI v1 as it was frozen.
    throw new AdmissionError(text || `the guest answered ${status}`, {
      code: `status ${status}`,
      kind,
      status: -status,
    });
  }
  throw new AdmissionError(result.message, { ...result, kind, status: -status });
}

/** @param {number} length */
export const aboveCeiling = length =>
  new AdmissionError(`ABI v1 moves at most ${TRANSFER_CEILING} bytes at once, this file has ${length}`, {
    code: 'ceiling', kind: 'rejected', path: 'length', expected: String(TRANSFER_CEILING), found: String(length),
  });
