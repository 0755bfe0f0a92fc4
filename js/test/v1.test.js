import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Guest, allocCopy, loadModel, release } from '../index.js';
import { faultOf, v1Exports } from './support/guest.js';
import { gguf } from './support/gguf.js';

const file = gguf({ tensors: [{ bytes: 5000 }] });
const combined = () =>
  new WebAssembly.Instance(new WebAssembly.Module(readFileSync(new URL('../guest.wasm', import.meta.url))), {}).exports;

for (const [name, instantiate] of Object.entries({ 'the v1 module': v1Exports, 'the combined module': combined })) {
  test(`${name}: allocCopy copies exactly the bytes, release gives them back`, () => {
    const exports = instantiate();
    const allocation = allocCopy(exports, file);
    assert.equal(allocation.len, file.length);
    const memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    assert.deepEqual(new Uint8Array(memory.buffer, allocation.ptr, allocation.len), file);
    release(exports, allocation);
    const before = memory.buffer.byteLength;
    for (let turn = 0; turn < 1000; turn++) release(exports, allocCopy(exports, file));
    assert.equal(memory.buffer.byteLength, before);
  });

  test(`${name}: loadModel admits, and a refusal leaves the active model`, async () => {
    const guest = new Guest(instantiate());
    const { model, error } = loadModel(guest, file);
    assert.equal(model?.length, file.length);
    assert.equal(error, null);
    const fault = await faultOf(() => loadModel(guest, new Uint8Array(50)));
    assert.deepEqual(
      [fault.code, fault.kind, fault.status, fault.offset, fault.path],
      ['magic', 'rejected', -32, 0, 'magic'],
    );
    assert.deepEqual(JSON.parse(guest.diagnostics()).model, model);
    assert.equal(guest.freeModel(), 0);
    assert.equal(guest.freeModel(), 2);
  });

  test(`${name}: nothing, and more than 128 MiB, are refused before the guest is asked`, async () => {
    const exports = instantiate();
    assert.equal((await faultOf(() => allocCopy(exports, new Uint8Array(0)))).code, 'argument');
    const fault = await faultOf(() => allocCopy(exports, new Uint8Array(134_217_729)));
    assert.deepEqual(
      [fault.code, fault.kind, fault.expected, fault.found],
      ['ceiling', 'rejected', '134217728', '134217729'],
    );
  });
}

test('a guest whose texts are its own is refused with its status and its words', async () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const words = new TextEncoder().encode('out of cheese');
  new Uint8Array(memory.buffer).set(words, 100);
  const nothing = () => 0;
  const exports = {
    memory,
    alloc: () => 1000,
    dealloc() {},
    load_model: () => 40,
    free_model: nothing,
    last_result_ptr: () => 100,
    last_result_len: () => words.length,
    get_diagnostics_ptr: nothing,
    get_diagnostics_len: nothing,
  };
  const fault = await faultOf(() => loadModel(exports, new Uint8Array(4)));
  assert.deepEqual([fault.message, fault.status, fault.kind], ['out of cheese', -40, 'rejected']);
});
