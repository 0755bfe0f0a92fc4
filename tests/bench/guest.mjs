// The ways in that are compared, over the raw exports of `tests/runtime`: both ABIs and, in the same module, the same
// windows copied and hashed without looking at them.
import { readFileSync } from 'node:fs';

const MODULE = new URL('../../target/wasm/runtime.wasm', import.meta.url);
const SINKS = { verify: 1, resident: 2 };
export const SHA256 = 1;
export const BLAKE3 = 2;
export const EVIDENCE = 6;
export const NONE = 0;

/** @typedef {import('./file.mjs').File} File */

export class Guest {
  #exports = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(MODULE)), {}).exports;

  get memoryBytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /**
   * Through v2, up to `end`; all of it is admitted and released, a part is only released. Gives how long `finish` took,
   * in milliseconds, and the handle.
   *
   * @param {File} file
   * @param {{ sink?: 'verify' | 'resident', digests?: number, window?: number, end?: number, keep?: boolean }}
   * [options]
   */
  v2(file, { sink = 'verify', digests = SHA256, window = 1 << 20, end = file.length, keep = false } = {}) {
    const guest = this.#exports;
    const handle = this.#checked(guest.begin(BigInt(file.length), SINKS[sink]));
    this.#checked(guest.digests(handle, digests));
    this.#checked(guest.limit(handle, 7, BigInt(window)));
    for (let at = 0; at < end; ) {
      const slice = this.#checked(guest.window(handle));
      const room = Math.min(Number(slice >> 32n), end - at);
      const count = file.fill(new Uint8Array(guest.memory.buffer, Number(slice & 0xffffffffn), room), at);
      this.#checked(guest.push_chunk(handle, BigInt(at), count));
      at += count;
    }
    const start = performance.now();
    if (end === file.length) this.#checked(guest.finish(handle));
    const finish = performance.now() - start;
    if (!keep) this.#checked(guest.release(handle));
    return { finish, handle };
  }

  /** Proves every group of an admitted file by its evidence. @param {File} file @param {number} handle */
  prove(file, handle) {
    const guest = this.#exports;
    for (let at = 0, group = 0; at < file.length; group += 1) {
      const slice = this.#checked(guest.lend_group(handle, group));
      const room = Number(slice >> 32n);
      const count = file.fill(new Uint8Array(guest.memory.buffer, Number(slice & 0xffffffffn), room), at);
      if (count !== room || guest.check_group(handle, group, room) !== 1) throw new Error(`group ${group} differs`);
      at += room;
    }
  }

  /** Through v1: the host has the whole file, as a v1 host must. @param {Uint8Array} whole */
  v1(whole) {
    const guest = this.#exports;
    const ptr = guest.alloc(whole.length);
    if (ptr === 0) throw new Error('alloc gave null');
    new Uint8Array(guest.memory.buffer, ptr, whole.length).set(whole);
    const status = guest.load_model(ptr, whole.length);
    guest.dealloc(ptr, whole.length);
    if (status !== 0) throw new Error(`load_model gave ${status}`);
  }

  /** The same windows, copied and hashed as they are. @param {File} file */
  plain(file, { digests = SHA256, window = 1 << 20, end = file.length } = {}) {
    const guest = this.#exports;
    const ptr = guest.plain_window(window);
    for (let at = 0; at < end; ) {
      const count = file.fill(new Uint8Array(guest.memory.buffer, ptr, Math.min(window, end - at)), at);
      guest.plain_hash(count, digests);
      at += count;
    }
    guest.plain_finish(digests);
  }

  #checked(answer) {
    if (answer >= 0) return answer;
    const slice = this.#exports.last_error();
    throw new Error(
      Buffer.from(this.#exports.memory.buffer, Number(slice & 0xffffffffn), Number(slice >> 32n)).toString(),
    );
  }
}
