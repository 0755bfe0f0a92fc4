// Room in the store: asked for before data, made of what was used the longest time ago, and done without.
import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import { GuestWorker, admitStored, findStored, listStored, makeRoom, openStored, persistStored, pinStored, removeStored,
} from '../index.js';
import { faultOf, olderGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, directory, file, guest, locks, newOrigin, other } from './support/store.js';
import { observed, recorder } from './support/streams.js';
import { Line } from '../worker/line.js';

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 3 * MIB }, { bytes: MIB }] });
/** Beside a file of one group: its record, its evidence and its last use. */
const BESIDE = 1024 + 32 + 128;

/** @param {number} time  in milliseconds */
const sleep = time => new Promise(resolve => setTimeout(resolve, time));

afterEach(() => mock.restoreAll());

/** @param {string} name @param {number} at  the moment, in milliseconds */
async function store(name, at, from = file) {
  mock.method(Date, 'now', () => at);
  (await admitStored(guest, name, from)).model.release();
}

for (const hasSync of [true, false]) {
  const engine = hasSync ? 'synchronous handles' : 'writable streams';

  test(`a disk that is too small is known before data is fetched, with numbers (${engine})`, async () => {
    Object.assign(directory, { hasSync, quota: 2 * MIB });
    const { stream } = observed(model, { piece: 65_536 });
    const tee = recorder();
    const fault = await faultOf(admitStored(guest, 'm.gguf', stream, { length: model.length, tee }));
    assert.deepEqual([fault.code, fault.kind, fault.expected, fault.found], [
      'quota', 'retry', String(model.length), String(2 * MIB),
    ]);
    assert.match(fault.message, /no room to store m\.gguf from byte 0 on: 4194464 bytes are needed; of 2097152 bytes/);
    assert.equal(tee.bytes.length, 65_536, 'the header came with it');
    assertNothingLeft();
  });

  test(`a store that need not be is done without, whatever fails in it (${engine})`, async () => {
    const server = await serving(model);
    /** @type {Record<string, string>} */ const codes = {};
    const calls = ['createSyncAccessHandle', 'createWritable', 'getFileHandle', 'truncate', 'write', 'flush', 'close',
      'move', 'removeEntry'];
    for (const call of calls) {
      newOrigin();
      Object.assign(directory, { hasSync });
      directory.onCall = name => { if (name === call) throw new DOMException('device', 'UnknownError'); };
      const tee = recorder();
      const { model: admitted, found } = await admitStored(guest, 'm.gguf', server.url, { store: 'optional', tee });
      directory.onCall = undefined;
      assert.equal(Buffer.compare(tee.bytes, model), 0, call);
      assert.equal(tee.closed.length, 1);
      assert.deepEqual([admitted.report.position, found], [model.length, false]);
      assert.equal(admitted.stored, !admitted.storeFault, call);
      codes[call] = admitted.storeFault?.code ?? '';
      admitted.release();
      directory.revive(); // what could not be closed is held until the tab is gone
      assert.equal(Boolean(await findStored('m.gguf')), codes[call] === '', call);
      await removeStored('m.gguf');
      assertNothingLeft();
    }
    const failing = Object.keys(codes).filter(call => codes[call] === 'store');
    const own = hasSync ? ['createSyncAccessHandle', 'flush'] : ['createWritable'];
    for (const call of [...own, 'getFileHandle', 'truncate', 'write', 'close', 'move']) {
      assert.ok(failing.includes(call), call);
    }
  });
}

test('a disk that is full in the middle, or not there, is done without; by default it is an error', async () => {
  const tee = recorder();
  directory.quota = 2 * MIB;
  const source = observed(model, { piece: 100_000 }).stream;
  const result = await admitStored(guest, 'm.gguf', source, { store: 'optional', tee });
  assert.deepEqual([result.model.stored, result.model.storeFault?.code], [false, 'quota']);
  assert.equal(Buffer.compare(tee.bytes, model), 0);
  result.model.release();
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', model))).code, 'quota');
  newOrigin();
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
  const bare = await admitStored(guest, 'm.gguf', model, { store: 'optional' });
  assert.deepEqual([bare.model.stored, bare.model.storeFault?.code], [false, 'unsupported']);
  bare.model.release();
  for (const store of /** @type {any[]} */ (['required', undefined])) {
    assert.equal((await faultOf(admitStored(guest, 'm.gguf', model, { store }))).code, 'unsupported');
  }
  newOrigin();
});

test('a model says that it is stored, also when it was found; a judgement of the file is an error', async () => {
  const spoilt = model.slice();
  spoilt[model.length - 1] ^= 1;
  const store = /** @type {const} */ ('optional');
  for (const found of [false, true]) {
    const result = await admitStored(guest, 'm.gguf', model, { store });
    assert.deepEqual([result.found, result.model.stored, result.model.storeFault], [found, true, undefined]);
    result.model.release();
  }
  assert.equal((await faultOf(admitStored(guest, 'b.gguf', model, { store, sha256: '0'.repeat(64) }))).code, 'digest');
  assert.equal((await faultOf(admitStored(guest, 'm/gguf', model, { store }))).code, 'argument');
  const never = /** @type {any} */ ('never');
  assert.deepEqual((await faultOf(admitStored(guest, 'm.gguf', model, { store: never }))).path, 'store');
});

test('listStored tells what is stored, what is kept, and what it takes', async () => {
  assert.deepEqual(await listStored(), []);
  const server = await serving(model, { breakAfter: 2.5 * MIB });
  await store('b.gguf', 5000);
  await store('a.gguf', 7000, other);
  await store('a.gguf', 9000);
  await faultOf(admitStored(guest, 'kept', server.url, { retries: 0 }));
  await directory.getFileHandle('mine', { create: true });
  await pinStored('b.gguf');
  const [a, b, kept, ...more] = await listStored();
  assert.deepEqual(more, []);
  const digests = async (/** @type {string} */ name) => (await findStored(name))?.digests;
  assert.deepEqual(a, {
    name: 'a.gguf', length: other.length, digests: await digests('a.gguf'), storedAt: 7000, usedAt: 9000, kept: 0,
    pinned: false, bytes: other.length + BESIDE,
  });
  assert.deepEqual(b, {
    name: 'b.gguf', length: file.length, digests: await digests('b.gguf'), storedAt: 5000, usedAt: undefined, kept: 0,
    pinned: true, bytes: file.length + BESIDE - 128,
  });
  assert.deepEqual([kept.name, kept.length, kept.digests, kept.storedAt], ['kept', undefined, undefined, undefined]);
  assert.ok(kept.kept >= MIB && kept.kept % MIB === 0 && kept.bytes >= model.length);
  /** @type {any} */ (directory.files.get('a.gguf.digests')).bytes = new Uint8Array([120]);
  const [spoilt] = await listStored();
  assert.deepEqual([spoilt.name, spoilt.length, spoilt.digests], ['a.gguf', undefined, undefined]);
  assert.ok(spoilt.bytes > file.length);
});

test('an engine that tells of a full disk by an error of its own', async () => {
  const full = Object.assign(new Error('File error: No device space'), { name: 'NS_ERROR_FILE_NO_DEVICE_SPACE' });
  for (const call of ['truncate', 'write', 'flush']) {
    directory.onCall = name => { if (name === call) throw full; };
    const { stream } = observed(model);
    assert.equal((await faultOf(admitStored(guest, 'm', stream, { length: model.length }))).code, 'quota', call);
    directory.onCall = undefined;
    await removeStored('m');
  }
  directory.onCall = name => { if (name === 'truncate') throw full; };
  assert.equal((await faultOf(makeRoom(1))).code, 'quota');
  directory.onCall = undefined;
  assertNothingLeft();
});

for (const hasSync of [true, false]) {
  test(`makeRoom removes what was used the longest time ago, and no more than it must (${hasSync})`, async () => {
    directory.hasSync = hasSync;
    for (const [name, at] of /** @type {const} */ ([['d', 4000], ['a', 1000], ['c', 3000], ['b', 2000]])) {
      await store(name, at);
    }
    await store('a', 9000); // read again
    const used = [...directory.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    directory.quota = used + 10;
    assert.deepEqual(await makeRoom(10), []);
    assert.deepEqual(await makeRoom(11), ['b']);
    assert.deepEqual(await makeRoom(600_000), ['c']);
    assert.deepEqual((await listStored()).map(({ name }) => name), ['a', 'd']);
    assert.deepEqual(await makeRoom(file.length, { keep: ['d'] }), []);
    await pinStored('d');
    assert.deepEqual(await makeRoom(800_000), ['a']);
    const fault = await faultOf(makeRoom(directory.quota));
    assert.deepEqual([fault.code, fault.kind, fault.expected], ['quota', 'retry', String(directory.quota)]);
    assert.deepEqual((await listStored()).map(({ name }) => name), ['d']);
    await pinStored('d', false);
    assert.deepEqual(await makeRoom(directory.quota), ['d']);
    assertNothingLeft();
  });
}

test('makeRoom removes nothing where all that may go is not enough', async () => {
  for (const name of ['a', 'b']) await store(name, 1000);
  directory.quota = 1_000_000;
  for (const options of [{}, { keep: ['a'] }]) {
    const fault = await faultOf(makeRoom(1_000_001 - Number('keep' in options) * 200_000, options));
    assert.equal(fault.code, 'quota');
    assert.deepEqual((await listStored()).map(({ name }) => name), ['a', 'b']);
  }
});

test('makeRoom removes nothing where what is open would have to go', async () => {
  for (const [at, name] of ['a', 'b'].entries()) await store(name, at);
  const opened = await openStored(guest, 'b');
  directory.quota = 700_000;
  const fault = await faultOf(makeRoom(600_000));
  assert.deepEqual([fault.code, fault.expected], ['quota', '600000']);
  assert.deepEqual((await listStored()).map(({ name }) => name), ['a', 'b']);
  opened?.release();
  assert.deepEqual(await makeRoom(600_000), ['a', 'b']);
  assertNothingLeft();
});

test('an error of makeRoom names what went, where another was taken into use meanwhile', async () => {
  for (const [at, name] of ['a', 'b'].entries()) await store(name, at);
  directory.quota = 700_000;
  const { request } = locks;
  let asked = 0;
  locks.request = async (name, given, use) =>
    name === 'gguf-admission store b' && ++asked > 1 ? use?.(null) : request.call(locks, name, given, use);
  const fault = await faultOf(makeRoom(600_000));
  assert.match(fault.message, /^there is no room for 600000 bytes \(a went, others are in use\)/);
  assert.deepEqual((await listStored()).map(({ name }) => name), ['b']);
});

test('who pins a name, or looks whether it is stored, ends nobody’s download of it', async () => {
  const { getFileHandle } = directory;
  /** @type {Promise<unknown>[]} */ const looks = [];
  directory.getFileHandle = async (name, how) => {
    // The last moment before the part takes its place.
    if (name === 'm.part' && !how?.create && looks.length === 0 && bytesOf(name)?.length === file.length) {
      looks.push(pinStored('m'), openStored(guest, 'm'));
      await sleep(2);
    } else if (['m.pin', 'm.digests'].includes(name)) await sleep(20); // a disk that is slow
    return getFileHandle.call(directory, name, how);
  };
  (await admitStored(guest, 'm', file)).model.release();
  assert.deepEqual(await Promise.all(looks), [true, undefined]);
  assert.deepEqual(bytesOf('m'), file);
});

test('makeRoom leaves what is pinned while it looks', async () => {
  for (const [index, name] of ['a', 'b'].entries()) await store(name, 1000 * (index + 1));
  directory.quota = [...directory.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  const { request } = locks;
  locks.request = async (name, ...rest) => {
    if (name === 'gguf-admission store a') await directory.getFileHandle('a.pin', { create: true });
    return request.call(locks, name, ...rest);
  };
  assert.deepEqual(await makeRoom(1), ['b']);
  assert.deepEqual((await listStored()).map(({ name, pinned }) => [name, pinned]), [['a', true]]);
});

test('makeRoom leaves what is being stored, or is open; removing and replacing what is open is locked', async () => {
  for (const [index, name] of ['open', 'storing', 'free'].entries()) await store(name, 1000 * (index + 1));
  const opened = await openStored(guest, 'open');
  /** @type {(value?: unknown) => void} */ let goOn = () => {};
  const gate = new Promise(resolve => (goOn = resolve));
  const slow = observed(other, { at: offset => (offset > 100_000 ? gate : undefined) });
  const replacing = admitStored(guest, 'storing', slow.stream, { length: other.length, sha256: undefined,
    blake3: (await blake3Of(other)) });
  while (slow.given < 100_000) await new Promise(resolve => setTimeout(resolve));
  directory.quota = [...directory.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  assert.deepEqual(await makeRoom(1), ['free']);
  const full = await faultOf(makeRoom(400_000));
  assert.equal(full.code, 'quota');
  directory.quota = Infinity;
  goOn();
  (await replacing).model.release();
  const wanted = { length: other.length, blake3: await blake3Of(other) };
  const source = observed(other);
  for (const call of [() => removeStored('open'), () => admitStored(guest, 'open', source.stream, wanted)]) {
    const fault = await faultOf(call);
    assert.deepEqual([fault.code, fault.kind, fault.found], ['locked', 'retry', 'open']);
  }
  assert.equal(source.given, 0, 'it is known before anything is fetched');
  assert.deepEqual(bytesOf('open'), file);
  const optional = await admitStored(guest, 'open', other, { ...wanted, store: 'optional' });
  assert.deepEqual([optional.model.stored, optional.model.storeFault?.code], [false, 'locked']);
  optional.model.release();
  opened?.release();
  await removeStored('open');
  await removeStored('storing');
  assertNothingLeft();
});

test('what is opened while its successor comes stays, and so does what was fetched', async () => {
  (await admitStored(guest, 'm', file)).model.release();
  /** @type {import('../index.js').OpenedModel | undefined} */ let opened;
  const tee = { write: async () => void (opened ??= await openStored(guest, 'm')) };
  const fault = await faultOf(admitStored(guest, 'm', model, { length: model.length, tee }));
  assert.deepEqual([fault.code, fault.kind], ['locked', 'retry']);
  assert.deepEqual(bytesOf('m'), file);
  opened?.release();
  await new Promise(resolve => setTimeout(resolve));
  assertNothingLeft(['m', 'm.digests', 'm.evidence', 'm.journal', 'm.part']);
});

test('a pin stays when a file is replaced, and goes when it is removed; of nothing there is none', async () => {
  assert.equal(await pinStored('m'), false);
  assertNothingLeft();
  await store('m', 1);
  assert.equal(await pinStored('m'), true);
  (await admitStored(guest, 'm', other, { length: other.length, blake3: await blake3Of(other) })).model.release();
  assert.deepEqual((await listStored()).map(({ pinned }) => pinned), [true]);
  await removeStored('m');
  assertNothingLeft();
});

test('what is asked wrongly is misuse', async () => {
  for (const call of [
    () => makeRoom(0), () => makeRoom(1.5), () => makeRoom(/** @type {any} */ ('1')),
    () => makeRoom(1, { keep: /** @type {any} */ ('a') }), () => makeRoom(1, /** @type {any} */ ({ keeps: [] })),
    () => listStored(/** @type {any} */ ({ directory: 5 })), () => pinStored('a/b'),
    () => pinStored('a', /** @type {any} */ ({ directory })), () => openStored(guest, '.'),
    () => openStored(guest, 'a', /** @type {any} */ ({ sha256: '' })),
  ]) assert.equal((await faultOf(call)).kind, 'misuse', String(call));
  assert.equal((await faultOf(openStored(olderGuest(), 'a'))).code, 'guest');
  assert.equal((await faultOf(persistStored())).code, 'unsupported');
  let asked = 0;
  Object.assign(navigator.storage, { persisted: async () => false, persist: async () => (asked++, true) });
  assert.deepEqual([await persistStored(), asked], [true, 1]);
});

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function blake3Of(bytes) {
  const { model } = await admitStored(guest, 'measured', bytes);
  const { blake3 } = model.report.digests;
  model.release();
  await removeStored('measured');
  return blake3;
}

test('a worker is asked for no room where the options cannot be, or the signal was aborted before', async () => {
  /** @type {unknown[][]} */ const asked = [];
  const worker = new GuestWorker({
    postMessage: (/** @type {any} */ { port }) => void new Line(port, () => ({
      makeRoom: (...about) => (asked.push(about), ['a']), end: () => {},
    })),
    terminate: () => {},
    addEventListener: () => {},
  });
  for (const wrong of [{ signal: 'now' }, { keep: 'a' }, { keeps: [] }, null]) {
    const fault = await faultOf(worker.makeRoom(1, /** @type {any} */ (wrong)));
    assert.equal(fault.kind, 'misuse', JSON.stringify(wrong));
  }
  const reason = new Error('no more');
  assert.equal(await faultOf(worker.makeRoom(1, { signal: AbortSignal.abort(reason) })), reason);
  assert.deepEqual(asked, []);
  assert.deepEqual(await worker.makeRoom(1, { keep: ['b'] }), ['a']);
  assert.deepEqual(asked, [[1, { keep: ['b'] }]]);
  await worker.close();
});
