// ABI v1 by hand from its contract, with a literal reference module as second witness.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { smallFile } from './support/gguf.mjs';
import { GUEST, V1_ONLY, compile, guestExports, referenceExports, v1OnlyExports } from './support/modules.mjs';
import { MAX_TRANSFER, V1Host } from './support/v1.mjs';

const GOOD = smallFile(1);
const OTHER = smallFile(2);
const V1_CALLS = [
  'alloc',
  'dealloc',
  'init_runtime',
  'load_model',
  'last_result_ptr',
  'last_result_len',
  'get_diagnostics_ptr',
  'get_diagnostics_len',
  'free_model',
];
const MODULES = [
  ['the combined module', guestExports],
  ['the v1-only module', v1OnlyExports],
];

const reference = (() => {
  try {
    referenceExports();
    return { skip: false };
  } catch (error) {
    return { skip: `the reference module cannot be compiled: ${error.message.split('\n')[0]}` };
  }
})();

/** What every module must answer to the same calls; a pointer is told as null or as sound. */
function transcript(exports) {
  const { alloc, dealloc, load_model: load, free_model: free, init_runtime: init, memory } = exports;
  const said = [];
  const live = new Map();
  const allocate = length => {
    const ptr = alloc(length) >>> 0;
    const sound = ptr === 0 || (ptr + (length >>> 0) <= memory.buffer.byteLength
      && [...live].every(([from, size]) => ptr >= from + size || ptr + (length >>> 0) <= from));
    said.push(`alloc(${length}) ${ptr === 0 ? 'null' : sound ? 'sound' : 'UNSOUND'}`);
    if (ptr !== 0) live.set(ptr, length >>> 0);
    return ptr;
  };
  const deallocate = (ptr, length) => {
    said.push(`dealloc ${dealloc(ptr, length)}`);
    live.delete(ptr);
  };
  const copy = bytes => {
    const ptr = allocate(bytes.length);
    new Uint8Array(memory.buffer, ptr, bytes.length).set(bytes);
    return ptr;
  };
  said.push(`free ${free()}`);
  for (const length of [0, 1, -1, 134217728, 134217729, -2147483648, 2147483647, 64, 65536, 0]) {
    const ptr = allocate(length);
    if (ptr !== 0 && length === 134217728) deallocate(ptr, length);
  }
  said.push(`init ${init()}`, `free ${free()}`);
  for (const bytes of [GOOD, OTHER, new TextEncoder().encode('not a model'), GOOD]) {
    const ptr = copy(bytes);
    said.push(`load ${load(ptr, bytes.length)}`, `again ${load(ptr, bytes.length)}`);
    said.push(
      `null ${load(0, bytes.length)}`,
      `empty ${load(ptr, 0)}`,
      `long ${load(ptr, 134217729)}`,
      `negative ${load(ptr, -1)}`,
    );
    said.push(`beyond ${load(memory.buffer.byteLength - 10, 11)}`, `far ${load(-16, 32)}`);
    said.push(
      Buffer.from(memory.buffer, ptr, bytes.length).equals(bytes)
        ? 'the transfer is as it was'
        : 'THE TRANSFER WAS CHANGED',
    );
    deallocate(ptr, bytes.length);
  }
  said.push(`free ${free()}`, `free ${free()}`, `init ${init()}`);
  for (const [ptr, length] of live) deallocate(ptr, length);
  dealloc(0, 5);
  dealloc(0, 0);
  said.push(`live ${live.size}`);
  for (let round = 0; round < 300; round++) deallocate(allocate(round * 977 + 1), round * 977 + 1);
  said.push(memory.buffer.byteLength < 160 * 1024 * 1024 ? 'memory came back' : 'MEMORY LEAKED');
  return said.join('\n');
}

const EXPECTED_START = `free 2
alloc(0) null
alloc(1) sound
alloc(-1) null
alloc(134217728) sound
dealloc undefined
alloc(134217729) null
alloc(-2147483648) null
alloc(2147483647) null
alloc(64) sound
alloc(65536) sound
alloc(0) null
init 0
free 2
alloc(${GOOD.length}) sound
load 0
again 0
null 3
empty 3
long 3
negative 3
beyond 3
far 3
the transfer is as it was
dealloc undefined
`;

for (const [name, exports] of MODULES) {
  test(`${name} gives the transcript written by hand`, () => {
    const said = transcript(exports());
    assert.equal(said.slice(0, EXPECTED_START.length), EXPECTED_START);
    assert.ok(!/[A-Z]{4}/.test(said), said);
  });

  test(`${name} gives the same transcript as the literal reference`, reference, () => {
    assert.equal(transcript(exports()), transcript(referenceExports()));
  });

  test(`${name} imports nothing, so a host may instantiate it with {}`, async () => {
    const path = exports === guestExports ? GUEST : V1_ONLY;
    assert.deepEqual(WebAssembly.Module.imports(compile(path)), []);
    const { instance } = await WebAssembly.instantiate(readFileSync(path), {});
    assert.equal(instance.exports.init_runtime(), 0);
    const { exports: bare } = await WebAssembly.instantiate(compile(path));
    assert.equal(new V1Host(bare).load(GOOD), 0);
  });

  test(`${name} exports v1 with the contract's types`, () => {
    const e = exports();
    assert.ok(e.memory instanceof WebAssembly.Memory);
    const parameters = [1, 2, 0, 2, 0, 0, 0, 0, 0];
    V1_CALLS.forEach((call, index) => assert.equal(e[call].length, parameters[index], call));
    assert.equal(e.dealloc(0, 0), undefined);
    const expected = exports === guestExports ? 'function' : 'undefined';
    assert.equal(typeof e.abi_version, expected, 'its absence means v1');
    assert.equal(typeof e.begin, expected);
  });

  test(`${name}: alloc gives a transfer of exactly 134217728 bytes, which can be written to its ends`, () => {
    const e = exports();
    const ptr = e.alloc(MAX_TRANSFER) >>> 0;
    assert.ok(ptr > 0);
    const view = new Uint8Array(e.memory.buffer, ptr, MAX_TRANSFER);
    view[0] = 1;
    view[MAX_TRANSFER - 1] = 1;
    e.dealloc(ptr, MAX_TRANSFER);
    const before = e.memory.buffer.byteLength;
    for (let round = 0; round < 20; round++) {
      const again = e.alloc(MAX_TRANSFER) >>> 0;
      assert.ok(again > 0);
      e.dealloc(again, MAX_TRANSFER);
    }
    assert.equal(e.memory.buffer.byteLength, before, 'dealloc gives all of it back');
  });

  test(`${name}: every export works without init_runtime, and before any load`, () => {
    for (const first of V1_CALLS) {
      const e = exports();
      e[first](0, 0);
      assert.equal(new V1Host(e).load(GOOD), 0, `after ${first}`);
    }
    const host = new V1Host(exports());
    assert.deepEqual(JSON.parse(host.resultText()), {
      abi: '1', call: 'none', status: 0, code: 'ok', offset: null, path: null, message: host.result().message,
    });
    assert.deepEqual(host.diagnostics(), { abi: '1', model: null, error: null });
  });

  test(`${name}: the texts have the frozen fields and no other`, () => {
    const host = new V1Host(exports());
    const fields = ['abi', 'call', 'status', 'code', 'offset', 'path', 'message'];
    const check = (call, status, code) => {
      const result = host.result();
      assert.deepEqual(Object.keys(result), fields);
      assert.deepEqual([result.abi, result.call, result.status, result.code], ['1', call, status, code]);
      assert.equal(typeof result.message, 'string');
      const diagnostics = host.diagnostics();
      assert.deepEqual(Object.keys(diagnostics), ['abi', 'model', 'error']);
      if (diagnostics.model)
        assert.deepEqual(Object.keys(diagnostics.model), ['length', 'gguf', 'metadata', 'tensors', 'digests']);
      if (diagnostics.error) assert.deepEqual(Object.keys(diagnostics.error), fields.slice(1));
      if (status !== 0) assert.deepEqual({ abi: '1', ...diagnostics.error }, result);
      return { result, diagnostics };
    };
    check('none', 0, 'ok');
    host.exports.init_runtime();
    check('init_runtime', 0, 'ok');
    host.load(GOOD);
    const loaded = check('load_model', 0, 'ok').diagnostics;
    assert.equal(loaded.model.length, GOOD.length);
    assert.deepEqual(loaded.model.digests, { sha256: sha256(GOOD) });
    assert.deepEqual(loaded.model.tensors.map(tensor => tensor.name), ['a', 'empty', 'b']);
    assert.equal(loaded.error, null);
    host.load(GOOD.subarray(0, GOOD.headerBytes - 3));
    const cut = check('load_model', 37, 'truncated');
    assert.deepEqual([cut.result.offset, cut.result.path], [GOOD.at['tensors[2].offset'], 'tensors[2].offset']);
    assert.deepEqual(cut.diagnostics.model, loaded.model, 'the active model is as it was');
    host.exports.load_model(0, 5);
    check('load_model', 3, 'argument');
    host.exports.free_model();
    assert.equal(check('free_model', 0, 'ok').diagnostics.model, null);
    assert.equal(check('free_model', 0, 'ok').diagnostics.error.status, 3, 'the latest error stays');
    host.exports.free_model();
    assert.equal(check('free_model', 2, 'state').result.offset, null);
  });

  test(`${name}: a text's pointer and length are read in either order, and stay until a call rebuilds them`, () => {
    const build = [
      host => host.load(GOOD),
      host => host.load(OTHER.subarray(0, 60)),
      host => host.exports.free_model(),
      host => host.exports.init_runtime(),
    ];
    for (const [ptr, len] of [
      ['last_result_ptr', 'last_result_len'],
      ['get_diagnostics_ptr', 'get_diagnostics_len'],
    ]) {
      for (let calls = 0; calls <= build.length; calls++) {
        const [forth, back] = [exports(), exports()];
        for (const e of [forth, back]) build.slice(0, calls).forEach(call => call(new V1Host(e)));
        const first = { ptr: forth[ptr](), len: forth[len]() };
        const lenFirst = back[len]();
        assert.deepEqual({ ptr: back[ptr](), len: lenFirst }, first);
        const text = () => Buffer.from(forth.memory.buffer, first.ptr >>> 0, first.len).toString();
        const before = text();
        JSON.parse(before);
        for (let round = 0; round < 5; round++) {
          const transfer = forth.alloc(3_000_000) >>> 0;
          new Uint8Array(forth.memory.buffer, transfer, 3_000_000).fill(0xaa);
          forth.memory.grow(1);
          for (const other of ['last_result', 'get_diagnostics']) forth[`${other}_len`](), forth[`${other}_ptr`]();
          forth.dealloc(transfer, 3_000_000);
          assert.deepEqual({ ptr: forth[ptr](), len: forth[len]() }, first);
          assert.equal(text(), before);
        }
      }
    }
  });

  test(`${name}: the model is a copy, so the transfer is the host's to change and to free`, () => {
    const host = new V1Host(exports());
    const ptr = host.exports.alloc(GOOD.length) >>> 0;
    const view = () => new Uint8Array(host.exports.memory.buffer, ptr, GOOD.length);
    view().set(GOOD);
    assert.equal(host.exports.load_model(ptr, GOOD.length), 0);
    assert.deepEqual(view().slice(), GOOD.slice(), 'only read');
    const before = host.diagnosticsText();
    view().fill(0);
    host.exports.dealloc(ptr, GOOD.length);
    host.exports.load_model(0, 0);
    assert.deepEqual(host.diagnostics().model, JSON.parse(before).model);
  });

  test(`${name}: a refused transfer reads nothing, wherever it points`, () => {
    const e = exports();
    const end = e.memory.buffer.byteLength;
    for (const [ptr, len] of [
      [0, 10],
      [1, 0],
      [8, 134217729],
      [end, 1],
      [end - 1, 2],
      [-1, 1],
      [-1, 134217728],
      [2147483647, 134217728],
      [8, -1],
      [end + 5, 1],
    ]) {
      assert.equal(e.load_model(ptr, len), 3, `load_model(${ptr}, ${len})`);
    }
    assert.notEqual(e.load_model(end - 1, 1), 3, 'the last byte of memory is inside');
  });
}
