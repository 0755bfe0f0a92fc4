// What other tabs see of a download that one of them is storing.

/** @typedef {import('../admit/progress.js').ProgressEvent} ProgressEvent */

/** What a tab asks that has come later. */
const WHERE = 'where';

/** Milliseconds between two messages. */
const INTERVAL = 100;

/** The side of the one who downloads. */
export class Told {
  #channel;
  #began = performance.now();
  #toldAt = -Infinity;
  /** @type {number | undefined} where it began */ #first;
  /** @type {ProgressEvent | undefined} */ #latest;

  /** @param {string} name  of the channel */
  constructor(name) {
    this.#channel = channelOf(name);
    if (!this.#channel) return;
    this.#channel.onmessage = ({ data }) => {
      if (data === WHERE && this.#latest) this.#channel?.postMessage(this.#latest);
    };
  }

  /**
   * @param {number} bytes  that were stored, or were kept
   * @param {number | undefined} total
   * @param {number} kept
   */
  tell(bytes, total, kept) {
    const now = performance.now();
    this.#first ??= bytes;
    const rate = (1000 * (bytes - this.#first)) / Math.max(now - this.#began, 1);
    this.#latest = { bytes, total, rate, kept, phase: 'data' };
    if (now - this.#toldAt < INTERVAL) return;
    this.#toldAt = now;
    this.#channel?.postMessage(this.#latest);
  }

  close() {
    this.#channel?.close();
  }
}

/**
 * The side of those who wait: hears how far the download is, at once if it has begun.
 *
 * @param {string} name  of the channel
 * @param {(event: ProgressEvent) => unknown} onProgress
 * @param {(reason: unknown) => void} onFault  of `onProgress`
 * @returns {() => void} ends it
 */
export function watch(name, onProgress, onFault) {
  const channel = channelOf(name);
  if (!channel) return () => {};
  let isOut = false;
  channel.onmessage = async ({ data }) => {
    // One call at a time, as of a download of its own: who is slow hears fewer.
    if (data === WHERE || isOut) return;
    isOut = true;
    try {
      await onProgress({ ...data, elsewhere: true });
    } catch (reason) {
      onFault(reason);
    } finally {
      isOut = false;
    }
  };
  channel.postMessage(WHERE);
  return () => channel.close();
}

/** @param {string} name */
const channelOf = name => (typeof BroadcastChannel === 'function' ? new BroadcastChannel(name) : undefined);
