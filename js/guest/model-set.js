import { ASYNC_DISPOSE, DISPOSE } from '../core/disposal.js';
import { misuse } from '../core/errors.js';
import { lookedAt } from '../core/options.js';
import { shown } from '../core/text.js';
import { placeIn, places } from './header.js';

/** @typedef {import('./model.js').AdmittedModel} AdmittedModel */
/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./report.js').SetReport} SetReport */
/** @typedef {import('./report.js').ModelReport} ModelReport */

/**
 * @typedef {object} Shard
 * @property {number} handle
 * @property {ModelReport} report
 * @property {() => void} refresh
 * @property {(key: string | number) => any} metadata
 * @property {() => Uint8Array<ArrayBuffer>} evidence
 * @property {(group: number, bytes: Uint8Array) => boolean} checkGroup
 * @property {() => void} release
 */

/**
 * What is known of a model in several files, however each of them is read.
 *
 * @template {Shard} M  of each file
 */
export class ShardSet {
  /** @type {readonly M[]} in the order of the sources: the first has the metadata */ shards;
  /** @type {SetReport} the first shard's, with the tensors of all and each one's report */ report;

  /** @param {readonly M[]} shards  that have joined one set */
  constructor(shards) {
    ({ shards: this.shards, report: this.report } = lookedAt('shards', () => together([...shards])));
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

/** Where the tensors of a set are. */
export class Places {
  #tensors;
  /** @type {Map<string, number> | undefined} */ #names;

  /** @param {SetReport} report */
  constructor({ tensors }) {
    this.#tensors = tensors;
  }

  /**
   * @param {string | number} nameOrIndex
   * @returns {{ shard: number, name: string } | undefined} undefined when the model has no such tensor
   */
  of(nameOrIndex) {
    this.#names ??= places(this.#tensors.map(({ name }) => name));
    const index = placeIn(this.#names, nameOrIndex);
    return index === undefined ? undefined : this.#tensors[index];
  }
}

/**
 * An admitted model that came in several files. It has what a `Model` has, over all of them; each is in `shards`, as
 * the model that its own file is.
 *
 * @extends {ShardSet<Model>}
 * @implements {AdmittedModel}
 */
export class ModelSet extends ShardSet {
  #places = new Places(this.report);

  /** @returns {boolean | undefined} of `admitStored`: whether all files are stored */
  get stored() {
    const [first] = this.shards;
    return first.stored === undefined ? undefined : this.shards.every(({ stored }) => stored);
  }

  /** Why one of them is not, where it need not be. */
  get storeFault() {
    return this.shards.find(({ storeFault }) => storeFault)?.storeFault;
  }

  /**
   * The bytes of a tensor of a resident set, in whichever shard: a view, good until the next call into the guest.
   *
   * @param {string | number} nameOrIndex  an index into `report.tensors`
   * @returns {Uint8Array<ArrayBuffer> | undefined} undefined when the model has no such tensor
   */
  tensor(nameOrIndex) {
    const found = this.#places.of(nameOrIndex);
    return found && this.shards[found.shard].tensor(found.name);
  }

  /** Makes this the active model: ABI v1's exports speak of its first shard. */
  activate() {
    this.shards[0].activate();
  }

  /** @returns {boolean} whether it is the model that the calls of ABI v1 speak of; see `activate` */
  get isActive() {
    return this.shards[0].isActive;
  }
}

/**
 * @template {Shard} M
 * @param {readonly M[]} shards
 */
function together(shards) {
  for (const shard of shards) shard.refresh(); // of a shard that was first only some had joined
  return { shards, report: setReport(shards.map(({ report }) => report)) }; // while all of them live
}

/**
 * @param {ModelReport[]} shards
 * @returns {SetReport}
 */
function setReport(shards) {
  const [lead] = shards;
  const sum = (/** @type {(report: ModelReport) => number} */ of) =>
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
