// A tee that gives the passing bytes as tensors: for whoever keeps the weights elsewhere.
import { misuse } from '../core/errors.js';
import { lookedAt } from '../core/options.js';
import { shown } from '../core/text.js';

/** @typedef {import('../guest/report.js').FileReport} FileReport */
/** @typedef {import('../guest/report.js').Report} Report */

/**
 * @typedef {import('../guest/report.js').Tensor & { index: number }} PassingTensor
 * A tensor as in the report, and `index`, its place there.
 */

/**
 * @typedef {object} TensorCalls  Each may answer a promise, which the source waits for. One comes after another.
 * @property {(report: Report) => unknown} [open]
 *   The header is checked, nothing of the tensors was asked for yet: the place to refuse what cannot be kept.
 * @property {(tensor: PassingTensor) => unknown} [tensor]  its bytes are next
 * @property {(bytes: Uint8Array, offset: number) => unknown} write
 *   The next bytes of that tensor, 1 or more, from `offset` in it on. They are those that the guest judged. They are to
 *   be read, not changed, and only until the promise settles.
 * @property {(tensor: PassingTensor) => unknown} [whole]   all of its bytes were written
 * @property {(report: FileReport) => unknown} [close]      the file is admitted: only now does any of it count
 * @property {(reason: unknown) => unknown} [abort]
 *   It is not, for whatever reason, also one of your own. Comes once, unless `close` went well, and after it nothing. A
 *   call before may still be under way, when a signal aborts.
 */

/** @type {readonly (keyof TensorCalls)[]} */
const CALLS = ['open', 'tensor', 'write', 'whole', 'close', 'abort'];

/**
 * A tee that turns the bytes of a file into its tensors, in file order: `open`, then for each tensor `tensor`, `write`
 * as often as its bytes come, and `whole`; at the end `close`. A tensor without elements has no `write`. Header,
 * padding and trailing bytes are left out. Pieces end where a tensor ends or the source's chunk does: at any byte.
 *
 * With the sink `verify` the guest then holds the header and one window, whatever the size of the model.
 *
 * For one admission at a time: each shard of a set has a tee of its own. With a `GuestWorker` the calls come on the
 * thread that called `admit`. Not for a host of ABI v1, which judges a file only when all of it is there.
 *
 * @param {TensorCalls} calls  an object of yours, whose methods these are
 * @returns {import('./tees.js').Tee}
 */
export const tensorTee = calls => new TensorTee(calls);

/**
 * @implements {Tee}
 * @typedef {import('./tees.js').Tee} Tee
 */
export class TensorTee {
  isExclusive = true;
  #calls;
  #passage;

  /** @param {TensorCalls} calls */
  constructor(calls) {
    this.#calls = lookedAt('tensorTee', () => checked(calls));
    this.#passage = new Passage(this.#calls);
  }

  begin() {
    this.#passage = new Passage(this.#calls);
  }

  /** @param {Report} report */
  open(report) {
    return this.#passage.open(report);
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset  of the file
   */
  write(bytes, offset) {
    return this.#passage.write(bytes, offset);
  }

  /** @param {FileReport} report */
  close(report) {
    return this.#passage.close(report);
  }

  /** @param {unknown} reason */
  abort(reason) {
    return this.#passage.abort(reason);
  }
}

/** One file on its way through. When it is closed, and after a fault, it takes nothing more. */
class Passage {
  #calls;
  #position = 0;
  /** @type {PassingTensor[] | undefined} once the header is known */ #tensors;
  /** The tensor that is passing, or is next. */
  #index = 0;
  #isBegun = false;
  #isBusy = false;
  #isOver = false;
  #isAborted = false;

  /** @param {TensorCalls} calls */
  constructor(calls) {
    this.#calls = calls;
  }

  /** @param {Report} report */
  open(report) {
    return this.#alone(async () => {
      if (this.#tensors) throw misuse('the tee is open already', { code: 'state', path: 'tee' });
      if (this.#position > report.gguf.dataOffset) throw notInOrder(report.gguf.dataOffset, this.#position);
      this.#tensors = report.tensors.map((tensor, index) => ({ index, ...tensor }));
      await this.#ask('open', report);
    });
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   */
  write(bytes, offset) {
    return this.#alone(async () => {
      if (offset !== this.#position) throw notInOrder(this.#position, offset);
      for (let done = 0; done < bytes.length; ) done += await this.#take(bytes.subarray(done));
    });
  }

  /** @param {FileReport} report */
  close(report) {
    return this.#alone(async () => {
      if (!this.#tensors) throw misuse('the tee was not opened', { code: 'state', path: 'tee' });
      while (this.#next) {
        const { name, offset, bytes } = this.#next;
        if (bytes > 0) throw misuse(`tensor ${name} is not whole`, {
          code: 'state', path: 'tee', expected: String(offset + bytes), found: String(this.#position),
        });
        await this.#takeTensor(new Uint8Array(0), this.#next);
      }
      await this.#ask('close', report);
      this.#isOver = true;
    });
  }

  /** @param {unknown} reason */
  async abort(reason) {
    if (this.#isAborted) return;
    this.#isOver = true;
    this.#isAborted = true;
    await this.#calls.abort?.(reason);
  }

  get #next() {
    return this.#tensors?.[this.#index];
  }

  /**
   * @param {Uint8Array} bytes  1 or more
   * @returns {Promise<number>} how many of them are done with
   */
  async #take(bytes) {
    const ahead = this.#next ? this.#next.offset - this.#position : Infinity;
    const taken = this.#next && ahead <= 0
      ? await this.#takeTensor(bytes, this.#next)
      : Math.min(ahead, bytes.length);
    this.#position += taken;
    return taken;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {PassingTensor} tensor
   */
  async #takeTensor(bytes, tensor) {
    if (!this.#isBegun) await this.#ask('tensor', tensor);
    this.#isBegun = true;
    const done = tensor.bytes === 0 ? 0 : this.#position - tensor.offset;
    const own = bytes.subarray(0, tensor.bytes - done);
    if (own.length > 0) await this.#ask('write', own, done);
    if (done + own.length < tensor.bytes) return own.length;
    await this.#ask('whole', tensor);
    this.#isBegun = false;
    this.#index++;
    return own.length;
  }

  /**
   * @template {Exclude<keyof TensorCalls, 'abort'>} Name
   * @param {Name} name
   * @param {Parameters<NonNullable<TensorCalls[Name]>>} about
   */
  async #ask(name, ...about) {
    this.#refuseOver();
    await /** @type {any} */ (this.#calls)[name]?.(...about);
  }

  /** @param {() => Promise<void>} act */
  async #alone(act) {
    this.#refuseOver();
    if (this.#isBusy) throw misuse('a call of the tee is under way: wait for it', { code: 'state', path: 'tee' });
    this.#isBusy = true;
    try {
      await act();
      this.#isBusy = false;
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }

  #refuseOver() {
    if (this.#isOver) throw misuse('the tee is closed, has failed or was aborted', { code: 'state', path: 'tee' });
  }
}

/**
 * @param {number} expected
 * @param {number} found
 */
const notInOrder = (expected, found) =>
  misuse(`the tee takes a file's bytes in order: ${expected} is next, found ${shown(found)}`, {
    code: 'state', path: 'tee', expected: String(expected), found: shown(found),
  });

/** @param {any} calls */
function checked(calls) {
  if (typeof calls !== 'object' || calls === null || typeof calls.write !== 'function') {
    throw misuse(`tensorTee needs an object with a function write, found ${shown(calls)}`, { path: 'tensorTee' });
  }
  const odd = CALLS.find(name => calls[name] !== undefined && typeof calls[name] !== 'function');
  if (odd) throw misuse(`${odd} must be a function, found ${shown(calls[odd])}`, { path: odd });
  return /** @type {TensorCalls} */ (calls);
}
