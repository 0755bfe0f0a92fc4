import { Asking } from '../core/asking.js';
import { misuse } from '../core/errors.js';
import { shown } from '../core/text.js';
import { PATIENCE, patiently, unlessAborted } from '../core/waiting.js';

/**
 * @typedef {object} Tee  Sees the bytes as they pass, in order, after the guest has accepted them.
 * @property {(report: import('../guest/report.js').Report) => unknown} [open]
 *   The header is checked, and `onHeader` had nothing against it. Comes once, before the `write` that has the last of
 *   the header's bytes, and before any more is asked of the source: a throw ends the admission before its data.
 * @property {(bytes: Uint8Array, offset: number) => unknown} write
 *   `bytes` are those that were judged, in a buffer of the admission's. They are the tee's to read until the promise
 *   settles, which the source waits for; they must not be changed or kept.
 * @property {(report: import('../guest/report.js').FileReport) => unknown} [close]  the file is admitted
 * @property {(reason: unknown) => unknown} [abort]
 *   The admission failed. Called unless `close` went well; a `write` may still be under way when a signal aborts. It is
 *   waited for, ten seconds at most.
 * @property {boolean} [isStore]
 *   It keeps the file: closed after all the others, when nothing else can fail any more.
 * @property {boolean} [isExclusive]
 *   It is for one admission at a time. Another one that is given it meanwhile is misuse of the code `state`, and the
 *   tee is told nothing of that one.
 * @property {() => void} [begin]  Of one that is exclusive: an admission has it from now on, and calls nothing before.
 */

/**
 * @typedef {object} Claim  What a tee has beside, where a name has to be its own before it may write.
 * @property {Asking} admission  whose tee it is
 * @property {boolean} isClaimed
 * @property {string} order  in which names are claimed, so that no two admissions wait for each other
 * @property {(signal?: AbortSignal) => Promise<void>} claim
 * @property {() => Promise<void>} unclaim
 * @property {number} has  how many of the file's first bytes it needs not be given
 * @property {(offset: number) => void} pass  what comes before `offset` went by, and it has it
 */

/** Of our own tees: the buffer of the latest bytes, come back from where it was sent. It is used again. */
export const RETURNED = Symbol('returned');

/** @type {WeakSet<Tee>} those that are for one admission at a time, and have one */
const inUse = new WeakSet();

/** Some tees as one. */
export class Tees {
  /** The calls into the host's code, of the whole admission. */
  asking;
  #tees;
  #claims;
  #isClaimed = false;
  #isOpen = false;
  /** @type {Set<Tee>} */ #closed = new Set();
  /** @type {() => void} */ #giveBack = () => {};
  /** What was judged last. */
  /** @type {Uint8Array} */ #bytes = new Uint8Array(0);
  /** @type {Map<Tee, Uint8Array>} of all tees but the last */ #copies = new Map();

  /** @param {Tee | readonly Tee[] | undefined} tee */
  constructor(tee) {
    /** @type {Tee[]} */
    const tees = tee === undefined ? [] : [tee].flat();
    const stores = tees.filter(isStore);
    this.#tees = [...tees.filter(tee => !stores.includes(tee)), ...stores];
    this.#claims = this.#tees.filter(isClaim).sort((one, other) => (one.order < other.order ? -1 : 1));
    this.asking = (this.#claims.find(({ isClaimed }) => isClaimed) ?? this.#claims[0])?.admission ?? new Asking();
  }

  get isEmpty() {
    return this.#tees.length === 0;
  }

  /**
   * Whether it is the only one.
   *
   * @param {unknown} tee
   */
  isAlone(tee) {
    return this.#tees.every(other => other === tee);
  }

  /**
   * From here on they are this admission's, until `end`.
   *
   * @returns {unknown} what is against it; undefined if nothing is
   */
  begin() {
    const { free, giveBack, fault } = taken(this.#tees, tee => isClaim(tee) || isForOne(tee));
    this.#tees = free;
    this.#giveBack = giveBack;
    if (!fault) for (const tee of this.#claims) tee.admission = this.asking;
    return fault;
  }

  end() {
    this.#giveBack();
  }

  /**
   * Claims what comes before `own` in the order of names.
   *
   * @param {Claim} own
   * @param {AbortSignal} [signal]
   */
  async claimBefore(own, signal) {
    for (const tee of this.#claims) tee.admission = this.asking;
    for (const tee of this.#claims) {
      if (tee === own) return;
      await tee.claim(signal);
    }
  }

  async unclaim() {
    await Promise.all(this.#claims.map(tee => tee.unclaim()));
  }

  /**
   * The bytes as they are now, where nobody but a tee can reach them; good until the next call.
   *
   * @param {Uint8Array} bytes
   */
  kept(bytes) {
    return (this.#bytes = copied(bytes, this.#bytes));
  }

  /**
   * Whether none of them needs the byte at `offset`.
   *
   * @param {number} offset
   */
  have(offset) {
    return this.#tees.every(tee => isClaim(tee) && tee.has > offset);
  }

  /**
   * What comes before `offset` went by, and all of them have it.
   *
   * @param {number} offset
   */
  pass(offset) {
    for (const tee of this.#claims) tee.pass(offset);
  }

  /** Whether there is one that waits to be opened. */
  get areWaiting() {
    return !this.#isOpen && this.#tees.some(tee => tee.open !== undefined);
  }

  /**
   * @param {() => import('../guest/report.js').Report} report
   * @param {AbortSignal} [signal]
   */
  async open(report, signal) {
    this.#isOpen = true;
    for (const tee of this.#tees.filter(tee => tee.open !== undefined)) {
      await unlessAborted(signal, (async () => this.#call(tee, 'question', () => tee.open?.(report())))());
    }
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} offset
   * @param {AbortSignal} [signal]
   */
  async write(bytes, offset, signal) {
    if (!this.#isClaimed) for (const tee of this.#claims) await unlessAborted(signal, tee.claim(signal));
    this.#isClaimed = true;
    const writes = this.#tees.map(async tee => this.#call(tee, 'call', () => tee.write(this.#own(tee, bytes), offset)));
    // All have to settle, also when one fails: until then the bytes are theirs.
    const settled = await unlessAborted(signal, Promise.allSettled(writes));
    for (const tee of this.#tees) this.#takeBack(tee);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
  }

  /**
   * @param {() => import('../guest/report.js').FileReport} report
   * @param {AbortSignal} [signal]
   */
  async close(report, signal) {
    for (const tee of this.#tees) {
      await unlessAborted(signal, (async () => this.#call(tee, 'question', () => tee.close?.(report())))());
      this.#closed.add(tee);
    }
  }

  /**
   * Tells those that have no admission, and get none.
   *
   * @param {unknown} reason
   */
  async refuse(reason) {
    this.begin(); // what another admission has is told nothing
    await this.abort(reason).finally(() => this.end());
  }

  /** @param {unknown} reason */
  async abort(reason) {
    const open = this.#tees.filter(tee => !this.#closed.has(tee));
    // The admission has its error already: one from here would hide it.
    const aborted = open.map(tee =>
      patiently(() => this.#call(tee, 'question', () => tee.abort?.(reason)), PATIENCE.tee));
    await Promise.all(aborted);
  }

  /**
   * The last tee reads the bytes where they are, once the others have their copies: what one of them does to its bytes
   * no other sees.
   *
   * @param {Tee} tee
   * @param {Uint8Array} bytes
   */
  #own(tee, bytes) {
    if (this.#isLast(tee)) return bytes;
    const copy = copied(bytes, this.#copies.get(tee));
    this.#copies.set(tee, copy);
    return copy;
  }

  /** @param {Tee} tee */
  #isLast(tee) {
    return tee === this.#tees.at(-1);
  }

  /** @param {Tee & { [RETURNED]?: ArrayBuffer }} tee */
  #takeBack(tee) {
    const { [RETURNED]: buffer } = tee;
    if (!buffer) return;
    if (this.#isLast(tee)) this.#bytes = new Uint8Array(buffer);
    else this.#copies.set(tee, new Uint8Array(buffer));
  }

  /**
   * Our own tees wait for the file system, and for nobody else.
   *
   * @template T
   * @param {Tee} tee
   * @param {import('../core/asking.js').Sort} sort
   * @param {() => T} call
   * @returns {T | Promise<Awaited<T>>}
   */
  #call(tee, sort, call) {
    return isClaim(tee) ? call() : this.asking.ask(sort, call);
  }
}

/** @param {Tee} tee */
const isStore = tee => answered(() => Boolean(tee.isStore));

/** @param {Tee} tee */
export const isForOne = tee => answered(() => tee.isExclusive === true);

/**
 * Takes the tees that are for one admission at a time.
 *
 * @param {readonly Tee[]} tees
 * @param {(tee: Tee) => boolean} isAlone
 * @returns {{ free: Tee[], giveBack: () => void, fault: unknown }} free: without those that another admission
 *   has, which goes on and is told nothing of this one; one that stands there twice is told once
 */
export function taken(tees, isAlone) {
  const free = tees.filter((tee, at) => !isAlone(tee) || (!inUse.has(tee) && tees.indexOf(tee) === at));
  const fault = free.length < tees.length
    ? misuse('a tee of this sort is for one admission at a time', { code: 'state', path: 'tee' })
    : undefined;
  const alone = free.filter(isAlone);
  const giveBack = () => alone.forEach(tee => inUse.delete(tee));
  try {
    for (const tee of alone) {
      inUse.add(tee);
      if (isForOne(tee)) tee.begin?.();
    }
  } catch (error) {
    return { free, giveBack, fault: error || misuse(`a tee threw ${shown(error)} as it began`, { path: 'tee' }) };
  }
  return { free, giveBack, fault };
}

/**
 * @param {Tee} tee
 * @returns {tee is Tee & Claim}
 */
const isClaim = tee => answered(() => /** @type {Partial<Claim>} */ (tee).admission instanceof Asking);

/**
 * No, of a tee that throws when it is looked at: then the others can still be told.
 *
 * @param {() => boolean} question
 */
function answered(question) {
  try {
    return question();
  } catch {
    return false;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array} [room]  to be used again; a tee that transferred its buffer has it for good
 */
function copied(bytes, room) {
  const buffer = room && room.buffer.byteLength >= bytes.length ? room.buffer : new ArrayBuffer(bytes.length);
  const copy = new Uint8Array(buffer, 0, bytes.length);
  copy.set(bytes);
  return copy;
}
