// Doubles: sources that break, hang, or count what happens to them.
import { joined } from './gguf.js';

/**
 * @typedef {object} Observed
 * @property {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @property {number} given            bytes that were handed out
 * @property {unknown} cancelled       the reason, once cancelled
 * @property {boolean} isCancelled
 */

/**
 * A stream of `bytes` in pieces, whose `at(offset)` may throw, or answer a promise to wait for, before each piece.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {{ piece?: number, type?: 'bytes', at?: (offset: number) => unknown }} [options]
 * @returns {Observed}
 */
export function observed(bytes, { piece = 1000, type, at } = {}) {
  /** @type {any} */
  const source = {
    type,
    /** @param {any} controller */
    async pull(controller) {
      await at?.(state.given);
      const next = bytes.slice(state.given, state.given + piece);
      state.given += next.length;
      if (next.length > 0) controller.enqueue(next);
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
    /** @param {unknown} reason */
    cancel(reason) {
      state.isCancelled = true;
      state.cancelled = reason;
    },
  };
  /** @type {Observed} */
  const state = {
    stream: new ReadableStream(source, { highWaterMark: 0 }),
    given: 0,
    cancelled: undefined,
    isCancelled: false,
  };
  return state;
}

/** A promise that never settles. */
export const never = () => new Promise(() => {});

/**
 * A tee that keeps what it is given, and counts.
 *
 * @param {{ write?: (offset: number) => unknown, close?: () => unknown, abort?: () => unknown }} [on]
 */
export function recorder(on = {}) {
  let size = 0;
  const tee = {
    /** @type {Uint8Array[]} */ pieces: [],
    /** @type {any[]} */ closed: [],
    /** @type {any[]} */ aborted: [],
    get bytes() {
      return joined(tee.pieces);
    },
    /** @param {Uint8Array} bytes  @param {number} offset */
    async write(bytes, offset) {
      await on.write?.(offset);
      if (offset !== size) throw new Error(`a gap: ${offset} after ${size}`);
      size += bytes.length;
      tee.pieces.push(bytes.slice());
    },
    /** @param {any} report */
    async close(report) {
      await on.close?.();
      tee.closed.push(report);
    },
    /** @param {any} reason */
    async abort(reason) {
      tee.aborted.push(reason);
      await on.abort?.();
    },
  };
  return tee;
}

/**
 * The source as an iterable, which the page reads for the worker; `observed` still sees what becomes of it.
 *
 * @param {Observed} source
 */
export async function* iterated(source) {
  const reader = source.stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}
