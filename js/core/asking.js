// Who waits for the host's own code: an admission that holds something must not wait for a callback that waits for it.

/**
 * @typedef {'question' | 'call'} Sort
 * Of a call into the host's code. `question`: it comes once, and may take as long as it likes. `call`: it comes again
 * and again.
 */

/** The calls of one admission into the host's code. */
export class Asking {
  /** Questions that are open: whoever wants what is held, now, may be asked by one of them. */
  questions = 0;
  /** @type {Set<{ since: number }>} calls that are open */ #open = new Set();

  /**
   * What `call` answers, later if it is a promise.
   *
   * @template T
   * @param {Sort} sort
   * @param {() => T} call  of the host's code
   * @returns {T | Promise<Awaited<T>>}
   */
  ask(sort, call) {
    const done = this.#opened(sort);
    let isLater = false;
    try {
      const answer = this.during(call);
      if (!isObject(answer)) return answer;
      // Any thenable: a library's promise, or one of another realm. It is asked once.
      const later = Promise.resolve(answer);
      isLater = true;
      later.then(done, done);
      return later;
    } finally {
      if (!isLater) done();
    }
  }

  /**
   * What `call` answers, where only the time until it answers at all counts, not what its promise takes.
   *
   * @template T
   * @param {() => T} call  of the host's code
   * @returns {T}
   */
  during(call) {
    inner.push(this);
    try {
      return call();
    } finally {
      inner.pop();
    }
  }

  /** For how long a call has not come back, in milliseconds. */
  get silence() {
    return Math.max(0, ...[...this.#open].map(({ since }) => performance.now() - since));
  }

  /** @param {Sort} sort */
  #opened(sort) {
    const call = { since: performance.now() };
    this.#open.add(call);
    if (sort === 'question') this.questions++;
    return () => {
      this.#open.delete(call);
      if (sort === 'question') this.questions--;
    };
  }
}

/** @param {unknown} value */
const isObject = value => (typeof value === 'object' && value !== null) || typeof value === 'function';

/** @type {Asking[]} those whose host's code is running at this very moment */
const inner = [];

/** Whose host's code this is called from. */
export const askedBy = () => [...inner];
