import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AdmissionError, Guest, loadGuest } from '../index.js';
import { kindOf } from '../core/errors.js';
import { freshGuest, faultOf, v1Exports } from './support/guest.js';
import { gguf } from './support/gguf.js';

const wasm = () => readFileSync(new URL('../guest.wasm', import.meta.url));
/** A module that imports `env.log`. */
const importing = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  96,
  0,
  0,
  2,
  11,
  1,
  3,
  101,
  110,
  118,
  3,
  108,
  111,
  103,
  0,
  0,
);

test('loadGuest takes nothing, bytes, a module, a response with and without its type', async () => {
  const typed = (/** @type {string} */ type) => new Response(wasm(), { headers: { 'content-type': type } });
  const types = ['application/wasm', 'Application/WASM', 'application/wasm; charset=utf-8', 'application/octet-stream'];
  for (const from of [undefined, wasm(), new WebAssembly.Module(wasm()), new Response(wasm()), ...types.map(typed)]) {
    const guest = await loadGuest(from);
    assert.equal(guest.abi, 2);
    assert.equal(guest.abiVersion(), 0x2_0001);
  }
});

test('loadGuest refuses a module with imports, a v1 module, a foreign module and a missing file', async () => {
  assert.match((await faultOf(loadGuest(importing))).message, /imports env\.log/);
  const foreign = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  assert.equal((await faultOf(loadGuest(foreign))).code, 'guest');
  assert.match((await faultOf(loadGuest(new Response('', { status: 404 })))).message, /404/);
  const v1 = readFileSync(new URL('../../target/wasm/abi-v1.wasm', import.meta.url));
  assert.match((await faultOf(loadGuest(v1))).message, /hostFor/);
});

test('a whole admission through the wrapped exports', async () => {
  const guest = await freshGuest();
  const file = gguf({ metadata: { 'general.name': 'x', list: ['a', 'b'] }, tensors: [{ name: 'w', bytes: 40 }] });
  const handle = guest.begin(file.length, 'resident');
  assert.equal(guest.limit(handle, 7), 1 << 20);
  assert.equal(guest.limit(handle, 7, 1), 4096);
  assert.equal(guest.digests(handle, 3), 1);
  const window = guest.window(handle);
  window.set(file);
  assert.equal(guest.pushChunk(handle, 0, file.length), 2);
  assert.equal(guest.report(handle).state, 'header_ready');
  assert.equal(guest.finish(handle), 4);
  assert.equal(guest.position(handle), file.length);
  assert.deepEqual(guest.metadata(handle, 1), ['a', 'b']);
  assert.equal(guest.tensor(handle, 0).length, 40);
  assert.equal(guest.active(), 0);
  guest.activate(handle);
  assert.equal(guest.active(), handle);
  assert.equal(guest.freeModel(), 0);
  guest.release(handle);
  assert.ok(guest.memoryBytes > 0);
});

test('a negative status becomes an AdmissionError with the detail of last_error', async () => {
  const guest = await freshGuest();
  const stale = await faultOf(() => guest.window(1));
  assert.ok(stale instanceof AdmissionError);
  assert.deepEqual([stale.code, stale.kind, stale.status], ['handle', 'misuse', -1]);
  assert.equal((await faultOf(() => guest.begin(0, 'verify'))).code, 'argument');
  const handle = guest.begin(undefined, 'verify');
  const gap = await faultOf(() => (guest.window(handle), guest.pushChunk(handle, 5, 1)));
  assert.deepEqual([gap.code, gap.expected, gap.found], ['offset', '0', '5']);
  assert.equal(guest.lastError().code, 'offset');
  guest.release(handle);
});

test('expected digests reach the guest as four big-endian words', async () => {
  const guest = await freshGuest();
  const handle = guest.begin(undefined, 'verify');
  assert.equal(guest.expectDigest(handle, 1, [0n, 1n, 2n, 0xffffffffffffffffn]), 1);
  guest.release(handle);
});

test('numbers that WebAssembly would take for others are misuse, and nothing is changed', async () => {
  const guest = await freshGuest();
  const file = gguf();
  const handle = guest.begin(undefined, 'verify');
  guest.window(handle).fill(0).set(file.subarray(0, 20));
  const no = [NaN, Infinity, -Infinity, 1.5, -1, 2 ** 53, 2 ** 64];
  const words = [
    ...no,
    2 ** 32,
    handle + 2 ** 32,
    /** @type {any} */ ('1'),
    /** @type {any} */ (1n),
    /** @type {any} */ (null),
  ];
  /** @type {[string, (value: any) => unknown, readonly unknown[]][]} */
  const calls = [
    ['begin', value => guest.begin(value, 'verify'), no],
    ['limit', value => guest.limit(handle, 7, value), no],
    ['offset', value => guest.pushChunk(handle, value, 20), no],
    ['length', value => guest.pushChunk(handle, 0, value), words],
    ['handle', value => guest.release(value), words],
    ['window', value => guest.window(value), words],
    ['report', value => guest.report(value), words],
    ['limit id', value => guest.limit(handle, value), words],
    ['mask', value => guest.digests(handle, value), words],
    ['algorithm', value => guest.expectDigest(handle, value, [0n, 0n, 0n, 0n]), words],
    ['word', value => guest.expectDigest(handle, 1, [0n, 0n, 0n, value]), [-1n, 2n ** 64n, 1]],
    ['metadata', value => guest.metadata(handle, value), words],
    ['tensor', value => guest.tensor(handle, value), words],
    ['activate', value => guest.activate(value), words],
    ['finish', value => guest.finish(value), words],
    ['position', value => guest.position(value), words],
    ['view', value => guest.view(value, 1), words],
    ['alloc', value => guest.alloc(value), words],
    ['dealloc', value => guest.dealloc(value, 1), words],
    ['load_model', value => guest.loadModel(value, 1), words],
    ['sink', value => guest.begin(undefined, value), ['Resident', 'toString', 2, undefined]],
  ];
  for (const [name, call, values] of calls) {
    for (const value of values) {
      const fault = await faultOf(() => call(value));
      assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse'], `${name} of ${String(value)}`);
    }
  }
  for (const [ptr, len] of [[0, guest.memoryBytes + 1], [guest.memoryBytes, 1], [2 ** 32 - 1, 2 ** 32 - 1]]) {
    assert.equal((await faultOf(() => guest.view(ptr, len))).code, 'argument', `${ptr}, ${len}`);
  }
  assert.equal(guest.view(guest.memoryBytes, 0).length, 0);
  assert.equal(guest.limit(handle, 7), 1 << 20);
  assert.equal(guest.pushChunk(handle, 0, 20), 1);
  assert.equal(guest.position(handle), 20);
  guest.release(handle);
});

test('a guest of ABI v1 is known as such and has no v2 calls', async () => {
  const guest = new Guest(v1Exports());
  assert.equal(guest.abi, 1);
  assert.equal((await faultOf(() => guest.begin(undefined, 'verify'))).code, 'guest');
  assert.equal(guest.initRuntime(), 0);
  assert.equal(JSON.parse(guest.lastResult()).abi, '1');
});

test('a kind is found for every status, also for those of tomorrow', () => {
  assert.deepEqual([-1, -15, -16, -31, -32, -39, -63, -64, -500].map(kindOf),
    ['misuse', 'misuse', 'retry', 'retry', 'rejected', 'rejected', 'rejected', 'dead', 'dead']);
});
