import { ASYNC_DISPOSE, DISPOSE } from '../core/disposal.js';
import { misuse } from '../core/errors.js';
import { lookedAt } from '../core/options.js';
import { shown } from '../core/text.js';
import { placeIn, places } from './header.js';

/** @typedef {import('./model.js').AdmittedModel} AdmittedModel */
/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./report.js').SetReport} SetReport */

/**
 * An admitted model that came in several files. It has what a `Model` has, over all of them; each is in `shards`, as
 * the model that its own file is.
 *
 * @implements {AdmittedModel}
 */
export class ModelSet {
  /** @type {readonly Model[]} in the order of the sources: the first has the metadata */ shards;
  /** @type {SetReport} the first shard's, with the tensors of all and each one's report */ report;
  /** @type {Map<string, number> | undefined} */ #names;

  /** @param {readonly Model[]} shards  that have joined one set */
  constructor(shards) {
    ({ shards: this.shards, report: this.report } = lookedAt('shards', () => together([...shards])));
  }

  /** @returns {boolean | undefined} of `admitStored`: whether all files are stored */
  get stored() {
    const [first] = this.shards;
    return first.stored === undefined ? undefined : this.shards.every(({ stored }) => stored);
  }

  /** Why one of them is not, where it need not be. */
  get storeFault() {
    return this.shards.find(({ storeFault }) => storeFault)?.storeFault;
  }

  /** The first shard's handle in the guest; 0 once it is released. */
  get handle() {
    return this.#lead.handle;
  }

  /**
   * One metadata value of the model in full, arrays too. 64-bit integers are strings.
   *
   * @param {string | number} keyOrIndex
   * @returns {any} undefined when the model has no such key
   */
  metadata(keyOrIndex) {
    return this.#lead.metadata(keyOrIndex);
  }

  /**
   * The bytes of a tensor of a resident set, in whichever shard: a view, good until the next call into the guest.
   *
   * @param {string | number} nameOrIndex  an index into `report.tensors`
   * @returns {Uint8Array<ArrayBuffer> | undefined} undefined when the model has no such tensor
   */
  tensor(nameOrIndex) {
    const { tensors } = this.report;
    this.#names ??= places(tensors.map(({ name }) => name));
    const index = placeIn(this.#names, nameOrIndex);
    if (index === undefined) return undefined;
    const { shard, name } = tensors[index];
    return this.shards[shard].tensor(name);
  }

  /**
   * The evidence of one shard's file. Misuse where it was not asked for.
   *
   * @param {number} [shard]  its place in the list; a set of one needs none
   * @returns {Uint8Array<ArrayBuffer>}
   */
  evidence(shard) {
    return this.#shard(shard).evidence();
  }

  /**
   * Whether `bytes` are group `group` of one shard's file.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   * @param {number} [shard]  its place in the list; a set of one needs none
   * @returns {boolean}
   */
  checkGroup(group, bytes, shard) {
    return this.#shard(shard).checkGroup(group, bytes);
  }

  /** Makes this the active model: ABI v1's exports speak of its first shard. */
  activate() {
    this.#lead.activate();
  }

  /** @returns {boolean} */
  get isActive() {
    return this.#lead.isActive;
  }

  /** Frees all shards. Doing it twice is harmless. */
  release() {
    for (const shard of [...this.shards].reverse()) shard.release();
  }

  [DISPOSE]() {
    this.release();
  }

  async [ASYNC_DISPOSE]() {
    this.release();
  }

  get #lead() {
    return this.shards[0];
  }

  /** @param {number | undefined} index */
  #shard(index) {
    const { length } = this.shards;
    const at = index ?? (length === 1 ? 0 : -1);
    // A text would name a property of the list.
    if (Number.isInteger(at) && at >= 0 && at < length) return this.shards[at];
    throw misuse(`which shard? A number from 0 to ${length - 1}, found ${shown(index)}`, { path: 'shard' });
  }
}

/** @param {readonly Model[]} shards */
function together(shards) {
  for (const shard of shards) shard.refresh(); // of a shard that was first only some had joined
  return { shards, report: setReport(shards.map(({ report }) => report)) }; // while all of them live
}

/**
 * @param {import('./report.js').ModelReport[]} shards
 * @returns {SetReport}
 */
function setReport(shards) {
  const [lead] = shards;
  const sum = (/** @type {(report: import('./report.js').ModelReport) => number} */ of) =>
    shards.reduce((all, report) => all + of(report), 0);
  return {
    ...lead,
    length: sum(({ length, position }) => length ?? position),
    position: sum(({ position }) => position),
    memory: {
      held: sum(({ memory }) => memory.held),
      needed: sum(({ memory }) => memory.needed),
      limit: sum(({ memory }) => memory.limit),
    },
    tensors: shards.flatMap(({ tensors }, shard) => tensors.map(tensor => ({ ...tensor, shard }))),
    digests: shards.length === 1 ? lead.digests : {},
    shards,
  };
}
