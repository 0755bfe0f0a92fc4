// A file of more than 4 GiB, made on the fly, through verify: flat memory, and offsets that do not wrap.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { header, roundUp } from './support/gguf.mjs';
import { Host, LIMIT, MIB, STATE, STATUS, VERIFY } from './support/host.mjs';

const HUGE = 4_400_000_001;
const FILE = header({
  entries: [['general.name', 'string', 'large']],
  tensors: [
    { name: 'first', type: 'F32', dims: [100] }, { name: 'huge', type: 'I8', dims: [HUGE] },
    { name: 'after', type: 'F32', dims: [1000] }, { name: 'last', type: 'Q8_0', dims: [64] },
  ],
});
const STAMP = 16;

/** Pushes zeros up to `end`. Nothing but the stamp must be written: what else a verify window holds is zeros. */
function zeros(host, handle, end) {
  let result = STATE.receiving;
  for (let at = host.position(handle); at < end;) {
    const slice = host.exports.window(handle);
    const length = Math.min(Number(slice >> 32n), end - at);
    host.view(slice).fill(0, 0, STAMP);
    result = host.exports.push_chunk(handle, BigInt(at), length);
    if (result < 0) break;
    at += length;
  }
  return result;
}

function open(length) {
  const host = new Host();
  const handle = host.begin(length, VERIFY, { digests: 0, limits: { window: 16 * MIB } });
  assert.equal(host.feed(handle, FILE.bytes), STATE.header_ready);
  return { host, handle };
}

for (const [what, length] of [['declared', FILE.length], ['unknown', -1]]) {
  test(`a stream of ${FILE.length} bytes, length ${what}, is admitted with flat memory and right offsets`, () => {
    const { host, handle } = open(length);
    assert.equal(zeros(host, handle, FILE.dataStart + 64 * MIB), STATE.receiving);
    const level = host.memoryBytes;
    assert.ok(level < 24 * MIB, `${level}`);
    assert.equal(zeros(host, handle, FILE.length), STATE.receiving);
    assert.equal(host.exports.finish(handle), STATE.admitted);
    const report = host.report(handle);
    assert.equal(host.memoryBytes, level);
    assert.equal(report.length, FILE.length);
    assert.equal(report.position, FILE.length);
    const start = FILE.dataStart + 416;
    const after = start + roundUp(HUGE, 32);
    assert.deepEqual(report.tensors.map(({ name, offset, bytes }) => [name, offset, bytes]), [
      ['first', FILE.dataStart, 400], ['huge', start, HUGE], ['after', after, 4000], ['last', after + 4000, 68],
    ]);
    assert.equal(report.gguf.dataBytes, after + 4068 - FILE.dataStart);
    assert.ok(after > 2 ** 32);
  });
}

test('a fault beyond 4 GiB is told at its place', () => {
  const padding = FILE.dataStart + 416 + HUGE + 3;
  const { host, handle } = open(-1);
  zeros(host, handle, padding);
  const slice = host.exports.window(handle);
  host.view(slice).fill(0, 0, STAMP)[0] = 1;
  assert.equal(host.exports.push_chunk(handle, BigInt(padding), 100), STATUS.layout);
  const { offset, path } = host.lastError();
  assert.deepEqual([offset, path], [padding, 'padding']);
  assert.equal(host.position(handle), padding);
});

test('the position and offsets of a chunk do not wrap at 2^32', () => {
  const { host, handle } = open(-1);
  const beyond = 2 ** 32 + 1000;
  zeros(host, handle, beyond);
  assert.equal(host.position(handle), beyond);
  host.exports.window(handle);
  assert.equal(host.exports.push_chunk(handle, 1000n, 10), STATUS.offset);
  assert.equal(host.lastError().expected, String(beyond));
  assert.equal(host.exports.finish(handle), STATUS.truncated);
  assert.equal(host.lastError().offset, FILE.at['tensors[1].offset']);
});

test('a resident model of that size is refused with limit, before anything is paid', () => {
  const host = new Host();
  const before = host.memoryBytes;
  for (const length of [FILE.length, -1]) {
    const handle = host.begin(length, 2);
    host.exports.limit(handle, LIMIT.memory, (1n << 63n) - 1n);
    assert.equal(host.feed(handle, FILE.bytes), STATUS.limit);
    const { path, offset, message } = host.lastError();
    assert.deepEqual([path, offset], ['memory', FILE.at['tensors[3].offset']]);
    assert.match(message, /verify/, 'the message names the sink that can');
    host.release(handle);
  }
  assert.ok(host.memoryBytes - before < MIB);
});
