// Who waits for the host's own code: an admission that holds something must not wait for a callback that waits for it.

/**
 * @typedef {'question' | 'call' | 'moment'} Sort
 * Of a call into the host's code. `question`: it comes once, and may take as long as it likes. `call`: it comes again
 * and again. `moment`: only the time until it answers at all counts, not what its promise takes.
 */

/** The calls of one admission into the host's code. */
export class Asking {
  /** Questions that are open: whoever wants what is held, now, may be asked by one of them. */
  questions = 0;
  /** @type {Set<{ since: number }>} calls that are open, of the first two sorts */ #open = new Set();

  /**
   * What `call` answers.
   *
   * @template T
   * @param {Sort} sort
   * @param {() => T} call  of the host's code
   * @returns {T}
   */
  ask(sort, call) {
    const done = sort === 'moment' ? () => {} : this.#opened(sort);
    let isLater = false;
    inner.push(this);
    try {
      const answer = call();
      if (answer instanceof Promise) {
        isLater = true;
        answer.then(done, done);
      }
      return answer;
    } finally {
      inner.pop();
      if (!isLater) done();
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

/** @type {Asking[]} those whose host's code is running at this very moment */
const inner = [];

/** Whose host's code this is called from. */
export const askedBy = () => [...inner];
