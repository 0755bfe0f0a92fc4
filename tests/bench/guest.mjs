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
  #exports;

  /** @param {string | URL} [module]  that of another build */
  constructor(module = MODULE) {
    this.#exports = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(module)), {}).exports;
  }

  get memoryBytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /**
   * Through v2, up to `end`; all of it is admitted and released, a part is only released. Gives how long `finish` took,
   * in milliseconds, and the handle.
   *
   * @param {File} file
   * @param {{ sink?: 'verify' | 'resident', digests?: number, window?: number, end?: number, keep?: boolean,
   *   profile?: number }} [options]
   */
  v2(file, { sink = 'verify', digests = SHA256, window = 1 << 20, end = file.length, keep = false, profile } = {}) {
    const guest = this.#exports;
    const handle = this.#opened(file, { sink, digests, window });
    if (profile !== undefined) this.#checked(guest.profile(handle, 1, profile));
    for (let at = 0; at < end; ) at += this.#step(handle, file, at, end).count;
    const start = performance.now();
    if (end === file.length) this.#checked(guest.finish(handle));
    const finish = performance.now() - start;
    if (!keep) this.#checked(guest.release(handle));
    return { finish, handle };
  }

  /**
   * A set: the header of each shard, and its join; then their data, two shards side by side. Released at the end.
   *
   * @param {File[]} files  the lead first
   * @param {{ digests?: number, window?: number }} [options]
   */
  set(files, { digests = SHA256, window = 1 << 20 } = {}) {
    const guest = this.#exports;
    const shards = [];
    const begin = file => {
      const shard = { file, handle: this.#opened(file, { sink: 'verify', digests, window }), at: 0 };
      shards.push(shard);
      for (let state = 1; state === 1; ) {
        const step = this.#step(shard.handle, file, shard.at, file.length);
        shard.at += step.count;
        state = step.state;
      }
      this.#checked(guest.join(shard.handle, shards[0].handle));
      return shard;
    };
    const rest = [...files];
    const lanes = rest.splice(0, 2).map(begin);
    while (lanes.length > 0) {
      for (const [lane, shard] of [...lanes.entries()].reverse()) {
        if (shard.at < shard.file.length) {
          shard.at += this.#step(shard.handle, shard.file, shard.at, shard.file.length).count;
          continue;
        }
        this.#checked(guest.finish(shard.handle));
        lanes.splice(lane, 1, ...rest.splice(0, 1).map(begin));
      }
    }
    this.#checked(guest.activate(shards[0].handle));
    for (const { handle } of shards.reverse()) this.#checked(guest.release(handle));
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

  /** @param {File} file */
  #opened(file, { sink, digests, window }) {
    const guest = this.#exports;
    const handle = this.#checked(guest.begin(BigInt(file.length), SINKS[sink]));
    this.#checked(guest.digests(handle, digests));
    this.#checked(guest.limit(handle, 7, BigInt(window)));
    return handle;
  }

  /** Lends, fills and pushes. @param {number} handle @param {File} file @param {number} at @param {number} end */
  #step(handle, file, at, end) {
    const guest = this.#exports;
    const slice = this.#checked(guest.window(handle));
    const room = Math.min(Number(slice >> 32n), end - at);
    const count = file.fill(new Uint8Array(guest.memory.buffer, Number(slice & 0xffffffffn), room), at);
    return { count, state: this.#checked(guest.push_chunk(handle, BigInt(at), count)) };
  }

  #checked(answer) {
    if (answer >= 0) return answer;
    const slice = this.#exports.last_error();
    throw new Error(
      Buffer.from(this.#exports.memory.buffer, Number(slice & 0xffffffffn), Number(slice >> 32n)).toString(),
    );
  }
}
