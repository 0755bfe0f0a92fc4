// Questions and answers between two threads, both ways.
import { messageOf, misuse } from '../core/errors.js';
import { Faults } from './faults.js';

/** @typedef {Record<string, (...args: any[]) => unknown>} Answers  what the other side may ask for, by name */

/** An answer whose buffers change hands instead of being copied. */
export class Freight {
  /**
   * @param {unknown} value
   * @param {Transferable[]} transfer
   */
  constructor(value, transfer) {
    this.value = value;
    this.transfer = transfer;
  }
}

/**
 * One end of a message port. Errors cross as what they are (see `Faults`).
 */
export class Line {
  /** For errors among the arguments: those that are thrown are packed here. */
  faults = new Faults();
  #port;
  #answers;
  #asked = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (reason: unknown) => void }>} */ #waiting = new Map();
  /** @type {{ reason: unknown } | undefined} */ #end;

  /**
   * @param {MessagePort} port  this end's alone, from here on
   * @param {(line: Line) => Answers} [answers]
   */
  constructor(port, answers) {
    this.#port = port;
    /** @type {Answers} */
    this.#answers = answers?.(this) ?? {};
    port.onmessage = ({ data }) => void ('ask' in data ? this.#answer(data) : this.#settle(data));
  }

  /** Whether `end` was called. */
  get isOver() {
    return this.#end !== undefined;
  }

  /**
   * @param {string} name
   * @param {readonly unknown[]} [args]
   * @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  ask(name, args = [], transfer = []) {
    return new Promise((resolve, reject) => {
      if (this.#end) throw this.#end.reason;
      const ask = ++this.#asked;
      try {
        this.#port.postMessage({ ask, name, args }, transfer);
      } catch (cause) {
        throw cannotCross(cause);
      }
      this.#waiting.set(ask, { resolve, reject });
    });
  }

  /**
   * Nothing more is asked or answered: what waits fails with `reason`.
   *
   * @param {unknown} reason
   */
  end(reason) {
    if (this.#end) return;
    this.#end = { reason };
    this.#port.close();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  /** @param {{ ask: number, name: string, args: unknown[] }} question */
  async #answer({ ask, name, args }) {
    const { message, transfer } = await this.#answered(name, args);
    try {
      this.#port.postMessage({ answer: ask, ...message }, transfer);
    } catch (cause) {
      this.#port.postMessage({ answer: ask, fault: this.faults.pack(cannotCross(cause)) });
    }
  }

  /**
   * @param {string} name
   * @param {unknown[]} args
   */
  async #answered(name, args) {
    try {
      const answer = await this.#answers[name](...args);
      const { value, transfer } = answer instanceof Freight ? answer : new Freight(answer, []);
      return { message: { value }, transfer };
    } catch (error) {
      return { message: { fault: this.faults.pack(error) }, transfer: [] };
    }
  }

  /** @param {{ answer: number, value?: unknown, fault?: any }} message */
  #settle({ answer, value, fault }) {
    const asked = this.#waiting.get(answer);
    this.#waiting.delete(answer);
    if (fault) asked?.reject(this.faults.unpack(fault));
    else asked?.resolve(value);
  }
}

/** @param {unknown} cause */
const cannotCross = cause => misuse(`this cannot cross to another thread: ${messageOf(cause)}`, { cause });
