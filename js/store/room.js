// Room on the disk for what is to be stored.
import { askedBy } from '../core/asking.js';
import { isAdmissionError, misuse, nameOf } from '../core/errors.js';
import { checkOptions, signal, whole } from '../core/options.js';
import { shown } from '../core/text.js';
import { owned } from './diagnosis.js';
import { noRoom } from './fault.js';
import { placeOf } from './place.js';
import { STORE_OPTIONS } from './store-tee.js';
import { listStored } from './stored-entry.js';
import { StoredFile } from './stored-file.js';

/** @typedef {import('./stored-entry.js').StoredEntry} StoredEntry */

/**
 * @typedef {import('./store-tee.js').StoreOptions & { keep?: readonly string[], signal?: AbortSignal }} RoomOptions
 * `keep`: names that stay
 */

/** @type {Readonly<Record<keyof RoomOptions, import('../core/options.js').Check>>} */
export const ROOM_OPTIONS = { ...STORE_OPTIONS, keep: namesIn, signal };

/**
 * Makes room for `bytes`, if there is not: removes what was used the longest time ago, one name after another, until
 * the disk takes a file of that size. (What an engine estimates is not asked: it may be anything. Chromium asks for a
 * power of two, up to 16 MiB, here as for the file itself.)
 *
 * What is pinned, being stored, or open in any tab stays. If all that may go is not enough, nothing is removed, and the
 * error is `quota`.
 *
 * @param {number} bytes  more than 0
 * @param {RoomOptions} [options]
 * @returns {Promise<string[]>} the names that were removed; none where there was room
 */
export async function makeRoom(bytes, options) {
  const caller = askedBy();
  whole(1)(bytes, 'bytes', () => {});
  const { directory, keep = [], signal } = checkOptions(options, ROOM_OPTIONS);
  const place = await placeOf(directory);
  // No file can have this name: one call asks at a time, and what a crash left of it goes with the next.
  const probe = new StoredFile('', place);
  return owned(probe, signal, async () => {
    /** @type {string[]} */ const removed = [];
    if (await hasRoom(probe, bytes)) return removed;
    /** @type {StoredEntry[]} */ const entries = [];
    for (const entry of await listStored({ directory })) {
      const { name, pinned } = entry;
      const mayGo = !pinned && !keep.includes(name) && (await isFree(new StoredFile(name, place)));
      if (mayGo) entries.push(entry);
    }
    const most = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    const isEnough = most > 0 && (bytes <= most || (await hasRoom(probe, bytes - most)));
    if (isEnough) {
      for (const { name } of entries.sort((one, other) => lastUse(one) - lastUse(other))) {
        signal?.throwIfAborted();
        const files = new StoredFile(name, place);
        if (!(await whileFree(files, () => files.clear({ sparesPinned: true })))) continue;
        removed.push(name);
        if (await hasRoom(probe, bytes)) return removed;
      }
    }
    const gone = removed.length > 0 ? ` (${removed.map(name => shown(name)).join(', ')} went, others are in use)` : '';
    throw await noRoom(`for ${bytes} bytes${gone}`, bytes);
  }, caller);
}

/** @param {StoredEntry} entry */
const lastUse = ({ usedAt = 0, storedAt = 0 }) => Math.max(usedAt, storedAt);

/**
 * Whether a file of this size can be made: it is, and goes again.
 *
 * @param {StoredFile} probe
 * @param {number} bytes
 */
async function hasRoom(probe, bytes) {
  await probe.clearPart();
  const part = await probe.open('.part');
  try {
    await part.truncate(bytes);
    return true;
  } catch (error) {
    if (nameOf(error) === 'QuotaExceededError') return false;
    throw error;
  } finally {
    await part.discard();
    await probe.clearPart();
  }
}

/** @param {StoredFile} files */
const isFree = files => whileFree(files, () => files.unlessOpen(async () => true));

/**
 * @param {StoredFile} files
 * @param {() => Promise<boolean>} work
 * @returns {Promise<boolean>} false, too, where the file is in use
 */
async function whileFree(files, work) {
  const unlock = await files.tryLock();
  if (!unlock) return false;
  try {
    return await work();
  } catch (error) {
    const isOpen = isAdmissionError(error) && error.code === 'locked';
    if (isOpen || nameOf(error) === 'NoModificationAllowedError') return false;
    throw error;
  } finally {
    unlock();
  }
}

/**
 * Asks the browser to keep what this site stores, until its user removes it: some ask the user. On a page only.
 *
 * @returns {Promise<boolean>} whether it will
 */
export async function persistStored() {
  const storage = globalThis.navigator?.storage;
  if (!storage?.persist) throw unpersisted();
  return (await storage.persisted()) || storage.persist();
}

const unpersisted = () =>
  misuse('storage cannot be made persistent here: on a page it can (in a secure context)', { code: 'unsupported' });

/** @type {import('../core/options.js').Check} */
function namesIn(value, name) {
  if (Array.isArray(value) && value.every(each => typeof each === 'string')) return [...value];
  throw misuse(`${name} must be a list of names, found ${shown(value)}`, { path: name, found: shown(value) });
}
