// Every public call, with something hostile in the place of each argument: it does well, or throws an error of ours.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as pkg from '../index.js';
import { faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { fakeOrigin } from './support/opfs.js';
import { observed, recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const { AdmissionError } = pkg;

const fail = () => {
  throw new Error('asked\u001b[31m\u202e');
};

/** @param {string | symbol} name  @param {object} [rest] */
const throwing = (name, rest = {}) => Object.defineProperty(rest, name, { get: fail, enumerable: true });

const revoked = (/** @type {object} */ target) => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

/** @type {ProxyHandler<object>} */
const everyTrap = new Proxy({}, { get: () => fail });
const memory = new WebAssembly.Memory({ initial: 0 });

/** @type {Record<string, () => unknown>} */
const HOSTILE = {
  'a proxy that was revoked': () => revoked({}),
  'a list that was revoked': () => revoked([]),
  'a function that was revoked': () => revoked(() => {}),
  'a proxy that throws': () => new Proxy({}, everyTrap),
  'a list that throws': () => new Proxy([], everyTrap),
  'what has no prototype': () => Object.create(null),
  'what has no text': () => ({ toString: fail, [Symbol.toPrimitive]: fail }),
  'what tells no class': () => new Proxy({}, { getPrototypeOf: fail }),
  'a symbol': () => Symbol('x'),
  'a bigint': () => 5n,
  'nothing': () => null,
  'no number': () => NaN,
  'a list of what was revoked': () => [revoked({})],
  'a list of nothing': () => [null],
  'exports without a version': () => ({ memory, abi_version: fail }),
  'exports of an odd version': () => ({ memory, abi_version: () => 5n }),
  ...Object.fromEntries(
    ['memory', 'exports', 'ptr', 'write', 'handle', 'start', 'length', 'then', Symbol.toStringTag, Symbol.iterator].map(
      name => [`what throws when it is asked for ${String(name)}`, () => throwing(name)],
    ),
  ),
  ...Object.fromEntries(
    [URL, Uint8Array, Response, WebAssembly.Module, WebAssembly.Instance, pkg.Guest].map(
      ({ name, prototype }) => [`what only inherits from ${name}`, () => Object.create(prototype)],
    ),
  ),
};

const file = gguf({ tensors: [{ bytes: 200 }] });
/** @type {pkg.Guest} */ let guest;

before(async () => {
  fakeOrigin();
  guest = await freshGuest();
});

/**
 * @param {string} what
 * @param {() => unknown} call
 */
async function isOurs(what, call) {
  /** @type {unknown} */ let fault;
  try {
    const answer = await call();
    if (answer instanceof pkg.Header) answer.release();
  } catch (thrown) {
    fault = thrown;
  }
  if (fault === undefined) return;
  assert.ok(fault instanceof AdmissionError, `${what}: ${fault}`);
  assert.ok(['misuse', 'source'].includes(fault.kind), `${what}: ${fault.kind} ${fault.code}: ${fault.message}`);
  assert.doesNotMatch(fault.message, /\p{C}/u, what);
}

/**
 * @param {string} what
 * @param {readonly unknown[]} good  arguments
 * @param {(...args: any[]) => unknown} call
 */
async function inEveryPlace(what, good, call) {
  for (const index of good.keys()) {
    // At once: some of them are waited for, for a second.
    await Promise.all(Object.entries(HOSTILE).map(([odd, make]) => {
      const args = good.with(index, make());
      return isOurs(`${what}, ${odd} as argument ${index}`, () => call(...args));
    }));
  }
}

/** Arguments that are fine. @type {() => Record<Exclude<keyof typeof pkg, 'AdmissionError'>, unknown[]>} */
const CALLS = () => ({
  Admission: [guest, {}],
  admit: [guest, file, {}],
  gpuTee: [{}, {}],
  readHeader: [guest, file, {}],
  tensorTee: [{ write() {} }],
  Guest: [{}],
  loadGuest: [undefined],
  hostFor: [guest],
  Header: [guest, 1],
  Model: [guest, 1],
  hubFile: ['a/b', 'm.gguf', { endpoint: 'http://127.0.0.1:1', signal: AbortSignal.abort() }],
  ModelSet: [[]],
  shardsOf: ['m.gguf'],
  opfsTee: ['m', {}],
  admitStored: [guest, 'm', file, {}],
  openStored: [guest, 'm', {}],
  OpenedModel: [guest, 1, {}],
  OpenedSet: [[]],
  makeRoom: [0, {}],
  persistStored: [],
  listStored: [{}],
  pinStored: ['m', true, {}],
  findStored: ['m', {}],
  removeStored: ['m', {}],
  allocCopy: [guest, file],
  loadModel: [guest, file],
  release: [guest, { ptr: 0, len: 0 }],
  GuestWorker: [{}],
  loadGuestWorker: [{}],
});

test('whatever is exported', { timeout: 60_000 }, async () => {
  const { AdmissionError: _, ...exports } = pkg;
  const calls = CALLS();
  assert.deepEqual(Object.keys(calls).sort(), Object.keys(exports).sort(), 'a call that is not tried');
  for (const [name, call] of Object.entries(/** @type {Record<string, any>} */ (exports))) {
    const isClass = /^class\b/.test(Function.prototype.toString.call(call));
    const good = /** @type {Record<string, unknown[]>} */ (calls)[name];
    await inEveryPlace(name, good, (...args) => (isClass ? new call(...args) : call(...args)));
  }
});

/** Of methods, arguments that are fine; where there are none, it is asked for one. */
const METHODS = /** @type {Record<string, unknown[]>} */ ({
  limit: ['memory', 5], write: [file, undefined], metadata: [0], tensor: [0, {}], evidence: [0],
  checkGroup: [0, file, 0], call: ['begin', -1n, 1], callRead: ['report', 1], callWrite: ['window', file, 1],
  admit: [file, {}], readHeader: [file, {}], admitStored: ['m', file, {}], openStored: ['m', {}], makeRoom: [0, {}],
  load: [file, {}],
});

/** Those that need no argument, or whose argument is a callback of the caller's: what it throws is passed on. */
const NONE = [
  'constructor', 'release', 'finish', 'activate', 'close', 'step', 'refresh', 'abiVersion', 'active', 'lastError',
  'initRuntime', 'lastResult', 'diagnostics', 'freeModel', 'isActive', 'memoryBytes', 'unload',
];

/** @param {object} made */
function methodsOf(made) {
  const names = new Set();
  for (let at = Object.getPrototypeOf(made); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && !NONE.includes(name)) names.add(name);
    }
  }
  return /** @type {Set<string>} */ (names);
}

/**
 * @param {string} what
 * @param {() => any} make
 * @param {string[]} [without]
 */
async function everyMethod(what, make, without = []) {
  const first = await make();
  for (const name of methodsOf(first)) {
    if (without.includes(name)) continue;
    const good = METHODS[name] ?? Array.from({ length: Math.max(1, first[name].length) }, () => 0);
    await inEveryPlace(`${what}.${name}`, good, async (...args) => {
      const made = await make();
      try {
        return await made[name](...args);
      } finally {
        if (made !== guest) await made.release?.();
      }
    });
  }
  if (first !== guest) await first.release?.();
}

test('whatever a guest, a session, a header or a model can be asked', { timeout: 120_000 }, async () => {
  const settings = /** @type {const} */ ({ sink: 'resident', digests: ['evidence'] });
  await everyMethod('Guest', () => guest);
  await inEveryPlace('Guest.release', [1], handle => guest.release(handle));
  await everyMethod('Admission', () => new pkg.Admission(guest));
  await everyMethod('Header', () => pkg.readHeader(guest, file));
  await everyMethod('Model', () => pkg.admit(guest, file, settings));
  await everyMethod('ModelSet', () => pkg.admit(guest, [new Blob([file])], settings));
  (await pkg.admitStored(guest, 'opened', file)).model.release();
  await everyMethod('OpenedModel', () => pkg.openStored(guest, 'opened'));
  await everyMethod('OpenedSet', () => pkg.openStored(guest, ['opened']));
  await everyMethod('Host', () => pkg.hostFor(guest));
});

test('and so in a worker', { timeout: 120_000 }, async () => {
  const settings = /** @type {const} */ ({ sink: 'resident', digests: ['evidence'] });
  await withGuestWorker(async worker => {
    await everyMethod('GuestWorker', () => worker, ['load']);
    const model = await worker.admit(file, settings);
    const set = await worker.admit([new Blob([file])], settings);
    const header = await worker.readHeader(file);
    for (const [what, made] of Object.entries({ model, set, header })) {
      for (const name of methodsOf(made)) {
        const good = METHODS[name] ?? [0];
        await inEveryPlace(`${what}.${name}`, good, (...args) => /** @type {any} */ (made)[name](...args));
      }
      await made.release();
    }
  });
});

test('a text is no place in a list of shards', async () => {
  const set = await pkg.admit(guest, [new Blob([file])], { digests: ['evidence'] });
  for (const odd of /** @type {any[]} */ (['0', 'length', '__proto__', 0.5, -1, 1, NaN, 0n])) {
    assert.equal((await faultOf(() => set.evidence(odd))).path, 'shard');
    assert.equal((await faultOf(() => set.checkGroup(0, file, odd))).path, 'shard');
  }
  assert.equal(set.evidence(0).length, 32);
  set.release();
});

test('names that cannot be read are misuse, and sources and tees are given up', async () => {
  await withGuestWorker(async worker => {
    for (const store of [
      (/** @type {any} */ names, /** @type {any} */ from, /** @type {any} */ options) =>
        pkg.admitStored(guest, names, from, options),
      (/** @type {any} */ names, /** @type {any} */ from, /** @type {any} */ options) =>
        worker.admitStored(names, from, options),
    ]) {
      for (const names of [revoked([]), new Proxy([], everyTrap)]) {
        const [source, tee] = [observed(file), recorder()];
        const fault = await faultOf(store(names, [source.stream], { shards: [{ tee }] }));
        assert.deepEqual([fault.kind, fault.path], ['misuse', 'name']);
        assert.ok(source.isCancelled && source.given === 0);
        assert.deepEqual(tee.aborted, [fault]);
      }
    }
  });
});
