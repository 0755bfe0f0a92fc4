// Objects that only look like what they are given as: each is an error that says so, and nothing is left behind.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  Admission, AdmissionError, Guest, GuestWorker, Header, Model, admit, admitStored, allocCopy, hostFor, hubFile,
  loadModel, openStored, readHeader, release,
} from '../index.js';
import { assertNoSession, faultOf, freshGuest, v1Exports } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { fakeOrigin } from './support/opfs.js';
import { observed, recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const file = gguf({ tensors: [{ bytes: 200_000 }] });

/** @type {Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

const fail = () => {
  throw new Error('asked');
};

/** @param {string | symbol} name  @param {object} [rest] */
const throwing = (name, rest = {}) => Object.defineProperty(rest, name, { get: fail, enumerable: true });

const revoked = (/** @type {object} */ target = {}) => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

/** @type {ProxyHandler<object>} */
const everyTrap = new Proxy({}, { get: () => fail });

const next = () => ({ value: 'no bytes' });
const handle = { getSize: () => 500, read: () => 0 };
const bytes = () => new Blob([new Uint8Array(5)]).stream();
const response = { headers: new Headers(), clone() {}, ok: true, status: 200, type: 'default', url: '', body: null };

/** @type {Record<string, () => unknown>} */
const NO_SOURCES = {
  'a proxy that was revoked': revoked,
  'a function that was revoked': () => revoked(fail),
  'a proxy that throws': () => new Proxy({}, everyTrap),
  'one whose tag throws': () => throwing(Symbol.toStringTag),
  'one whose iterator throws': () => throwing(Symbol.iterator),
  'one whose iterator is none': () => ({ [Symbol.iterator]: 5, [Symbol.asyncIterator]: null }),
  'an iterator that is null': () => ({ [Symbol.iterator]: () => null }),
  'an iterator that gives no results': () => ({ [Symbol.iterator]: () => ({ next: () => null }) }),
  'an iterable whose destroy throws when it is looked at': () =>
    throwing('destroy', { [Symbol.iterator]: () => ({ next }) }),
  'an iterator whose return throws when it is looked at': () =>
    ({ [Symbol.iterator]: () => throwing('return', { next }) }),
  'one whose getReader throws': () => ({ getReader: fail }),
  'one whose locked throws': () => throwing('locked', { getReader() {} }),
  'a stream without a reader': () => ({ getReader: () => ({}) }),
  'a Blob whose stream throws': () => ({ size: 5, slice() {}, stream: fail }),
  'a Blob without a stream': () => ({ size: 5, slice() {}, stream: () => null }),
  'a Blob of less than nothing': () => ({ size: -1, slice() {}, stream: bytes }),
  'a Blob of a part of a byte': () => ({ size: 0.5, slice() {}, stream: bytes }),
  'a Blob of more than can be counted': () => ({ size: 2 ** 60, slice() {}, stream: bytes }),
  'a Blob whose size is a bigint': () => ({ size: 5n, slice() {}, stream: bytes }),
  'a handle whose size is no number': () => ({ ...handle, getSize: async () => 5, read: async () => 0 }),
  'a handle that read less than nothing': () => ({ ...handle, read: () => -1 }),
  'a handle that read more than it was asked for': () => ({ ...handle, read: () => 2 ** 40 }),
  'a handle that read undefined': () => ({ ...handle, read: () => undefined }),
  'a file handle whose getFile throws': () => ({ getFile: fail }),
  'a file handle without a file': () => ({ getFile: () => null }),
  'a descriptor that throws': () => throwing('fd'),
  'a descriptor that is none': () => ({ fd: {} }),
  'a path that throws': () => throwing('path'),
  'a path that is none': () => ({ path: 5 }),
  'a Response whose address throws': () => throwing('url', { ...response, url: undefined }),
  'a Response whose body is none': () => ({ ...response, body: {} }),
  'a Request whose signal is none': () =>
    ({ headers: new Headers(), clone() {}, method: 'GET', url: 'http://127.0.0.1:1/', signal: {} }),
  'a list whose length throws': () => throwing('length'),
  'a list whose first throws': () => throwing('0', { length: 1 }),
  'what calls itself an ArrayBuffer': () => ({ [Symbol.toStringTag]: 'ArrayBuffer', length: 5 }),
};

/**
 * @param {string} where
 * @param {(source: any, options: { tee?: any }) => Promise<unknown>} call
 */
async function refusesAll(where, call) {
  for (const [what, make] of Object.entries(NO_SOURCES)) {
    const tee = recorder();
    const fault = await faultOf(call(make(), { tee }));
    assert.ok(fault instanceof AdmissionError, `${where}: ${what}: ${fault}`);
    assert.ok(['source', 'misuse'].includes(fault.kind), `${where}: ${what}: ${fault.code}, ${fault.message}`);
    if (tee.aborted.length > 0) assert.deepEqual(tee.aborted, [fault], `${where}: ${what}`);
  }
}

test('what only looks like a source is an error of ours, with a tee and without', { timeout: 60_000 }, async () => {
  await refusesAll('admit', (source, options) => admit(guest, source, options));
  await refusesAll('admit without a tee', source => admit(guest, source));
  await refusesAll('readHeader', source => readHeader(guest, source));
  assertNoSession(guest);
});

test('so it is with a store, a host of either ABI, and a worker', { timeout: 60_000 }, async () => {
  const { locks, directory } = fakeOrigin();
  await refusesAll('admitStored', (source, options) => admitStored(guest, 'm.gguf', source, options));
  assert.equal(locks.held, 0);
  assert.deepEqual(directory.names, []);
  await refusesAll('hostFor', (source, options) => hostFor(guest).load(source, options));
  assertNoSession(guest);
  const v1 = v1Exports();
  await refusesAll('hostFor, v1', (source, options) => hostFor(v1).load(source, options));
  await withGuestWorker(async worker => {
    await refusesAll('GuestWorker', (source, options) => worker.admit(source, options));
    await (await worker.admit(file)).release();
  });
});

test('a class of the caller\'s may say what it likes: the bytes are those of its buffer', async () => {
  class Liar extends Uint8Array {
    /** @override */
    get length() {
      return 10;
    }

    /** @override */
    get byteLength() {
      return 2 ** 40;
    }

    /** @override @returns {any} */
    subarray() {
      return null;
    }
  }
  const lie = new Liar(file.buffer);
  const { report } = await admit(guest, file);
  for (const source of [lie, [lie], new ReadableStream({ start: c => (c.enqueue(lie), c.close()) })]) {
    assert.deepEqual((await admit(guest, source)).report.digests, report.digests);
  }
  const admission = new Admission(guest);
  await admission.write(lie);
  assert.deepEqual(admission.finish().report.digests, report.digests);
});

test('what is no guest is misuse, before anything of the source is read', async () => {
  for (const [index, what] of [undefined, null, 5, {}, guest.view, revoked(), new Proxy({}, everyTrap)].entries()) {
    const other = /** @type {any} */ (what);
    const source = observed(file);
    const tee = recorder();
    /** @type {(() => unknown)[]} */
    const calls = [
      () => admit(other, source.stream, { tee }),
      () => readHeader(other, file),
      () => new Admission(other),
      () => new Model(other, 1),
      () => new Header(other, 1),
      () => new GuestWorker(other),
    ];
    for (const call of calls) assert.equal((await faultOf(async () => call())).kind, 'misuse', `${index}: ${call}`);
    assert.ok(source.isCancelled && source.given === 0);
    assert.equal(tee.aborted.length, 1);
  }
  for (const other of /** @type {any[]} */ ([undefined, null, 5, {}])) {
    for (const call of [() => new Guest(other), () => hostFor(other), () => loadModel(other, file)]) {
      assert.equal((await faultOf(async () => call())).code, 'guest');
    }
  }
});

test('a signal of the caller\'s make that throws is misuse, and the source is cancelled', async () => {
  const { locks } = fakeOrigin();
  const nothing = () => {};
  for (const odd of [
    { aborted: false, addEventListener: fail, removeEventListener: nothing },
    { aborted: false, addEventListener: nothing, removeEventListener: fail },
  ]) {
    const signal = /** @type {any} */ (odd);
    for (const call of [
      (/** @type {any} */ source) => admit(guest, source, { signal }),
      (/** @type {any} */ source) => admitStored(guest, 'x', source, { signal }),
    ]) {
      const source = observed(file);
      const fault = await faultOf(call(source.stream));
      assert.deepEqual([fault.code, fault.path], ['argument', 'signal']);
      assert.ok(source.isCancelled);
    }
    const admission = new Admission(guest, { onHeader() {} });
    assert.equal((await faultOf(admission.write(file, signal))).kind, 'misuse');
    assert.equal(admission.position, 0);
    assert.equal((await faultOf(admission.decide(signal))).kind, 'misuse');
    admission.release();
  }
  assertNoSession(guest);
  assert.equal(locks.held, 0);
});

test('a list of digests without an end is misuse, and evidence is the bytes that it has', async () => {
  const forever = function* () {
    for (;;) yield 'sha256';
  };
  const source = observed(file);
  const fault = await faultOf(admit(guest, source.stream, { digests: /** @type {any} */ (forever()) }));
  assert.deepEqual([fault.code, fault.path, source.isCancelled], ['argument', 'digests', true]);
  const evidence = (await admit(guest, file, { digests: ['evidence'] })).evidence();
  class Longer extends Uint8Array {
    /** @override */
    get length() {
      return 320;
    }
  }
  const { report } = await admit(guest, file, { length: file.length, evidence: new Longer(evidence.buffer) });
  assert.equal(report.evidence?.groups, 1);
});

test('a tee that throws when it is looked at is misuse, and the others are told', async () => {
  for (const name of ['write', 'begin', 'open', 'close', 'abort', 'isStore', 'isExclusive']) {
    const source = observed(file);
    const other = recorder();
    const tee = /** @type {any} */ ([other, throwing(name, { write() {}, [name]: undefined })]);
    const fault = await faultOf(admit(guest, source.stream, { tee }));
    assert.deepEqual([fault.code, fault.path], ['argument', 'tee'], name);
    assert.ok(source.isCancelled);
    assert.deepEqual(other.aborted, [fault]);
  }
});

test('a tee for one admission at a time that throws as it begins is free for the next one', async () => {
  const isExclusive = true;
  for (const thrown of [new Error('not now'), undefined, 0]) {
    const tee = { ...recorder(), isExclusive, begin: () => { throw thrown; } };
    const [source, other] = [observed(file), recorder()];
    const fault = await faultOf(admit(guest, source.stream, { tee: [other, tee] }));
    if (thrown) assert.equal(fault, thrown);
    else assert.equal(fault.path, 'tee');
    assert.ok(source.isCancelled && source.given === 0);
    assert.deepEqual([other.aborted, tee.aborted], [[fault], [fault]]);
    tee.begin = () => /** @type {never} */ (undefined);
    (await admit(guest, file, { tee })).release();
  }
});

test('what is no repository, and no guest, is misuse of the calls beside', async () => {
  fakeOrigin();
  for (const odd of /** @type {any[]} */ ([undefined, 5, Object.create(null), revoked(), throwing('toString')])) {
    assert.equal((await faultOf(hubFile(odd, 'm.gguf'))).path, 'repository');
    assert.equal((await faultOf(hubFile('a/b', odd))).path, 'path');
    assert.equal((await faultOf(openStored(odd, 'm.gguf'))).kind, 'misuse');
  }
});

test('a step without a function to fill the window is no consent to the data', async () => {
  const admission = new Admission(guest);
  while (admission.state === 'open') {
    admission.step((window, offset) => {
      const piece = file.subarray(offset, offset + window.length);
      window.set(piece);
      return piece.length;
    });
  }
  for (const fill of /** @type {any[]} */ ([undefined, null, {}, file])) {
    assert.equal((await faultOf(() => admission.step(fill))).kind, 'misuse');
    assert.equal(admission.state, 'header_ready');
  }
  for (const count of /** @type {any[]} */ ([revoked(), Object.create(null), throwing(Symbol.toStringTag), '5'])) {
    assert.equal((await faultOf(() => admission.step(() => count))).kind, 'misuse');
  }
  admission.release();
});

test('bytes are taken as bytes, whatever holds them: by a group, and by a transfer of ABI v1', async () => {
  const model = await admit(guest, file, { digests: ['evidence'] });
  const view = new DataView(file.buffer);
  for (const given of /** @type {any[]} */ ([file, file.buffer, view])) assert.ok(model.checkGroup(0, given));
  assert.ok(!model.checkGroup(0, file.subarray(1)));
  for (const given of /** @type {any[]} */ ([undefined, null, { length: file.length }, 'x', revoked()])) {
    assert.equal((await faultOf(() => model.checkGroup(0, given))).code, 'argument');
    assert.equal((await faultOf(() => allocCopy(guest, given))).code, 'source');
  }
  model.release();
  assert.equal(loadModel(guest, /** @type {any} */ (view)).model?.length, file.length);
  for (const allocation of /** @type {any[]} */ ([undefined, null, {}, { ptr: -1, len: 5 }])) {
    assert.equal((await faultOf(() => release(guest, allocation))).kind, 'misuse');
  }
});

test('a guest takes words, names and sinks for what they are only', async () => {
  const any = /** @type {any} */ (guest);
  const session = guest.begin(undefined, 'verify');
  for (const words of [undefined, null, {}, [], [1n], [1n, 2n, 3n, 2n ** 64n], [1n, 2n, 3n, -1n], [1, 2, 3, 4]]) {
    assert.equal((await faultOf(() => any.expectDigest(session, 1, words))).kind, 'misuse');
  }
  for (const odd of [Object.create(null), throwing(Symbol.toStringTag), revoked(), Symbol('x'), 5]) {
    assert.equal((await faultOf(() => any.begin(undefined, odd))).kind, 'misuse');
    assert.equal((await faultOf(() => any.call(odd))).kind, 'misuse');
  }
  guest.release(session);
});
