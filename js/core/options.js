// The options of a call: each read once, judged, and named where it cannot be.
import { isAdmissionError, messageOf, misuse } from './errors.js';
import { shown } from './text.js';

/**
 * @typedef {(value: any, name: string, refuse: (fault: unknown) => void) => unknown} Check
 *   Answers the option as it is used from here on. What it throws leaves the option out; what it only refuses does not.
 */

/**
 * @template T
 * @typedef {object} Read
 * @property {T} options   those that are as they should be, in an object of our own
 * @property {{ reason: unknown } | undefined} fault  the first thing that cannot be
 */

/**
 * Never throws: whatever is wrong, there may be something to give up first, and only then is the fault to be told.
 *
 * @template T
 * @param {unknown} given
 * @param {Readonly<Record<keyof T, Check>>} checks  all options that there are
 * @returns {Read<T>}
 */
export function readOptions(given, checks) {
  /** @type {Record<string, unknown>} */ const options = {};
  /** @type {Read<T>['fault']} */ let fault;
  const refuse = (/** @type {unknown} */ reason) => void (fault ??= { reason });
  // An option that throws when it is looked at: a getter, a generator, a proxy that was revoked.
  const refuseThrown = (/** @type {string} */ name, /** @type {unknown} */ cause) => refuse(unreadable(name, cause));
  if (given === undefined) return { options: /** @type {T} */ (options), fault };
  try {
    if (typeof given !== 'object' || given === null) throw misuse(`options must be an object, found ${shown(given)}`);
    const unknown = Object.keys(given).find(name => !Object.hasOwn(checks, name));
    if (unknown !== undefined) refuse(noSuch('option', unknown, Object.keys(checks)));
  } catch (reason) {
    refuseThrown('options', reason);
  }
  for (const [name, check] of /** @type {[string, Check][]} */ (Object.entries(checks))) {
    try {
      const value = /** @type {any} */ (given)?.[name];
      if (value !== undefined) options[name] = check(value, name, refuse);
    } catch (reason) {
      refuseThrown(name, reason);
    }
  }
  return { options: /** @type {T} */ (options), fault };
}

/**
 * The same where there is nothing to give up.
 *
 * @template T
 * @param {unknown} given
 * @param {Readonly<Record<keyof T, Check>>} checks
 * @returns {T}
 */
export function checkOptions(given, checks) {
  const { options, fault } = readOptions(given, checks);
  if (fault) throw fault.reason;
  return /** @type {T} */ (options);
}

/**
 * What `look` finds in an argument. One that throws when it is looked at is misuse.
 *
 * @template T
 * @param {string} name  of the argument
 * @param {() => T} look
 * @returns {T}
 */
export function lookedAt(name, look) {
  try {
    return look();
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/**
 * @param {string} name
 * @param {unknown} cause
 */
export const unreadable = (name, cause) =>
  isAdmissionError(cause) ? cause : misuse(`${name} cannot be read: ${messageOf(cause)}`, { path: name, cause });

/**
 * @param {string} what
 * @param {unknown} name
 * @param {readonly string[]} known
 */
export function noSuch(what, name, known) {
  const found = shown(name);
  const [nearest] = known.map(word => ({ word, steps: stepsBetween(found, word) })).sort((a, b) => a.steps - b.steps);
  return misuse(`there is no ${what} ${found}: did you mean ${nearest.word}? (known: ${known.join(', ')})`, {
    path: what, expected: nearest.word, found,
  });
}

/** @type {Check} */
export function callback(value, name) {
  if (typeof value === 'function') return value;
  throw misuse(`${name} must be a function, found ${shown(value)}`, { path: name, found: shown(value) });
}

/**
 * @param {string} method  that it has
 * @returns {Check}
 */
export const object = method => (value, name) => {
  if (typeof value === 'object' && value !== null && typeof value[method] === 'function') return value;
  throw misuse(`${name} must be an object with ${method}, found ${shown(value)}`, { path: name, found: shown(value) });
};

/**
 * @param {...string} words
 * @returns {Check}
 */
export const oneOf = (...words) => (value, name) => {
  if (words.includes(value)) return value;
  const found = shown(value);
  throw misuse(`${name} must be one of ${words.join(', ')}; found ${found}`, { path: name, found });
};

/** @type {Check} */
export function signal(value, name) {
  // Of any realm: a frame's signals are no instances of ours.
  const isOne = typeof value === 'object' && value !== null && typeof value.aborted === 'boolean'
    && typeof value.addEventListener === 'function' && typeof value.removeEventListener === 'function';
  if (isOne) return triedOut(value);
  throw misuse(`${name} must be an AbortSignal, found ${shown(value)}`, { path: name, found: shown(value) });
}

/** What only a signal of the engine's own make answers, of whatever realm. */
const aborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get;
/** @type {WeakMap<AbortSignal, AbortSignal>} signals of another make, and those of the engine that follow them */
const followers = new WeakMap();

/**
 * A signal that every call of the engine takes. One of the caller's own make may throw: better now than when there is
 * something to lose.
 *
 * @param {AbortSignal} value
 * @returns {AbortSignal}
 */
function triedOut(value) {
  try {
    aborted?.call(value);
    return value;
  } catch {
    // It is of another make: a polyfill's, or a test environment's.
  }
  const nothing = () => {};
  value.addEventListener('abort', nothing);
  value.removeEventListener('abort', nothing);
  const known = followers.get(value);
  if (known) return known;
  const stop = new AbortController();
  const follow = () => stop.abort(value.reason);
  if (value.aborted) follow();
  else value.addEventListener('abort', follow, { once: true });
  followers.set(value, stop.signal);
  return stop.signal;
}

/**
 * @param {number} least
 * @param {number} [most]
 * @returns {Check}
 */
export const whole = (least, most = Number.MAX_SAFE_INTEGER) => (value, name) => {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw misuse(`${name} must be a whole number, ${least} to ${most}; found ${shown(value)}`, {
    path: name, found: shown(value),
  });
};

/**
 * How many characters have to be put in, taken out or changed, case aside.
 *
 * @param {string} one
 * @param {string} other
 */
function stepsBetween(one, other) {
  const [from, to] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(from[i - 1] !== to[j - 1])));
    }
    row = next;
  }
  return row[to.length];
}
