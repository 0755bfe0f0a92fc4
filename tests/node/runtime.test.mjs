// An inference runtime links both ABIs as Rust libraries and adds a call of its own: tests/runtime.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gguf } from './support/gguf.mjs';

const root = new URL('../../', import.meta.url);
const compiled = async path => WebAssembly.compile(await readFile(new URL(path, root)));
const runtime = await compiled('target/wasm/runtime.wasm');
const combined = await compiled('js/guest.wasm');

test('a runtime that links both crates exports all of both ABIs, its own calls, and imports nothing', () => {
  const names = module => WebAssembly.Module.exports(module).map(entry => entry.name);
  assert.deepEqual(WebAssembly.Module.imports(runtime), []);
  assert.deepEqual(names(combined).filter(name => !names(runtime).includes(name)), []);
  assert.ok(names(runtime).includes('generate'));
});

test('a call of the runtime reads the model that either ABI made active', async () => {
  const { exports: guest } = await WebAssembly.instantiate(runtime, {});
  assert.equal(guest.generate(10), -1n, 'no model');
  const file = weight =>
    gguf({ tensors: [{ name: 'w', type: 'I8', dims: [64] }], fill: view => view.fill(weight) });

  const transfer = file(3);
  const ptr = guest.alloc(transfer.length);
  new Uint8Array(guest.memory.buffer, ptr, transfer.length).set(transfer);
  assert.equal(guest.load_model(ptr, transfer.length), 0);
  guest.dealloc(ptr, transfer.length);
  assert.equal(guest.generate(10), 30n);

  const stream = file(5);
  const handle = guest.begin(BigInt(stream.length), 2);
  const lent = guest.window(handle);
  new Uint8Array(guest.memory.buffer, Number(lent & 0xffffffffn), stream.length).set(stream);
  assert.equal(guest.push_chunk(handle, 0n, stream.length), 2);
  assert.equal(guest.finish(handle), 4);
  assert.equal(guest.generate(10), 30n, 'not active yet');
  assert.equal(guest.activate(handle), 4);
  assert.equal(guest.generate(10), 50n);
});
