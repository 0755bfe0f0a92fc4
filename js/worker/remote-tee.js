import { RETURNED, isForOne, taken } from '../admit/tees.js';
import { PATIENCE, patiently, unlessAborted } from '../core/waiting.js';
import { Freight } from './line.js';

/** @typedef {import('../admit/tees.js').Tee} Tee */
/** @typedef {{ isStore: boolean, isOpened: boolean }} TeeSort  isOpened: it has an `open` */

/**
 * A tee of the page's, on the worker's side. The buffer of the bytes, which nobody else has, goes to and fro.
 *
 * @implements {Tee}
 */
export class RemoteTee {
  #line;
  #index;
  /** @type {ArrayBuffer | undefined} */ [RETURNED];

  /**
   * @param {import('./line.js').Line} line
   * @param {number} index  the tee's place among the page's
   * @param {TeeSort} sort
   */
  constructor(line, index, { isStore, isOpened }) {
    this.#line = line;
    this.#index = index;
    this.isStore = isStore;
    /** @type {Tee['open']} one without it costs no report */
    this.open = isOpened ? report => line.ask('teeOpen', [index, report]) : undefined;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   */
  async write(bytes, offset) {
    const sent = this.#line.ask('teeWrite', [this.#index, bytes, offset], [bytes.buffer]);
    this[RETURNED] = undefined;
    this[RETURNED] = await sent;
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
  /** @type {() => void} */ #giveBack = () => {};

  /**
   * @param {readonly Tee[]} tees
   * @param {import('../core/asking.js').Asking} asking  of the admission
   */
  constructor(tees, asking) {
    this.#tees = tees;
    this.#asking = asking;
  }

  /**
   * From here on they are this admission's, until `end`.
   *
   * @returns {unknown} what is against it
   */
  begin() {
    const { free, giveBack, fault } = taken(this.#tees, isForOne);
    this.#tees = free;
    this.#giveBack = giveBack;
    return fault;
  }

  end() {
    this.#giveBack();
  }

  /**
   * @param {import('./line.js').Line} line
   * @param {(error: unknown) => unknown} explained
   * @param {AbortSignal} [signal]
   * @returns {import('./line.js').Answers}
   */
  answers(line, explained, signal) {
    return {
      teeOpen: async (index, report) => {
        await this.#asking.ask('question', () => this.#tees[index].open?.(report));
      },
      teeWrite: async (index, bytes, offset) => {
        await this.#asking.ask('call', () => this.#tees[index].write(bytes, offset));
        // A tee that transferred the buffer has it for good.
        const buffer = bytes.byteLength > 0 ? bytes.buffer : new ArrayBuffer(0);
        return new Freight(buffer, [buffer]);
      },
      teeClose: async (index, report) => {
        // An abort before it is closed counts, whenever the worker hears of it.
        await unlessAborted(signal, (async () =>
          this.#asking.ask('question', () => this.#tees[index].close?.(report)))());
        this.#told.add(index);
      },
      teeAbort: (index, reason) => this.#abort(index, explained(line.faults.unpack(reason))),
    };
  }

  /** Whether there are tees, and all of them are closed. */
  get areClosed() {
    return this.#tees.length > 0 && this.#tees.every((_, index) => this.#told.has(index));
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
