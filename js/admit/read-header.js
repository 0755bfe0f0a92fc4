import { Admission } from '../guest/admission.js';
import { Header } from '../guest/header.js';
import { deliver } from './deliver.js';
import { HEADER_OPTIONS } from './options.js';

/** @typedef {import('./options.js').HeaderOptions} HeaderOptions */

/**
 * Reads a file's header, and no more than comes with it: what is in a file, without its weights. Then the source is
 * cancelled. `metadata` gives whole arrays and strings, as a model does.
 *
 * What is there was checked by the same rules as in `admit`; whether the data follows, nobody knows yet.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {HeaderOptions} [options]
 * @returns {Promise<Header>} to be released: it takes one of the guest's 64 sessions
 */
export function readHeader(guest, source, options) {
  return deliver(source, options, HEADER_OPTIONS, ({ limits, profile }, length) =>
    new HeaderIntake(guest, new Admission(guest, { limits, profile, length, digests: [] })));
}

/** A session that takes bytes until its header is ready: an `Intake` of deliver.js. */
class HeaderIntake {
  #guest;
  #admission;

  /**
   * @param {import('../guest/guest.js').Guest} guest
   * @param {Admission} admission
   */
  constructor(guest, admission) {
    this.#guest = guest;
    this.#admission = admission;
  }

  get state() {
    return this.#admission.state;
  }

  get position() {
    return this.#admission.position;
  }

  get isFull() {
    return this.state !== 'open';
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    for (let done = 0; done < bytes.length && !this.isFull; ) {
      done += this.#admission.step(window => {
        const piece = bytes.subarray(done, done + window.length);
        window.set(piece);
        return piece.length;
      });
    }
  }

  /** @param {import('../guest/admission.js').Fill} fill */
  step(fill) {
    return this.#admission.step(fill);
  }

  finish() {
    // The file ended before its header: the guest says how.
    if (!this.isFull) this.#admission.finish();
    return new Header(this.#guest, this.#admission.handle);
  }

  release() {
    this.#admission.release();
  }
}
