// A host of ABI v1, as pages have it: the whole file is moved at once.
import { allocCopy, release, TRANSFER_CEILING, aboveCeiling } from '../v1.js';
import { AdmissionError, kindOf } from '../errors.js';

/**
 * @param {any} guest  the exports of an instance
 * @returns {Pick<import('../index.js').Host, 'ceiling' | 'unload'> & { load: (file: File) => Promise<{ report: any }> }}
 */
export function hostFor(guest) {
  return {
    ceiling: TRANSFER_CEILING,

    async load(file) {
      if (file.size > TRANSFER_CEILING) throw aboveCeiling(file.size);
      const bytes = new Uint8Array(await file.arrayBuffer());
      const allocation = allocCopy(guest, bytes);
      let status;
      try {
        status = guest.load_model(allocation.ptr, allocation.len);
      } finally {
        release(guest, allocation);
      }
      if (status !== 0) {
        const result = JSON.parse(text(guest, guest.last_result_ptr(), guest.last_result_len()));
        throw new AdmissionError(result.message, { ...result, status: -status, kind: kindOf(-status) });
      }
      return { report: JSON.parse(text(guest, guest.get_diagnostics_ptr(), guest.get_diagnostics_len())).model };
    },

    unload: () => void guest.free_model(),
  };
}

/**
 * @param {any} guest
 * @param {number} ptr
 * @param {number} len
 */
const text = (guest, ptr, len) => new TextDecoder().decode(new Uint8Array(guest.memory.buffer, ptr, len));
