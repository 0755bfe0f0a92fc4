// The real model and the real vocabularies (`cargo xtask model` fetches them), against facts known from elsewhere.

import assert from 'node:assert/strict';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { test } from 'node:test';
import { Host, MIB, RESIDENT, STATE, VERIFY, content } from './support/host.mjs';
import { guestExports, project, v1OnlyExports } from './support/modules.mjs';
import { V1Host } from './support/v1.mjs';

const MODEL = project('target/models/gemma-3-270m-q4_k_m.gguf');
const SHA256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';
const BYTES = 253_113_024;
const there = { skip: existsSync(MODEL) ? false : 'no model: run `cargo xtask model`' };

const VOCABULARIES = `
aquila 4825676 7c53c3c516ac67c7 · baichuan 1340998 4f5b955697f3bd31 · bert-bge 627549 fbcbe22278fb3026 ·
command-r 10874545 a2f8cfea952ef7c3 · deepseek-coder 1156067 91cb1379f2e33af1 · deepseek-llm 3970167 867f77537b54565f ·
falcon 2287728 9f0bf8b073368039 · gemma-4 15776467 58b1ba0b57f3b4d7 · gpt-2 1766807 cedc56ca6e2e89f6 ·
gpt-neox 1771431 ae593a7f9b8bb174 · llama-bpe 7818140 97272e430d53bc76 · llama-spm 723869 16c3724582d59aa8 ·
mpt 1771393 59dc382612866d1f · nomic-bert-moe 6821877 90a6746926454784 · phi-3 726019 967d7190d11c4842 ·
qwen2 5928681 44c2f46b715f585c · qwen35 5928682 63ed952ff338996c · refact 1720710 ac3ceda902fed91c ·
starcoder 1719346 fedb892b4e1bd3c1`.trim().split(/\s*·\s*/).map(line => line.split(' '));

/** Reads the file straight into the windows, in pieces of at most `most` bytes. */
function stream(host, handle, file, most) {
  for (let at = 0; ;) {
    const window = host.view(host.exports.window(handle));
    const length = readSync(file, window, 0, Math.min(window.length, most), at);
    if (length === 0) return host.exports.finish(handle);
    const result = host.exports.push_chunk(handle, BigInt(at), length);
    if (result < 0) return result;
    at += length;
  }
}

function withFile(path, use) {
  const file = openSync(path);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

function assertFacts(report) {
  assert.equal(report.state, 'admitted');
  assert.equal(report.length, BYTES);
  assert.deepEqual(report.gguf, {
    version: 3,
    alignment: 32,
    headerBytes: report.gguf.headerBytes,
    dataOffset: 6_525_120,
    dataBytes: 246_587_904,
    trailingBytes: 0,
  });
  assert.ok(report.gguf.headerBytes > 6_525_120 - 32 && report.gguf.headerBytes <= 6_525_120);
  assert.equal(report.digests.sha256, SHA256);
  assert.equal(report.metadata.length, 33);
  assert.equal(report.metadata.find(({ key }) => key === 'general.architecture').value, 'gemma3');
  assert.equal(report.metadata.filter(({ type, items }) => type === 'array' && items === 262_144).length, 3);
  const { tensors } = report;
  assert.equal(tensors.length, 236);
  const types = {};
  for (const { type } of tensors) types[type] = (types[type] ?? 0) + 1;
  assert.deepEqual(types, { F32: 109, Q5_0: 81, Q4_K: 27, Q8_0: 10, Q6_K: 9 }, 'types');
  assert.equal(tensors.filter(({ bytes }) => bytes < 4096).length, 109);
  const largest = tensors.reduce((most, tensor) => (tensor.bytes > most.bytes ? tensor : most));
  assert.deepEqual([largest.name, largest.bytes], ['token_embd.weight', 178_257_920]);
  const last = tensors.at(-1);
  assert.equal(last.offset + last.bytes, BYTES);
}

for (const [how, most] of [
  ['windows of 1 MiB', Infinity],
  ['pieces of 64 KiB', 65_536],
]) {
  test(`the real model is verified in ${how} within 16 MiB of memory, report and all`, there, () =>
    withFile(MODEL, file => {
      assert.equal(fstatSync(file).size, BYTES);
      const host = new Host();
      const handle = host.begin(BYTES, VERIFY, { limits: { window: MIB } });
      assert.equal(stream(host, handle, file, most), STATE.admitted);
      const report = host.report(handle);
      assert.ok(host.memoryBytes <= 16 * MIB, `${host.memoryBytes} bytes of memory`);
      assertFacts(report);
      const tokens = report.metadata.findIndex(({ key }) => key === 'tokenizer.ggml.tokens');
      const words = host.metadata(handle, tokens);
      assert.equal(words.length, 262_144);
      assert.equal(words[0], '<pad>');
    }),
  );
}

// Without a length the storage grows: the buffer of a large tensor moves, and its old places stay with the memory.
for (const [how, length, most] of [['kept', BYTES, BYTES + 8 * MIB], ['grown', -1, 2 * BYTES + 64 * MIB]]) {
  const limit = how === 'kept' ? 'its size and 8 MiB' : 'twice its size and 64 MiB, its length unknown';
  test(`the real model is kept in at most ${limit}, every tensor as in the file and aligned`, there, () =>
    keptAndRead(length, most));
}

const keptAndRead = (length, most) =>
  withFile(MODEL, file => {
    const host = new Host();
    const handle = host.begin(length, RESIDENT);
    assert.equal(stream(host, handle, file, Infinity), STATE.admitted);
    const report = host.report(handle);
    assert.ok(host.memoryBytes <= most, `${host.memoryBytes - BYTES} bytes above the file`);
    assertFacts(report);
    const expected = Buffer.alloc(178_257_920);
    report.tensors.forEach(({ name, offset, bytes }, index) => {
      const slice = host.exports.tensor(handle, index);
      assert.equal(Number(slice & 0xffffffffn) % 32, 0, name);
      assert.equal(readSync(file, expected, 0, bytes, offset), bytes);
      assert.equal(Buffer.compare(host.view(slice), expected.subarray(0, bytes)), 0, name);
    });
  });

test('v1 refuses the real model at alloc', there, () => {
  for (const exports of [guestExports(), v1OnlyExports()]) assert.equal(exports.alloc(BYTES), 0);
});

for (const [name, bytes, prefix] of VOCABULARIES) {
  const path = project(`target/models/vocab/ggml-vocab-${name}.gguf`);
  test(
    `the vocabulary of ${name} is admitted by v1 and v2 alike`,
    { skip: existsSync(path) ? false : 'no vocabularies: run `cargo xtask model`' },
    () => {
      const file = readFileSync(path);
      assert.equal(file.length, Number(bytes));
      const host = new Host();
      const report = host.report(host.model(file));
      assert.equal(report.digests.sha256.slice(0, 16), prefix);
      assert.equal(report.gguf.version, name === 'aquila' ? 2 : 3);
      assert.deepEqual(report.tensors, []);
      assert.deepEqual(
        content(host.report(host.model(file, { sink: RESIDENT, length: -1, piece: () => 10_007 }))),
        content(report),
      );
      const v1 = new V1Host(host.exports);
      assert.equal(v1.load(file), 0);
      assert.deepEqual(content(v1.diagnostics().model), content(report));
    },
  );
}
