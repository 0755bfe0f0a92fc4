// The guest: one WebAssembly instance. This is the only file that makes views over the guest's memory.
import { isAdmissionError, messageOf, misuse } from '../core/errors.js';
import { lookedAt } from '../core/options.js';
import { asBytes } from '../core/pieces.js';
import { shown } from '../core/text.js';
import { refusal, trapped } from './answer.js';
import { exportsIn, isOfAbi } from './exports.js';
import { abiNumber, anyNumber, digestWords, long, word } from './numbers.js';
import { sinkId } from './settings.js';

/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./exports.js').V1Exports} V1Exports */
/** @typedef {import('./exports.js').V2Exports} V2Exports */

const utf8 = new TextDecoder();

/**
 * The exports of one instance, typed: a negative status becomes an `AdmissionError`, a slice becomes a view or a value.
 *
 * Every `Uint8Array` that comes from here is a view over the guest's memory. It is good until the next call into the
 * guest, whichever: memory may grow, and a view over the old buffer is dead. Copy (`slice()`) what is to be kept.
 */
export class Guest {
  /** @type {V1Exports & V2Exports} */ #exports;

  /** Major version of the ABI: 1 when the module has v1's exports only. */
  abi;

  /** @param {WebAssembly.Exports} exports  of a module of ABI v1, or v1 and v2 */
  constructor(exports) {
    ({ exports: this.#exports, abi: this.abi } = exportsIn(exports));
  }

  /** Size of the guest's memory, in bytes. */
  get memoryBytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /**
   * @param {number} ptr
   * @param {number} len
   * @returns {Uint8Array<ArrayBuffer>} a fresh view
   */
  view(ptr, len) {
    const end = word('view', ptr) + word('view', len);
    const { memoryBytes } = this;
    if (end > memoryBytes) throw misuse(`byte ${end} is behind the guest's memory of ${memoryBytes} bytes`);
    return new Uint8Array(/** @type {ArrayBuffer} */ (this.#exports.memory.buffer), ptr, len);
  }

  // ABI v2

  /** @returns {number} `major << 16 | minor` */
  abiVersion() {
    return this.#call('abi_version');
  }

  /**
   * @param {number | undefined} length  exact length of the file, when it is known
   * @param {'verify' | 'resident'} sink
   * @returns {number} handle
   */
  begin(length, sink) {
    return this.#call('begin', length === undefined ? -1n : long('begin', length), sinkId(sink));
  }

  /**
   * @param {number} handle
   * @param {number} id
   * @param {number} [value]  leave it out to read the limit
   * @returns {number} the value in effect
   */
  limit(handle, id, value) {
    return this.#call('limit', handle, id, value === undefined ? -1n : long('limit', value));
  }

  /**
   * @param {number} handle
   * @param {number} mask  1 SHA-256, 2 BLAKE3, 3 both, 0 none; 6 and 7: 2 and 3 with evidence
   * @returns {number} state
   */
  digests(handle, mask) {
    return this.#call('digests', handle, mask);
  }

  /**
   * @param {number} handle
   * @param {1 | 2} algorithm  1 SHA-256, 2 BLAKE3
   * @param {readonly [bigint, bigint, bigint, bigint]} words  big-endian
   * @returns {number} state
   */
  expectDigest(handle, algorithm, words) {
    return this.#call('expect_digest', handle, algorithm, ...digestWords(words));
  }

  /**
   * @param {number} handle
   * @returns {Uint8Array<ArrayBuffer>} the values of the groups so far, 32 bytes each
   */
  evidence(handle) {
    return this.#slice('evidence', handle);
  }

  /**
   * @param {number} handle
   * @param {number} groups
   * @returns {Uint8Array<ArrayBuffer>} room for the values that the first `groups` groups must have
   */
  expectEvidence(handle, groups) {
    return this.#slice('expect_evidence', handle, groups);
  }

  /**
   * @param {number} handle
   * @param {number} group
   * @returns {Uint8Array<ArrayBuffer>} room for the bytes of the group, as long as it is
   */
  lendGroup(handle, group) {
    return this.#slice('lend_group', handle, group);
  }

  /**
   * @param {number} handle
   * @param {number} group  the one that is lent
   * @param {number} len    its length
   * @returns {boolean} whether the bytes lent are that group; the room ends
   */
  checkGroup(handle, group, len) {
    return this.#call('check_group', handle, group, len) === 1;
  }

  /**
   * @param {number} handle
   * @param {number} id     1 `llama`
   * @param {number} level  0 off, 1 report, 2 refuse
   * @returns {number} state
   */
  profile(handle, id, level) {
    return this.#call('profile', handle, id, level);
  }

  /**
   * @param {number} handle
   * @returns {Uint8Array<ArrayBuffer>} memory for the next file bytes
   */
  window(handle) {
    return this.#slice('window', handle);
  }

  /**
   * @param {number} handle
   * @param {number} offset
   * @param {number} len
   * @returns {number} state
   */
  pushChunk(handle, offset, len) {
    return this.#call('push_chunk', handle, long('push_chunk', offset), len);
  }

  /**
   * @param {number} handle
   * @returns {number} state
   */
  finish(handle) {
    return this.#call('finish', handle);
  }

  /**
   * @param {number} handle
   * @returns {number} file bytes accepted so far
   */
  position(handle) {
    return this.#call('position', handle);
  }

  /**
   * @param {number} handle
   * @returns {Report}
   */
  report(handle) {
    return this.#json('report', handle);
  }

  /**
   * @param {number} handle
   * @param {number} index
   * @returns {any} the value in full; 64-bit integers are strings
   */
  metadata(handle, index) {
    return this.#json('metadata', handle, index);
  }

  /**
   * @param {number} handle
   * @param {number} index
   * @returns {Uint8Array<ArrayBuffer>} the tensor where it lies
   */
  tensor(handle, index) {
    return this.#slice('tensor', handle, index);
  }

  /**
   * @param {number} handle  of a shard
   * @param {number} lead    of its set; to be joined to itself first
   * @returns {number} state
   */
  join(handle, lead) {
    return this.#call('join', handle, lead);
  }

  /**
   * @param {number} handle
   * @returns {number} state
   */
  activate(handle) {
    return this.#call('activate', handle);
  }

  /** @returns {number} handle of the active model, or 0 */
  active() {
    return this.#call('active');
  }

  /** @param {number} handle  of a dead guest nothing can be released, and nothing has to be */
  release(handle) {
    try {
      this.#call('release', handle);
    } catch (error) {
      if (!(isAdmissionError(error) && error.kind === 'dead')) throw error;
    }
  }

  /** @returns {any} the detail of the latest v2 call that failed, or null */
  lastError() {
    return this.#json('last_error');
  }

  // What a runtime exports beside the ABI

  /**
   * Calls an export, whichever. A negative answer is a status: it becomes an `AdmissionError`.
   *
   * @param {string} name
   * @param {...(number | bigint)} args  a bigint for each 64-bit number. Numbers for the ABI's own exports are whole, 0
   *   or above; an export of the runtime's takes what WebAssembly makes of them
   * @returns {number | bigint} a bigint where the export answers 64 bits
   */
  call(name, ...args) {
    const call = typeof name === 'string' && /** @type {Record<string, any>} */ (this.#exports)[name];
    if (typeof call !== 'function') throw misuse(`this guest exports no function ${shown(name)}`, { code: 'guest' });
    for (const arg of args) isOfAbi(name) ? abiNumber(name, arg) : anyNumber(name, arg);
    return this.#answered(name, () => call(...args));
  }

  /**
   * Calls an export that answers a slice.
   *
   * @param {string} name
   * @param {...(number | bigint)} args
   * @returns {Uint8Array<ArrayBuffer>} the bytes where they lie
   */
  callRead(name, ...args) {
    const slice = this.call(name, ...args);
    if (typeof slice !== 'bigint') throw misuse(`${name} answers ${shown(slice)}, which is no slice`);
    return this.view(Number(slice & 0xffffffffn), Number(slice >> 32n));
  }

  /**
   * Calls an export that lends a slice, and writes `bytes` to its start.
   *
   * @param {string} name
   * @param {Uint8Array} bytes  no more than the slice has
   * @param {...(number | bigint)} args
   * @returns {number} how many were written
   */
  callWrite(name, bytes, ...args) {
    const given = lookedAt('bytes', () => bytes instanceof Uint8Array && asBytes(bytes));
    if (!given) throw misuse(`callWrite takes a Uint8Array, found ${shown(bytes)}`);
    const lent = this.callRead(name, ...args);
    if (given.length > lent.length) throw misuse(`${name} lent ${lent.length} bytes for ${given.length}`);
    lent.set(given);
    return given.length;
  }

  // ABI v1: statuses are given as they are, 0 or positive

  /**
   * @param {number} len
   * @returns {number} address, or 0
   */
  alloc(len) {
    return this.#exports.alloc(word('alloc', len)) >>> 0;
  }

  /**
   * @param {number} ptr  as `alloc` gave it
   * @param {number} len  as `alloc` was given it
   */
  dealloc(ptr, len) {
    this.#exports.dealloc(word('dealloc', ptr), word('dealloc', len));
  }

  /** @returns {number} status */
  initRuntime() {
    return this.#exports.init_runtime();
  }

  /**
   * @param {number} ptr
   * @param {number} len
   * @returns {number} status
   */
  loadModel(ptr, len) {
    return this.#exports.load_model(word('load_model', ptr), word('load_model', len));
  }

  /** @returns {string} */
  lastResult() {
    return utf8.decode(this.view(this.#exports.last_result_ptr(), this.#exports.last_result_len()));
  }

  /** @returns {string} */
  diagnostics() {
    return utf8.decode(this.view(this.#exports.get_diagnostics_ptr(), this.#exports.get_diagnostics_len()));
  }

  /** @returns {number} status */
  freeModel() {
    return this.#exports.free_model();
  }

  /**
   * @param {keyof V2Exports} name
   * @param {...(number | bigint)} args
   * @returns {number}
   */
  #call(name, ...args) {
    return Number(this.#raw(name, ...args));
  }

  /**
   * @param {keyof V2Exports} name
   * @param {...(number | bigint)} args
   */
  #slice(name, ...args) {
    const slice = /** @type {bigint} */ (this.#raw(name, ...args));
    return this.view(Number(slice & 0xffffffffn), Number(slice >> 32n));
  }

  /**
   * @param {keyof V2Exports} name
   * @param {...(number | bigint)} args
   */
  #json(name, ...args) {
    return JSON.parse(utf8.decode(this.#slice(name, ...args)));
  }

  /**
   * @param {keyof V2Exports} name
   * @param {...(number | bigint)} args
   * @returns {number | bigint}
   */
  #raw(name, ...args) {
    const call = /** @type {undefined | ((...args: (number | bigint)[]) => number | bigint)} */ (this.#exports[name]);
    if (!call) throw misuse(`this guest has no ${name}: its ABI is older`, { code: 'guest' });
    for (const arg of args) abiNumber(name, arg);
    return this.#answered(name, () => call(...args));
  }

  /**
   * @param {string} name
   * @param {() => number | bigint} call
   */
  #answered(name, call) {
    let result;
    try {
      result = call();
    } catch (cause) {
      if (cause instanceof WebAssembly.RuntimeError) throw trapped(cause);
      // A bigint for a number.
      throw cause instanceof TypeError ? misuse(`${name}: ${messageOf(cause)}`, { cause }) : cause;
    }
    if (result < 0) throw refusal(Number(result), () => this.lastError());
    return result;
  }
}
