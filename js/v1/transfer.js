// ABI v1 as a host sees it: a file is collected, checked for length, and moved at once.
import { deliver } from '../admit/deliver.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { AdmissionError, misuse } from '../core/errors.js';
import { TRANSFER_CEILING, aboveCeiling, loadModel } from '../v1.js';
import { placeIn, places } from '../guest/header.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */

/**
 * @implements {Host}
 * @typedef {import('./loaded.js').Host} Host
 */
export class V1Host {
  abi = /** @type {const} */ (1);
  ceiling = TRANSFER_CEILING;
  /** @type {V1Model | null} */ model = null;
  #guest;

  /** @param {Guest} guest */
  constructor(guest) {
    this.#guest = guest;
  }

  /**
   * @param {Admissible} source
   * @param {Omit<AdmitOptions, 'sink'>} [options]
   */
  async load(source, options) {
    return deliver(source, options, SUPPORTED, ({ sha256 }, length) => new Transfer(this, this.#guest, length, sha256));
  }

  unload() {
    this.model?.release();
  }
}

/** @type {import('../core/options.js').Check} */
function unsupported(_, name) {
  throw misuse(`a guest of ABI v1 cannot do ${name}`, { code: 'unsupported', path: name });
}

/**
 * A file is judged when all of it is there: nobody sees its header before its data.
 *
 * @type {import('../core/options.js').Check}
 */
function tee(value, name, refuse) {
  const tees = /** @type {import('../admit/tees.js').Tee[]} */ (ADMIT_OPTIONS.tee(value, name, refuse));
  const isOpened = tees.some(tee => tee.open !== undefined);
  if (isOpened) refuse(misuse('a guest of ABI v1 cannot open a tee', { code: 'unsupported', path: name }));
  return tees;
}

/** All options of an admission: those that ABI v1 cannot keep are told as such. */
const SUPPORTED = {
  ...ADMIT_OPTIONS, onHeader: unsupported, limits: unsupported, digests: unsupported, blake3: unsupported, tee,
};

/** A whole file on its way into a v1 guest: an `Intake` of delivery.js. */
class Transfer {
  /** @type {import('../guest/report.js').State} */ state = 'open';
  position = 0;
  #host;
  #guest;
  #sha256;
  #length;
  #isReleased = false;
  /** @type {Uint8Array<ArrayBuffer>} */ #file;
  /** @type {V1Model | undefined} */ #model;

  /**
   * @param {V1Host} host
   * @param {Guest} guest
   * @param {number | undefined} length
   * @param {string | undefined} sha256
   */
  constructor(host, guest, length, sha256) {
    if (length !== undefined && length > TRANSFER_CEILING) throw aboveCeiling(length);
    this.#host = host;
    this.#guest = guest;
    this.#sha256 = sha256?.toLowerCase();
    this.#length = length;
    this.#file = new Uint8Array(length ?? 0);
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    const end = this.position + bytes.length;
    if (this.#length !== undefined && end > this.#length) throw otherLength('trailing', this.#length, end);
    if (end > TRANSFER_CEILING) throw aboveCeiling(end);
    if (end > this.#file.length) {
      const grown = new Uint8Array(Math.min(TRANSFER_CEILING, Math.max(2 * this.#file.length, end)));
      grown.set(this.#file.subarray(0, this.position));
      this.#file = grown;
    }
    this.#file.set(bytes, this.position);
    this.position = end;
    this.state = 'receiving';
  }

  async finish() {
    const length = this.#length ?? this.position;
    if (this.position < length) throw otherLength('truncated', length, this.position);
    const file = this.#file.subarray(0, length);
    // Before the transfer: afterwards the model that was active would be gone.
    if (this.#sha256) await checkDigest(file, this.#sha256);
    if (this.#isReleased) throw misuse('the transfer was given up', { code: 'state' });
    const { model } = loadModel(this.#guest, file);
    if (!model)
      throw new AdmissionError('the guest loaded the file and shows no model', { code: 'guest', kind: 'dead' });
    return (this.#model = this.#host.model = new V1Model(this.#host, this.#guest, model));
  }

  release() {
    this.#isReleased = true;
    this.#file = new Uint8Array(0);
    this.#model?.release();
  }
}

/** A `LoadedModel` of loaded.js. */
class V1Model {
  #host;
  #guest;

  /**
   * @param {V1Host} host
   * @param {Guest} guest
   * @param {import('../guest/report.js').FileReport} report
   */
  constructor(host, guest, report) {
    this.#host = host;
    this.#guest = guest;
    this.report = report;
  }

  get isActive() {
    return this.#host.model === this;
  }

  /**
   * @param {string | number} keyOrIndex
   * @returns {any} of arrays nothing, and of long strings the beginning: ABI v1 shows no more
   */
  metadata(keyOrIndex) {
    const { metadata } = this.report;
    const index = placeIn(places(metadata.map(({ key }) => key)), keyOrIndex);
    return index === undefined ? undefined : metadata[index].value;
  }

  /** @returns {never} */
  tensor() {
    throw misuse('a guest of ABI v1 shows no tensors', { code: 'unsupported' });
  }

  release() {
    if (!this.isActive) return;
    this.#host.model = null;
    this.#guest.freeModel();
  }
}

/**
 * @param {'truncated' | 'trailing'} code
 * @param {number} declared
 * @param {number} actual
 */
const otherLength = (code, declared, actual) =>
  new AdmissionError(`the file has ${actual} bytes, ${declared} were declared`, {
    code,
    kind: 'rejected',
    path: 'length',
    offset: Math.min(actual, declared),
    expected: String(declared),
    found: String(actual),
  });

/**
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {string} expected
 */
async function checkDigest(file, expected) {
  if (!globalThis.crypto?.subtle)
    throw misuse('sha256 with a guest of ABI v1 needs a secure context', { code: 'unsupported', path: 'sha256' });
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file));
  const found = Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('');
  if (found === expected) return;
  throw new AdmissionError('the SHA-256 is not the one required', {
    code: 'digest',
    kind: 'rejected',
    status: -39,
    path: 'digests.sha256',
    expected,
    found,
  });
}
