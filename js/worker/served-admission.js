// The worker's side of one admission, and of the model that comes of it.
import { admit } from '../admit/admit.js';
import { readHeader } from '../admit/read-header.js';
import { misuse } from '../core/errors.js';
import { OpfsTee } from '../store/store-tee.js';
import { PulledSource } from '../sources/pulled.js';
import { openStored } from '../store/open-stored.js';
import { OpenedModel } from '../store/opened-model.js';
import { OpenedSet } from '../store/opened-set.js';
import { admitStored } from '../store/admit-stored.js';
import { unpacked } from './crossing.js';
import { Freight, Line } from './line.js';
import { RemoteTee } from './remote-tee.js';

/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('./remote-admission.js').Order} Order */
/** @typedef {import('../guest/header.js').Header | import('../guest/model-set.js').ModelSet | OpenedSet} Made */

export class ServedAdmission {
  #guest;
  #line;
  #onOver;
  #abort = new AbortController();
  /** @type {Made | undefined} what was asked for */ #made;
  /** @type {import('../guest/header.js').Metadata | undefined} while `onHeader` is asked */ #looked;
  /** @type {Promise<unknown>} */ #admitted = Promise.resolve();

  /**
   * @param {Promise<Guest>} guest
   * @param {MessagePort} port
   * @param {() => void} onOver  nothing is left of it
   */
  constructor(guest, port, onOver) {
    this.#guest = guest;
    this.#onOver = onOver;
    this.#line = new Line(port, line => ({
      admit: order => (this.#admitted = this.#admit(order)),
      open: (name, settings) => (this.#admitted = this.#open(name, settings)),
      abort: reason => this.#abort.abort(line.faults.unpack(reason)),
      metadata: key => (this.#looked ?? this.#living).metadata(key),
      tensor: async (key, range) => {
        const made = this.#living;
        const isOpened = made instanceof OpenedModel || made instanceof OpenedSet;
        const bytes = isOpened ? await made.tensor(key, range) : this.#model.tensor(key)?.slice();
        return bytes && new Freight(bytes, [bytes.buffer]);
      },
      evidence: shard => {
        const values = this.#model.evidence(shard);
        return new Freight(values, [values.buffer]);
      },
      checkGroup: (group, bytes, shard) => this.#model.checkGroup(group, bytes, shard),
      activate: () => this.#model.activate(),
      isActive: () => this.#model.isActive,
      release: () => {
        this.#made?.release();
        onOver();
      },
    }));
  }

  /**
   * Ends the admission if it is under way, and waits until all is cleaned up.
   *
   * @param {unknown} reason
   */
  async end(reason) {
    this.#abort.abort(reason);
    await this.#admitted.catch(() => {});
  }

  get #living() {
    if (!this.#made) throw misuse('the file is not admitted', { code: 'state' });
    return this.#made;
  }

  get #model() {
    return /** @type {import('../guest/model-set.js').ModelSet} */ (this.#living);
  }

  /**
   * @param {any} name  or names
   * @param {import('../store/open-stored.js').OpenOptions} settings
   * @returns {Promise<import('../guest/report.js').Report | undefined>} nothing where nothing is stored
   */
  async #open(name, settings) {
    try {
      this.#made = await openStored(await this.#guest, name, { ...settings, signal: this.#abort.signal });
      return this.#made?.report;
    } finally {
      if (!this.#made) this.#onOver();
    }
  }

  /** @param {Order} order */
  async #admit(order) {
    try {
      const { model, found } = await this.#make(order);
      this.#made = model;
      const { stored, storeFault } = /** @type {Partial<import('../guest/model.js').Model>} */ (model);
      return { report: model.report, found, stored, fault: storeFault && this.#line.faults.pack(storeFault) };
    } catch (error) {
      this.#onOver();
      throw error;
    }
  }

  /**
   * @param {Order} order
   * @returns {Promise<{ model: Made, found: boolean }>}
   */
  async #make({ parcels, isSet, settings, asksHeader, tellsProgress, tees, wanted }) {
    const { signal } = this.#abort;
    const told = { ...settings, signal, onProgress: tellsProgress ? this.#teller() : undefined };
    const heard = { ...told, onHeader: asksHeader ? this.#asker() : undefined };
    const teesOf = (/** @type {number} */ of) => tees.flatMap((tee, index) =>
      tee.shard !== of ? [] : 'name' in tee
        ? new OpfsTee(tee.name, { directory: tee.directory }) : new RemoteTee(this.#line, index, tee));
    const sources = parcels.map((parcel, index) =>
      unpacked(parcel, hasParts => pageSource(this.#line, index, hasParts, signal)));
    const [source] = sources;
    const guest = await this.#guest;
    if (wanted === 'header') return { model: await readHeader(guest, source, told), found: false };
    if (isSet) {
      const shards = settings.shards?.map((required, index) => ({ ...required, tee: teesOf(index) }));
      const options = shards ? { ...heard, shards } : heard;
      if (wanted === 'model') return { model: await admit(guest, sources, options), found: false };
      return admitStored(guest, wanted.stored, sources, options);
    }
    const options = { ...heard, tee: teesOf(0) };
    if (wanted === 'model') return { model: await admit(guest, source, options), found: false };
    return admitStored(guest, wanted.stored, source, options);
  }

  /** The page's `onHeader`, that may ask for metadata meanwhile. */
  #asker() {
    /** @type {import('../guest/admission.js').OnHeader} */
    return async (report, header) => {
      this.#looked = header;
      try {
        await this.#line.ask('header', [report]);
      } finally {
        this.#looked = undefined;
      }
    };
  }

  /** Progress is told without waiting, one event at a time: a page that is busy holds up no download. */
  #teller() {
    let isOut = false;
    /** @type {Promise<unknown>} */ let told = Promise.resolve();
    return async (/** @type {import('../admit/progress.js').ProgressEvent} */ event) => {
      const isLast = event.phase === 'done';
      if (isOut && !isLast) return;
      await told;
      isOut = true;
      told = this.#line.ask('progress', [event]);
      told.then(() => (isOut = false), error => this.#abort.abort(error));
      if (isLast) await told;
    };
  }
}

/**
 * A source that the page reads.
 *
 * @param {Line} line
 * @param {number} index  its place among the page's
 * @param {boolean} hasParts
 * @param {AbortSignal} signal
 * @returns {any} a sort of source that is no user's
 */
function pageSource(line, index, hasParts, signal) {
  let buffer = new ArrayBuffer(0);
  return new PulledSource({
    open: earlier => line.ask('sourceOpen', [index, earlier]),
    async read(most) {
      const bytes = await line.ask('sourceRead', [index, most, buffer], [buffer]);
      if (bytes) buffer = bytes.buffer;
      return bytes;
    },
    rewind: offset => line.ask('sourceRewind', [index, offset]),
    close: reason => line.ask('sourceClose', [index, line.faults.pack(reason)]),
    part: hasParts ? (start, end) => line.ask('sourcePart', [index, start, end]) : undefined,
  }, signal);
}
