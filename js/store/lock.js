import { AdmissionError, misuse } from '../core/errors.js';
import { PATIENCE } from '../core/waiting.js';

/** @typedef {import('../core/asking.js').Asking} Asking */

/** @type {Map<string, Set<Asking>>} whose admissions hold a name, or have it held by a worker of this thread */
const held = new Map();
/** How often it is looked whether a lock is waited for in vain, in milliseconds. */
const LOOK = 500;
/** How long it is waited for somebody who has a file open, in milliseconds: it may be for a moment only. */
const MOMENT = 500;

/**
 * Waits until nobody else, in any tab or worker of this origin, has the lock of this name.
 * A tab that is closed, or a worker that ends, gives up its locks.
 *
 * Where the one who has it waits for this call, there would be no end: that is an error of the code `locked`.
 *
 * @param {string} name  of the file, with its place in the private file system
 * @param {AbortSignal} signal  gives up waiting; does not give up the lock
 * @param {object} by
 * @param {Asking} by.admission  for which it is taken
 * @param {readonly Asking[]} by.askedBy  whose callbacks the call was made from
 * @returns {Promise<() => void>} gives it up; doing that twice is harmless
 */
export async function takeLock(name, signal, by) {
  const locks = locksHere();
  signal.throwIfAborted();
  if (isInVain(name, by)) throw isLocked(name);

  const stop = new AbortController();
  const abort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', abort);
  const look = setInterval(() => {
    const isStuck = [...(held.get(name) ?? [])].some(({ silence }) => silence > PATIENCE.tee);
    if (isStuck) stop.abort(isLocked(name));
  }, LOOK);
  try {
    const release = await requested(locks, store(name), { signal: stop.signal });
    const forget = announce(name, by.admission);
    return () => (forget(), release?.());
  } finally {
    clearInterval(look);
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Says that an admission has this name, or that a worker has it for one.
 *
 * @param {string} name
 * @param {Asking} admission
 * @returns {() => void} takes it back
 */
export function announce(name, admission) {
  const holders = held.get(name) ?? new Set();
  held.set(name, holders.add(admission));
  return () => {
    holders.delete(admission);
    if (holders.size === 0 && held.get(name) === holders) held.delete(name);
  };
}

/**
 * @param {string} name
 * @param {{ admission: Asking, askedBy: readonly Asking[] }} by
 */
const isInVain = (name, { admission, askedBy }) =>
  [...(held.get(name) ?? [])].some(holder => holder === admission || holder.questions > 0 || askedBy.includes(holder));

/** @param {string} name */
const isLocked = name =>
  misuse(`${name} is held by an admission that waits for this call: a callback or a second tee of its own`, {
    code: 'locked', found: name,
  });

/**
 * The same lock, if it is to be had at once.
 *
 * @param {string} name
 * @returns {Promise<(() => void) | undefined>} gives it up
 */
export const tryLock = name => requested(locksHere(), store(name), { ifAvailable: true });

/**
 * A second lock of the name, which any number may have at a time: each reads from the file.
 *
 * @param {string} name
 * @param {AbortSignal} [signal]
 * @returns {Promise<() => void>} gives it up
 */
export async function share(name, signal) {
  const release = await requested(locksHere(), open(name), { mode: 'shared', ...(signal && { signal }) });
  return /** @type {() => void} */ (release);
}

/**
 * Works while nobody shares the name, nor looks at its files. Whoever shares it for a moment only is waited for.
 *
 * @template T
 * @param {string} name
 * @param {string} file  its name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function unlessShared(name, file, work) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(isOpen(file)), MOMENT);
  const asked = requested(locksHere(), open(name), { signal: patience.signal });
  const release = await asked.finally(() => clearTimeout(timer));
  try {
    return await unlessLookedAt(name, work);
  } finally {
    release?.();
  }
}

/**
 * Works while nobody looks at the files of the name. A third lock, for which everybody waits as long as it takes: who
 * has it calls the file system and nobody else, and asks for no other lock.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {LockMode} [mode]
 * @returns {Promise<T>}
 */
export async function unlessLookedAt(name, work, mode = 'exclusive') {
  const release = await requested(locksHere(), look(name), { mode });
  try {
    return await work();
  } finally {
    release?.();
  }
}

/**
 * Works while nobody changes the files of the name; others may look at them too.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 */
export const unlessChanged = (name, work) => unlessLookedAt(name, work, 'shared');

/** @param {string} name */
const store = name => `gguf-admission store ${name}`;
/** @param {string} name */
const open = name => `gguf-admission open ${name}`;
/** @param {string} name */
const look = name => `gguf-admission look ${name}`;

/** @param {string} name */
const isOpen = name =>
  new AdmissionError(`${name} is open: it is read, by a model or an admission, here or in another tab`, {
    code: 'locked', kind: 'retry', found: name,
  });

function locksHere() {
  const locks = globalThis.navigator?.locks;
  if (!locks) throw misuse('there are no locks here (they need a secure context)', { code: 'unsupported' });
  return locks;
}

/**
 * @param {LockManager} locks
 * @param {string} name
 * @param {LockOptions} options
 * @returns {Promise<(() => void) | undefined>} nothing where it was asked for at once, and somebody has it
 */
const requested = (locks, name, options) =>
  new Promise((resolve, reject) => {
    const hold = (/** @type {Lock | null} */ lock) =>
      lock ? new Promise(release => resolve(() => release(undefined))) : resolve(undefined);
    const { signal } = options;
    // An engine says AbortError, whatever the reason.
    const fail = (/** @type {unknown} */ error) => reject(signal?.aborted ? signal.reason : error);
    locks.request(name, options, hold).catch(fail);
  });
