// How the shards of a set find together in the guest, one after the other.
import { AdmissionError } from '../core/errors.js';
import { unlessAborted } from '../core/waiting.js';
import { Admission } from '../guest/admission.js';

/**
 * The joins of one set. Whichever header is ready first, the shards join in the order of the list; and each once the
 * `onHeader` of the one before has answered, so that a host is asked one question at a time.
 */
export class Joins {
  /** @type {(Admission | undefined)[]} that have joined, by their place in the list */ #members = [];
  #passed;

  /** @param {number} count  of the shards in the list */
  constructor(count) {
    this.#passed = Array.from({ length: count }, () => new Passed());
  }

  /**
   * Resolves when the shard has joined, and `onHeader` has agreed.
   *
   * @param {number} index
   * @returns {Promise<void>}
   */
  passed(index) {
    return this.#passed[index].promise;
  }

  /**
   * Sessions of one shard. Where one gives way to another, which begins anew, that one joins in its place.
   *
   * @param {number} index
   * @param {typeof Admission} [Session]  of which make
   * @returns {typeof Admission}
   */
  sessionsOf(index, Session = Admission) {
    const joins = this;
    return class ShardAdmission extends Session {
      #isAsked = false;

      /**
       * @override
       * @param {AbortSignal} [signal]
       */
      async decide(signal) {
        if (this.state !== 'header_ready' || this.#isAsked) return;
        this.#isAsked = true;
        if (index > 0) await unlessAborted(signal, joins.passed(index - 1));
        joins.#join(index, this);
        await super.decide(signal);
        joins.#passed[index].resolve();
      }
    };
  }

  /**
   * @param {number} index
   * @param {Admission} shard
   */
  #join(index, shard) {
    const [lead] = this.#members;
    if (index === 0) this.#joinAsLead(shard);
    else if (lead?.handle) shard.join(lead);
    // Else the lead begins anew, and takes this one into its set when it joins again.
    this.#members[index] = shard;
  }

  /** @param {Admission} shard */
  #joinAsLead(shard) {
    const { metadata } = shard.report;
    const count = this.#passed.length;
    const key = metadata.findIndex(entry => entry.key === 'split.count');
    if (count === 1 && key < 0) return; // a file that is not split
    shard.join(shard);
    // Another lead may have come before: the set ended with it.
    for (const other of this.#members.slice(1)) if (other?.handle) other.join(shard);
    const { value } = metadata[key];
    if (value !== count) throw isIncomplete(key, value, count);
  }
}

class Passed {
  resolve = () => {};
  /** @type {Promise<void>} */ promise = new Promise(resolve => (this.resolve = resolve));
}

/**
 * @param {number} key
 * @param {number} count  of the set's shards
 * @param {number} given
 */
export const isIncomplete = (key, count, given) =>
  new AdmissionError(`the model has ${count} shards, and ${given} were given`, {
    code: 'set', kind: 'rejected', path: `metadata[${key}].value`, expected: String(count), found: String(given),
    state: 'header_ready',
  });
