// What the functions of the tests find in a page, and in a worker, as the global `kit`.
import * as instruments from './instruments.js';
import * as gpu from './gpu.js';
import * as gguf from '../../../js/index.js';
import * as models from './models.js';
import * as sources from './sources.js';

/** @typedef {import('../../../js/index.js').Guest} Guest */

/** @type {{ guest: Guest, bystander: gguf.Model, before: string }[]} */
const guests = [];
/** @type {{ guestWorker: gguf.GuestWorker, native: Worker }[]} */
const guestWorkers = [];
/** @type {string[]} */
const problems = [];
/** @type {Promise<WebAssembly.Module> | undefined} */
let compiled;

const HAS = {
  'byte streams': 'ReadableStreamBYOBReader' in globalThis,
  'private files': Boolean(navigator.storage?.getDirectory),
};

const kit = {
  ...gguf,
  ...sources,
  /** Those that can be made here. The tests that name one skip it by name where it cannot. */
  sources: Object.fromEntries(
    Object.entries(sources.sources).filter(([name]) => HAS[sources.NEEDS[name] ?? ''] ?? true),
  ),
  models,
  gpu,
  bytesTaken: instruments.bytesTaken,

  /** A guest of its own, with a model in it that has to be the same at the end. */
  async guest() {
    compiled ??= WebAssembly.compileStreaming(fetch('/js/guest.wasm'));
    const guest = await gguf.loadGuest(await compiled);
    const bystander = await gguf.admit(guest, models.otherSmall(), { sink: 'resident' });
    bystander.activate();
    guests.push({ guest, bystander, before: look(bystander) });
    instruments.bytesTaken();
    return guest;
  },

  /** A guest in a worker, and the worker itself. Whatever it leaves behind is found too. */
  async guestWorker() {
    const native = new Worker(new URL('guest-worker.js', import.meta.url), { type: 'module' });
    const guestWorker = await gguf.loadGuestWorker({ worker: native });
    const entry = { guestWorker, native };
    guestWorkers.push(entry);
    return entry;
  },

  /** @param {string | URL} url */
  bytes: async url => new Uint8Array(await (await fetch(url)).arrayBuffer()),

  /** What `admit` made of a file, and the model released: to be compared. @param {gguf.Model} model */
  seen(model) {
    const { gguf, metadata, tensors, digests, length, state, sink } = model.report;
    model.release();
    return { state, sink, length, gguf, metadata, tensors, digests };
  },

  /** The error that something ends with. All has to be unlocked by then. @param {unknown} action */
  async fault(action) {
    let value;
    try {
      value = await (typeof action === 'function' ? action() : action);
    } catch (error) {
      if (instruments.locked() > 0) problems.push('a reader was locked when the error came');
      return described(error);
    }
    value?.release?.();
    throw new Error(`it did not fail: ${String(value)}`);
  },

  /** @param {number} milliseconds */
  sleep: milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds)),

  /** @param {Uint8Array} bytes @param {Uint8Array | undefined} others */
  same: (bytes, others) => bytes.length === others?.length && bytes.every((byte, index) => byte === others[index]),

  /** Flips a bit of a file, with whatever writes here. @param {any} file @param {number} at */
  async flip(file, at) {
    const data = new Uint8Array(await (await file.getFile()).slice(at, at + 1).arrayBuffer());
    data[0] ^= 1;
    if (file.createSyncAccessHandle) {
      const handle = await file.createSyncAccessHandle();
      handle.write(data, { at });
      handle.flush();
      return handle.close();
    }
    const writable = await file.createWritable({ keepExistingData: true });
    await writable.write({ type: 'write', position: at, data });
    await writable.close();
  },

  /** @param {BufferSource} bytes */
  async sha256(bytes) {
    return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), byte =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  },

  /** What a test left behind: nothing, or sentences. */
  async leftovers() {
    const found = worker ? await kit.call('() => kit.leftovers()', undefined, 'worker') : [];
    await kit.sleep(30); // browsers take their time to say that a promise was nobody's
    found.push(...problems, ...instruments.orphans().map(reason => `nobody handled: ${reason}`));
    if (instruments.locked() > 0) found.push(`${instruments.locked()} streams are locked`);
    for (const { guest, bystander, before } of guests) {
      if (!bystander.isActive) found.push('the other model is not active any more');
      if (look(bystander) !== before) found.push('the other model changed');
      bystander.release();
      const free = freeSessions(guest);
      if (free !== 64) found.push(`${64 - free} sessions are live`);
    }
    for (const { guestWorker, native } of guestWorkers) {
      const { locked = 0, orphans = [], live = [0] } = await probed(native);
      if (locked > 0) found.push(`${locked} streams are locked in the worker`);
      if (live.join() !== '0') found.push(`${live} sessions are live in the worker`);
      found.push(...orphans.map(reason => `nobody handled in the worker: ${reason}`));
      await guestWorker.close();
    }
    guestWorkers.length = guests.length = problems.length = 0;
    if (isPage) {
      worker?.terminate();
      worker = undefined;
      found.push(...(await storageLeft()));
    }
    return found;
  },

  /**
   * Runs a function of a test.
   *
   * @param {string} fn  its source
   * @param {unknown} arg
   * @param {'here' | 'worker'} where
   */
  async call(fn, arg, where) {
    if (where === 'here') return (0, eval)(`(${fn})`)(arg);
    worker ??= new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
    const { port1, port2 } = new MessageChannel();
    const answered = new Promise((resolve, reject) => {
      port1.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data.value));
      /** @type {Worker} */ (worker).onerror = event => reject(new Error(`worker: ${event.message}`));
    });
    worker.postMessage({ fn, arg, port: port2 }, [port2]);
    return answered.finally(() => port1.close());
  },
};

const isPage = 'document' in globalThis;
/** @type {Worker | undefined} */
let worker;

Object.assign(globalThis, { kit });

/** @param {gguf.Model} model */
const look = model =>
  JSON.stringify([
    model.report,
    [...(model.tensor(0)?.slice() ?? [])].join(),
    [...(model.tensor(1)?.slice() ?? [])].join(),
  ]);

/** @param {Guest} guest */
function freeSessions(guest) {
  const handles = [];
  try {
    for (;;) handles.push(guest.begin(1, 'verify'));
  } catch (error) {
    if (/** @type {any} */ (error).code !== 'sessions') throw error;
  }
  for (const handle of handles) guest.release(handle);
  return handles.length;
}

/**
 * @param {Worker} native
 * @returns {Promise<{ locked?: number, orphans?: string[], live?: number[] }>} nothing of a worker that ended
 */
function probed(native) {
  const { port1, port2 } = new MessageChannel();
  native.postMessage({ probe: port2 }, [port2]);
  const answer = new Promise(resolve => (port1.onmessage = ({ data }) => resolve(data)));
  return Promise.race([answer, kit.sleep(500).then(() => ({}))]).finally(() => port1.close());
}

/** What is in the private file system that should not be, or is held open. All of it is deleted. */
async function storageLeft() {
  const found = [];
  const root = await navigator.storage?.getDirectory?.();
  /** @type {string[]} */
  const names = [];
  if (root) for await (const name of /** @type {any} */ (root).keys()) names.push(name);
  for (const name of names) {
    if (name.endsWith('.part')) found.push(`${name} was left`);
    try {
      await root.removeEntry(name, { recursive: true });
    } catch (error) {
      found.push(`${name} is held open (${/** @type {Error} */ (error).name})`);
    }
  }
  const { held = [], pending = [] } = await navigator.locks.query();
  for (const { name } of [...held, ...pending]) found.push(`the lock ${name} is held or asked for`);
  return found;
}

/** @param {unknown} error */
function described(error) {
  if (!(error instanceof Error || error instanceof DOMException)) return { thrown: error };
  const { name, message } = error;
  if (!(error instanceof gguf.AdmissionError)) return { name, message };
  const { code, kind, status, offset, path, expected, found, shard } = error;
  return { name, message, code, kind, status, offset, path, expected, found, shard };
}
