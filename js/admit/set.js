// The admission of a model in several files.
import { isAdmissionError, misuse, ofShard } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { follow } from '../core/waiting.js';
import { ModelSet } from '../guest/model-set.js';
import { TakenSource } from '../sources/source-of.js';
import { admitFile } from './file.js';
import { Joins } from './joins.js';
import { SET_OPTIONS } from './options.js';
import { SetProgress } from './set-progress.js';
import { Tees } from './tees.js';

/** @typedef {typeof import('../guest/admission.js').Admission} Session */
/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../guest/model.js').Model} Model */
/** @typedef {import('../sources/source-of.js').Admissible} Admissible */
/** @typedef {import('./options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./options.js').SetOptions} SetOptions */

/**
 * @typedef {object} Shard  One file of a set, to be admitted.
 * @property {number} index         its place in the list
 * @property {Admissible} source    taken hold of already
 * @property {AdmitOptions} options
 * @property {(Session?: Session) => Session} sessions  those that join the set, of a make
 */

/**
 * @param {Guest} guest
 * @param {readonly any[]} sources
 * @param {SetOptions | undefined} given
 */
export function admitSet(guest, sources, given) {
  return assembled(sources, readOptions(given, SET_OPTIONS), ({ source, options, sessions }) =>
    admitFile(sessions(), guest, source, options));
}

/**
 * A set of files, each admitted by `admitShard`: the first one's header, and then two files at a time.
 *
 * @param {readonly any[]} sources
 * @param {import('../core/options.js').Read<SetOptions>} read
 * @param {(shard: Shard) => Promise<Model>} admitShard  cleans up after itself; at once, when the signal is aborted
 * @returns {Promise<ModelSet>}
 */
export async function assembled(sources, { options, fault }, admitShard) {
  const { shards = [], signal, onHeader, onProgress, ...common } = options;
  const ending = new Ending(signal, sources.length);
  const optionsOf = (/** @type {number} */ index) => ({ ...common, ...shards[index], signal: ending.signal });
  const taken = sources.map((from, index) => new TakenSource(from, optionsOf(index)));
  if (fault) ending.end(fault.reason);
  else if (options.shards && shards.length !== sources.length) ending.end(isUneven(shards.length, sources.length));

  const totals = taken.map(({ length }, index) => shards[index]?.length ?? length);
  /** @type {AdmitOptions['onProgress']} */
  const heard = onProgress && (event => ending.hear(() => onProgress(event)));
  const progress = new SetProgress(heard, totals, ending.signal);
  const joins = new Joins(sources.length);
  /** @type {Model[]} */ const models = [];
  const run = async (/** @type {number} */ index) => {
    try {
      models[index] = await admitShard({
        index,
        source: /** @type {any} */ (taken[index]), // a sort of source that is no user's
        options: {
          ...optionsOf(index),
          onHeader: onHeader && ((...about) => progress.pausedFor(() => ending.hear(() => onHeader(...about)))),
          onProgress: onProgress && progress.of(index),
        },
        sessions: Session => joins.sessionsOf(index, Session),
      });
    } catch (error) {
      ending.endOf(index, error);
    }
  };
  try {
    const lead = run(0);
    await Promise.race([joins.passed(0), lead]);
    let next = 1;
    // Also after a fault: each that is left gives up its source and tells its tees.
    const lane = async () => {
      while (next < sources.length) await run(next++);
    };
    await Promise.all([lead.then(lane), lane()]);
    ending.throwIfEnded();
    await progress.done();
    ending.throwIfEnded();
    return new ModelSet(models);
  } catch (error) {
    for (const model of models) model?.release();
    // Of entries without a source.
    await Promise.all(shards.slice(sources.length).map(({ tee }) => new Tees(tee).refuse(error)));
    throw error;
  } finally {
    ending.over();
  }
}

/** How a set ends before its time: by its first fault, which ends all its shards. */
class Ending {
  #stop = new AbortController();
  #caller;
  #count;
  #unhear;
  /** @type {{ reason: unknown } | undefined} */ #first;
  /** @type {Set<unknown>} what the host's own callbacks have thrown */ #theirs = new Set();

  /**
   * @param {AbortSignal | undefined} caller  who may end it too
   * @param {number} count  of the shards
   */
  constructor(caller, count) {
    this.#caller = caller;
    this.#count = count;
    this.#unhear = follow(this.#stop, caller);
  }

  /** Of each shard. */
  get signal() {
    return this.#stop.signal;
  }

  /** @param {unknown} reason  for all shards */
  end(reason) {
    this.#first ??= { reason };
    this.#stop.abort(reason);
  }

  /**
   * @param {number} index  of the shard at fault
   * @param {unknown} error
   */
  endOf(index, error) {
    const isOurs = isAdmissionError(error) && !this.#isTheirs(error);
    this.#first ??= { reason: isOurs ? ofShard(error, index, this.#count) : error };
    // What is wrong with one file is not to be taken for a fault of the others.
    this.#stop.abort(new DOMException('another shard of the set failed', 'AbortError'));
  }

  throwIfEnded() {
    if (this.#first) throw this.#first.reason;
    this.signal.throwIfAborted();
  }

  over() {
    this.#unhear();
  }

  /**
   * What a callback of the host's answers. What it throws is passed on as it is.
   *
   * @param {() => unknown} call
   */
  async hear(call) {
    try {
      return await call();
    } catch (error) {
      this.#theirs.add(error);
      throw error;
    }
  }

  /** @param {unknown} reason */
  #isTheirs(reason) {
    return this.#theirs.has(reason) || (this.#caller?.aborted && reason === this.#caller.reason);
  }
}

/**
 * @param {number} found
 * @param {number} expected
 */
const isUneven = (found, expected) =>
  misuse(`shards has ${found} entries for ${expected} sources`, {
    path: 'shards', expected: String(expected), found: String(found),
  });
