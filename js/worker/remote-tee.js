import { PATIENCE, patiently } from '../core/waiting.js';
import { Freight } from './line.js';

/** @typedef {import('../admit/tees.js').Tee} Tee */

/**
 * A tee of the page's, on the worker's side. The bytes are copied once, into a buffer that goes to and fro.
 *
 * @implements {Tee}
 */
export class RemoteTee {
  #line;
  #index;
  #buffer = new ArrayBuffer(0);

  /**
   * @param {import('./line.js').Line} line
   * @param {number} index  the tee's place among the page's
   * @param {boolean} isStore
   */
  constructor(line, index, isStore) {
    this.#line = line;
    this.#index = index;
    this.isStore = isStore;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   */
  async write(bytes, offset) {
    const buffer = this.#buffer.byteLength >= bytes.length ? this.#buffer : new ArrayBuffer(bytes.length);
    const view = new Uint8Array(buffer, 0, bytes.length);
    view.set(bytes);
    this.#buffer = await this.#line.ask('teeWrite', [this.#index, view, offset], [buffer]);
  }

  /** @param {unknown} report */
  close(report) {
    return this.#line.ask('teeClose', [this.#index, report]);
  }

  /** @param {unknown} reason */
  abort(reason) {
    return this.#line.ask('teeAbort', [this.#index, this.#line.faults.pack(reason)]);
  }
}

/** The page's side: its tees, each told once how it ended, also when the worker cannot say so any more. */
export class LocalTees {
  #tees;
  #asking;
  /** @type {Set<number>} */ #told = new Set();

  /**
   * @param {readonly Tee[]} tees
   * @param {import('../core/asking.js').Asking} asking  of the admission
   */
  constructor(tees, asking) {
    this.#tees = tees;
    this.#asking = asking;
  }

  /**
   * @param {import('./line.js').Line} line
   * @param {(error: unknown) => unknown} explained
   * @returns {import('./line.js').Answers}
   */
  answers(line, explained) {
    return {
      teeWrite: async (index, bytes, offset) => {
        await this.#asking.ask('call', () => this.#tees[index].write(bytes, offset));
        // A tee that transferred the buffer has it for good.
        const buffer = bytes.byteLength > 0 ? bytes.buffer : new ArrayBuffer(0);
        return new Freight(buffer, [buffer]);
      },
      teeClose: async (index, report) => {
        await this.#asking.ask('question', () => this.#tees[index].close?.(report));
        this.#told.add(index);
      },
      teeAbort: (index, reason) => this.#abort(index, explained(line.faults.unpack(reason))),
    };
  }

  /** @param {unknown} reason */
  async abort(reason) {
    await Promise.all(this.#tees.map((_, index) => this.#abort(index, reason)));
  }

  /**
   * @param {number} index
   * @param {unknown} reason
   */
  async #abort(index, reason) {
    if (this.#told.has(index)) return;
    this.#told.add(index);
    await patiently(() => this.#asking.ask('question', () => this.#tees[index].abort?.(reason)), PATIENCE.tee);
  }
}
