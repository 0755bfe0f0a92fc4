// The line to a server.
import { follow, patiently, unlessAborted } from '../../core/waiting.js';
import { nameOf, sourceFault, whyOf } from '../../core/errors.js';
import { placeOf, shown } from '../../core/text.js';

/**
 * Most bytes that a read waits for where the download cannot go on. A read hands out nothing before it has all that it
 * waits for: of a line that slows down all at once it would look like silence, and nothing could be done about it.
 */
export const CAUTIOUS_READ = 64 * 1024;

/** What a line is that has been silent for too long. */
export class Silence extends Error {
  /**
   * @param {string} what
   * @param {number} milliseconds
   */
  constructor(what, milliseconds) {
    super(`${what} for ${milliseconds / 1000} s`);
    this.name = 'Silence';
  }
}

/** One request after the other. Each ends when it is answered by silence, and all of them with the signal. */
export class Line {
  #signal;
  #stallTimeout;
  #unhear = () => {};
  /** @type {AbortController | undefined} of the latest request */ #end;

  /**
   * @param {AbortSignal} signal
   * @param {number} stallTimeout  milliseconds of silence that are borne; 0: any
   */
  constructor(signal, stallTimeout) {
    this.#signal = signal;
    this.#stallTimeout = stallTimeout;
  }

  /**
   * @param {Request} asked
   * @param {Record<string, string>} [headers]  in the place of the request's own
   * @param {number} [offset]  for the error
   * @returns {Promise<Response>}
   */
  async fetch(asked, headers, offset) {
    this.close(); // whoever asks anew has given up the answer before
    const end = (this.#end = new AbortController());
    const { signal } = end;
    this.#unhear = follow(end, this.#signal);
    const stall = this.#stallTimeout;
    const timer = stall > 0 ? setTimeout(() => end.abort(new Silence('no answer came', stall)), stall) : undefined;
    // Whoever gives any of these resets the referrer and its policy, if they are not among them.
    const init = { signal, referrer: asked.referrer, referrerPolicy: asked.referrerPolicy };
    const changed = headers && { ...init, headers: { ...Object.fromEntries(asked.headers), ...headers } };
    const request = changed ? new Request(asked, changed) : asked;
    try {
      const fetched = fetch(request, init);
      // One that comes all the same when nobody waits any more.
      fetched.then(late => void (signal.aborted && drop(late)), () => {});
      return await unlessAborted(signal, fetched);
    } catch (cause) {
      this.#signal.throwIfAborted();
      throw sourceFault(`could not fetch ${placeOf(asked.url)}: ${shown(whyOf(cause), 200)}`, { offset, cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * What comes over the line, unless nothing does for too long.
   *
   * @template T
   * @param {Promise<T>} coming
   * @returns {Promise<T>}
   */
  async heard(coming) {
    const stall = this.#stallTimeout;
    if (stall === 0) return coming;
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(new Silence('no byte came', stall)), stall);
    try {
      return await unlessAborted(end.signal, coming);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the request. Firefox keeps a silent line open whose body was cancelled. */
  close() {
    this.#unhear();
    this.#end?.abort();
  }
}

/** @param {Response} response */
export const drop = response => patiently(() => response.body?.cancel());

/**
 * A TypeError to every engine.
 *
 * @param {unknown} fault  of a fetch, or of a body
 */
export const isNetworkFault = fault => nameOf(fault) === 'TypeError';
