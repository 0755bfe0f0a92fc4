// Tensors into buffers of the GPU, by a double of the device.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AdmissionError, admit, gpuTee, tensorTee } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { Device } from './support/gpu.js';
import { iterated, never, observed } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const [MAP_READ, COPY_SRC, COPY_DST, STORAGE] = [0x01, 0x04, 0x08, 0x80];
const TENSORS = [
  { name: 'a', bytes: 90_001 },
  { name: 'b', bytes: 1 },
  { name: 'none', bytes: 0 },
  { name: 'c', bytes: 32 },
  { name: 'd', bytes: 70_003 },
  { name: 'e', bytes: 6 },
];
const file = gguf({ tensors: TENSORS });
const small = gguf({ tensors: TENSORS.map(({ name, bytes }) => ({ name, bytes: Math.ceil(bytes / 100) })) });

/**
 * The buffers of a real device are known to the types.
 *
 * @type {(device: GPUDevice) => ReadonlyMap<string, GPUBuffer>}
 */
const typed = device => gpuTee(device).buffers;
void typed;

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

/**
 * @param {ReadonlyMap<string, import('./support/gpu.js').Buffer>} buffers
 * @param {import('../index.js').FileReport} report
 * @param {Uint8Array} of
 */
function assertBuffers(buffers, { tensors }, of = file) {
  assert.deepEqual([...buffers.keys()], tensors.map(({ name }) => name));
  for (const { name, offset, bytes } of tensors) {
    const buffer = /** @type {import('./support/gpu.js').Buffer} */ (buffers.get(name));
    assert.equal(buffer.size, Math.max(4, Math.ceil(bytes / 4) * 4), name);
    const own = new Uint8Array(buffer.size);
    own.set(of.subarray(offset, offset + bytes));
    assert.equal(Buffer.compare(buffer.bytes, own), 0, name);
  }
}

test('each tensor has a buffer with its bytes, wherever the chunks of the file end', async () => {
  const pieces = [...[1, 2, 3, 5, 7, 31, 1023].map(size => [small, size]), [file, 10_001], [file, file.length]];
  for (const [of, piece] of /** @type {[Uint8Array<ArrayBuffer>, number][]} */ (pieces)) {
    const device = new Device();
    const gpu = gpuTee(device);
    assert.equal(gpu.buffers.size, 0);
    const model = await admit(guest, observed(of, { piece }).stream, { tee: gpu });
    assertBuffers(gpu.buffers, model.report, of);
    assert.ok([...gpu.buffers.values()].every(device.canBind));
    assert.deepEqual([device.scopes, device.uncaptured], [[], []]);
    model.release();
    gpu.destroy();
    gpu.destroy();
    assert.deepEqual([device.living, device.held, gpu.buffers.size], [0, 0, 0]);
  }
});

test('usage and label are the caller\'s', async () => {
  const gpu = gpuTee(new Device(), { usage: COPY_SRC, label: 'gemma/' });
  await admit(guest, file, { tee: gpu });
  const buffer = gpu.buffers.get('a');
  assert.deepEqual([buffer?.usage, buffer?.label], [COPY_SRC | COPY_DST, 'gemma/a']);
});

test('no tensor is copied as a whole, and the GPU is not more than two steps behind', async () => {
  const large = gguf({ tensors: [{ name: 'large', bytes: 40 * 2 ** 20 }] });
  const device = new Device();
  const gpu = gpuTee(device);
  const model = await admit(guest, new Blob([large]), { tee: gpu, digests: [] });
  assertBuffers(gpu.buffers, model.report, large);
  assert.ok(device.mostAtOnce <= 2 ** 20, `${device.mostAtOnce}`);
  assert.ok(device.mostAhead <= 18 * 2 ** 20, `${device.mostAhead}`);
});

test('a tensor above a limit of the device is an error at the header, with its name, size and the limit', async () => {
  const limits = { maxBufferSize: 80_000, maxStorageBufferBindingSize: 70_000 };
  /** @type {[Partial<typeof limits>, number | undefined, string | undefined][]} */
  const cases = [
    [{ maxBufferSize: 90_000 }, undefined, 'maxBufferSize'],
    [{ maxBufferSize: 90_003 }, undefined, 'maxBufferSize'],
    [{ maxBufferSize: 90_004 }, undefined, undefined],
    [{ maxStorageBufferBindingSize: 90_003 }, undefined, 'maxStorageBufferBindingSize'],
    [{ maxStorageBufferBindingSize: 90_003 }, STORAGE | COPY_SRC, 'maxStorageBufferBindingSize'],
    [{ maxStorageBufferBindingSize: 90_004 }, undefined, undefined],
    [{ maxStorageBufferBindingSize: 1000 }, COPY_SRC, undefined],
  ];
  for (const [limits, usage, wanted] of cases) {
    const device = new Device({ limits });
    const gpu = gpuTee(device, { usage });
    const source = observed(file, { piece: 1000 });
    const admitted = admit(guest, source.stream, { tee: gpu });
    if (!wanted) {
      const { report } = await admitted;
      assertBuffers(gpu.buffers, report);
      continue;
    }
    const fault = await faultOf(admitted);
    assert.ok(fault instanceof AdmissionError);
    assert.deepEqual([fault.code, fault.kind, fault.path], ['device', 'retry', 'tensors[0]']);
    assert.deepEqual([fault.found, fault.expected], ['90004', String(Object.values(limits)[0])]);
    for (const word of ['a', '90004', wanted, String(fault.expected)]) assert.ok(fault.message.includes(word), word);
    assert.deepEqual([device.made.length, source.given, source.cancelled], [0, 1000, fault]);
  }
});

test('a device without memory, or with another usage than can be, refuses the file before its data', async () => {
  /** @type {[object, object, string, string][]} */
  const cases = [
    [{ memory: 100_000 }, {}, 'retry', 'out-of-memory'],
    [{}, { usage: MAP_READ | STORAGE }, 'misuse', 'validation'],
    [{}, { usage: 2 ** 20 }, 'misuse', 'validation'],
  ];
  for (const [options, own, kind, found] of cases) {
    const device = new Device(options);
    const gpu = gpuTee(device, own);
    const source = observed(file, { piece: 1000 });
    const fault = await faultOf(admit(guest, source.stream, { tee: gpu }));
    assert.deepEqual([fault.code, fault.kind, fault.found], ['device', kind, found]);
    assert.ok(fault.cause);
    assert.deepEqual([source.given, device.living, device.held, gpu.buffers.size], [1000, 0, 0, 0]);
    assert.deepEqual([device.scopes, device.uncaptured], [[], []]);
  }
  assertNoSession(guest);
});

/** Calls of the device at which something may go wrong: the first, later ones. @type {[string, number][]} */
const POINTS = [['createBuffer', 1], ['createBuffer', 6], ['writeBuffer', 1], ['writeBuffer', 2], ['writeBuffer', 7],
  ['onSubmittedWorkDone', 1]];

/**
 * What may go wrong there, and what the error then is.
 *
 * @type {Record<string, [(device: Device, stop: AbortController) => void, (fault: any) => void]>}
 */
const WAYS = {
  'the device is lost': [device => device.lose('it was unplugged'), fault => {
    assert.deepEqual([fault.code, fault.kind], ['device', 'retry']);
    assert.match(fault.message, /it was unplugged/);
  }],
  'there is no memory': [device => device.fail('out-of-memory', 'none left'), fault => {
    assert.deepEqual([fault.code, fault.kind, fault.found], ['device', 'retry', 'out-of-memory']);
    assert.match(fault.message, /none left/);
  }],
  'a call is not valid': [device => device.fail('validation', 'not so'), fault => {
    assert.deepEqual([fault.code, fault.kind, fault.found], ['device', 'misuse', 'validation']);
  }],
  'the driver fails': [device => device.fail('internal', 'oh'), fault => {
    assert.deepEqual([fault.code, fault.kind, fault.found], ['device', 'retry', 'internal']);
  }],
  'the call throws': [() => {
    throw new TypeError('no such call');
  }, fault => assert.equal(fault.message, 'no such call')],
  'the caller aborts': [(_, stop) => stop.abort(), fault => assert.equal(fault.name, 'AbortError')],
};

/**
 * @param {(source: import('./support/streams.js').Observed, options: import('../index.js').AdmitOptions) =>
 *   Promise<unknown>} admitting
 */
async function failsEverywhere(admitting) {
  for (const [call, time] of POINTS) {
    for (const [what, [act, judge]] of Object.entries(WAYS)) {
      // Out of every scope an error is nobody's: the double has it in `uncaptured`.
      if (call === 'onSubmittedWorkDone' && act.length === 1 && what !== 'the device is lost') continue;
      const stop = new AbortController();
      const device = new Device({ before: (name, count) => {
        if (name === call && count === time) act(device, stop);
      } });
      const gpu = gpuTee(device);
      const source = observed(file, { piece: 20_000 });
      judge(await faultOf(admitting(source, { signal: stop.signal, tee: gpu })));
      await delay(5);
      assert.deepEqual([device.living, device.held, gpu.buffers.size], [0, 0, 0], `${what}: ${call} ${time}`);
      assert.deepEqual([device.scopes, device.uncaptured], [[], []], `${what}: ${call} ${time}`);
    }
  }
}

test('a fault of the device at any call ends the admission with it, and all buffers are destroyed', async () => {
  await failsEverywhere((source, options) => admit(guest, source.stream, options));
  assertNoSession(guest);
});

test('the same with the guest in a worker: the device stays on this thread', () => withGuestWorker(async worker => {
  const device = new Device();
  const gpu = gpuTee(device);
  const model = await worker.admit(new Blob([file]), { tee: gpu });
  assertBuffers(gpu.buffers, model.report);
  await model.release();
  await failsEverywhere((source, options) => worker.admit(iterated(source), options));
}));

test('a device that was lost before is an error at the header', async () => {
  for (const isEarly of [true, false]) {
    const device = new Device();
    if (isEarly) device.lose('long ago');
    const gpu = gpuTee(device);
    device.lose('long ago');
    const source = observed(file, { piece: 1000 });
    const fault = await faultOf(admit(guest, source.stream, { tee: gpu }));
    assert.deepEqual([fault.code, source.given, device.living], ['device', 1000, 0]);
    assert.match(fault.message, /long ago/);
  }
});

test('whatever ends the admission: all buffers are destroyed', async () => {
  const mine = new Error('mine');
  const fail = () => Promise.reject(mine);
  const stop = new AbortController();
  const cut = file.subarray(0, file.length - 40);
  /** @type {[Uint8Array<ArrayBuffer>, import('../index.js').AdmitOptions, string][]} */
  const cases = [
    [cut, {}, 'truncated'],
    [file, { sha256: '0'.repeat(64) }, 'digest'],
    [file, { onProgress: ({ phase }) => (phase === 'done' ? fail() : undefined) }, 'mine'],
    [file, { onHeader: fail }, 'mine'],
    [file, { tee: { write: (_, offset) => (offset > 0 ? fail() : undefined) } }, 'mine'],
    [file, { tee: { write() {}, close: fail } }, 'mine'],
    [file, { tee: tensorTee({ write() {}, whole: fail }) }, 'mine'],
    [file, { tee: { write() {}, close: () => (stop.abort(mine), never()) }, signal: stop.signal }, 'mine'],
  ];
  for (const [source, options, what] of cases) {
    const device = new Device();
    const gpu = gpuTee(device);
    const fault = await faultOf(admit(guest, source, { ...options, tee: [options.tee ?? [], gpu].flat() }));
    assert.ok([fault.code, fault.message, fault.name].includes(what), what);
    assert.deepEqual([device.living, device.held, gpu.buffers.size], [0, 0, 0], what);
  }
  assertNoSession(guest);
});

test('a tee has one model: another admission is misuse until the buffers are destroyed', async () => {
  for (const other of [file, 'nowhere']) {
    const device = new Device();
    const gpu = gpuTee(device);
    const { report } = await admit(guest, file, { tee: gpu });
    const fault = await faultOf(admit(guest, other, { tee: gpu }));
    assert.deepEqual([fault.code, fault.kind], [other === file ? 'state' : 'argument', 'misuse']);
    assertBuffers(gpu.buffers, report);
    assert.equal(device.living, TENSORS.length);
    gpu.destroy();
    await admit(guest, file, { tee: gpu });
    assertBuffers(gpu.buffers, report);
  }
});

test('a tee whose admission failed serves the next one, whatever became of the first', async () => {
  // In the middle of a word too: 'source' is no call of the device.
  for (const [call, time] of [...POINTS, ['source', 0]]) {
    let isOver = false;
    const device = new Device({ before: (name, count) => {
      if (isOver || name !== call || count !== time) return;
      isOver = true;
      if (call === 'onSubmittedWorkDone') throw new TypeError('once');
      device.fail('out-of-memory', 'once');
    } });
    const gpu = gpuTee(device);
    const first = observed(file, { piece: 9001, at: offset => {
      if (call === 'source' && offset > 20_000) throw new Error('once');
    } });
    assert.match((await faultOf(admit(guest, first.stream, { tee: gpu }))).message, /once/);
    const { report } = await admit(guest, observed(file, { piece: 9001 }).stream, { tee: gpu });
    assertBuffers(gpu.buffers, report);
    assert.equal(device.living, TENSORS.length);
  }
});

test('buffers that are destroyed meanwhile end the admission', async () => {
  for (const piece of [1000, 90_000, file.length]) {
    for (const isLate of [false, true]) {
      const device = new Device();
      const gpu = gpuTee(device);
      const early = tensorTee({
        write() {},
        tensor: ({ name }) => void (name === 'd' && !isLate && gpu.destroy()),
        close: () => gpu.destroy(),
      });
      const fault = await faultOf(admit(guest, observed(file, { piece }).stream, { tee: [early, gpu] }));
      assert.equal(fault.kind, 'misuse');
      assert.deepEqual([device.living, gpu.buffers.size], [0, 0]);
    }
  }
});

test('scopes of errors that the caller has open are left as they are', async () => {
  const device = new Device();
  device.pushErrorScope('validation');
  device.before = call => void (call === 'writeBuffer' && device.fail('validation', 'ours'));
  const fault = await faultOf(admit(guest, file, { tee: gpuTee(device) }));
  assert.equal(fault.code, 'device');
  assert.equal(device.scopes.length, 1);
  assert.equal(await device.popErrorScope(), null);
});

test('what is no device, and options that cannot be, are misuse', async () => {
  const createBuffer = () => {};
  const some = { createBuffer, queue: { writeBuffer() {} } };
  for (const device of [undefined, null, 5, {}, { createBuffer: 1 }, { createBuffer }, some])
    assert.equal((await faultOf(() => gpuTee(/** @type {any} */ (device)))).code, 'argument');
  for (const options of [{ usage: -1 }, { usage: '1' }, { label: 5 }, { labels: 'x' }, null])
    assert.equal((await faultOf(() => gpuTee(new Device(), /** @type {any} */ (options)))).code, 'argument');
});
