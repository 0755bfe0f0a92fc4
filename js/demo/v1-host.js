// A host of ABI v1: the whole file is moved at once.
import { aboveCeiling, loadModel, TRANSFER_CEILING } from '../v1.js';

/**
 * @param {WebAssembly.Exports & { free_model(): number }} guest
 * @returns {Pick<import('../index.js').Host, 'ceiling' | 'unload'> & { load: (file: File) => Promise<{ report: any }>
 *   }}
 */
export const hostFor = guest => ({
  ceiling: TRANSFER_CEILING,

  async load(file) {
    if (file.size > TRANSFER_CEILING) throw aboveCeiling(file.size); // before it is read
    return { report: loadModel(guest, new Uint8Array(await file.arrayBuffer())).model };
  },

  unload: () => void guest.free_model(),
});
