// Windows: how long, where, until when, and the stamp that tells a host whose writes got lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { gguf } from './support/gguf.mjs';
import { Host, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { FILE } from './support/world.mjs';

const SINKS = [['verify', VERIFY], ['resident', RESIDENT]];

/** A file of some megabytes with several tensors, so that windows and segments matter. */
const BIG = gguf({
  tensors: [1_000_000, 3, 2_500_000, 64].map((bytes, index) => ({ name: `t${index}`, type: 'I8', dims: [bytes] })),
});

test('a window is as long as WINDOW says, and 64 KiB at most while the header comes in', () => {
  for (const [limit, open, later] of [[4096, 4096, 4096], [65_537, 65_536, 65_537], [64 * MIB, 65_536, 64 * MIB]]) {
    const host = new Host();
    const handle = host.begin(-1, VERIFY, { limits: { window: limit } });
    assert.equal(Number(host.exports.window(handle) >> 32n), open);
    host.feed(handle, BIG.subarray(0, BIG.headerBytes), () => 100);
    assert.equal(Number(host.exports.window(handle) >> 32n), later);
  }
});

test('a resident window ends with WINDOW or the segment, and is the place where the bytes stay', () => {
  const host = new Host();
  const handle = host.begin(BIG.length, RESIDENT);
  host.feed(handle, BIG.subarray(0, BIG.headerBytes));
  const places = [];
  for (let at = BIG.headerBytes; at < BIG.length;) {
    const slice = host.exports.window(handle);
    const length = Number(slice >> 32n);
    assert.ok(length >= 1 && length <= MIB);
    places.push([at, Number(slice & 0xffffffffn)]);
    const taken = Math.min(length, BIG.length - at);
    host.view(slice).set(BIG.subarray(at, at + taken));
    assert.equal(host.exports.push_chunk(handle, BigInt(at), taken), STATE.receiving);
    at += taken;
  }
  assert.equal(host.exports.finish(handle), STATE.admitted);
  const tensors = host.report(handle).tensors.map((tensor, index) => ({
    ...tensor, address: Number(host.exports.tensor(handle, index) & 0xffffffffn),
  }));
  for (const { offset, bytes, address } of tensors) {
    assert.equal(address % 32, 0);
    for (const [at, place] of places) {
      if (at >= offset && at < offset + bytes) assert.equal(place, address + (at - offset), 'never moved');
    }
  }
});

test('a window asked for again is the same slice and keeps what was written', () => {
  for (const end of [0, BIG.headerBytes, BIG.headerBytes + 5000]) {
    for (const [, sink] of SINKS) {
      const host = new Host();
      const handle = host.begin(-1, sink);
      host.feed(handle, BIG.subarray(0, BIG.headerBytes));
      if (end === 0) host.exports.release(handle);
      const session = end === 0 ? host.begin(-1, sink) : handle;
      host.feed(session, BIG.subarray(0, end));
      const slice = host.exports.window(session);
      const written = BIG.subarray(end, end + Number(slice >> 32n));
      host.view(slice).set(written);
      assert.equal(host.exports.window(session), slice);
      assert.deepEqual(host.bytes(slice).subarray(0, written.length), written.slice());
    }
  }
});

test('a newly lent window of 16 bytes or more shows a stamp that depends on handle and offset', () => {
  const host = new Host();
  const seen = new Set();
  for (const handle of [host.begin(-1), host.begin(-1), host.begin(-1, RESIDENT)]) {
    for (const end of [0, 30, BIG.headerBytes, BIG.headerBytes + 999]) {
      host.feed(handle, BIG.subarray(0, end));
      const stamp = Buffer.from(host.view(host.exports.window(handle)).subarray(0, 16)).toString('hex');
      assert.ok(!seen.has(stamp), 'a stamp of its own');
      seen.add(stamp);
      assert.equal(host.exports.push_chunk(handle, BigInt(end), 16), STATUS.unwritten);
      assert.equal(host.lastError().code, 'unwritten');
      assert.equal(host.position(handle), end);
    }
    assert.ok(host.feed(handle, BIG) > 0);
    assert.equal(host.exports.finish(handle), STATE.admitted);
    assert.equal(host.report(handle).digests.sha256, sha256(BIG));
  }
});

test('fewer than 16 bytes are never checked for the stamp, so a file may hold it', () => {
  const host = new Host();
  const probe = host.begin(-1, VERIFY);
  const blank = gguf({ tensors: [{ name: 'x', type: 'I8', dims: [4096] }], fill: () => {} });
  host.feed(probe, blank.subarray(0, blank.dataStart));
  const stamp = host.bytes(host.exports.window(probe)).slice(0, 16);
  const rest = blank.slice();
  rest.set(stamp, blank.dataStart);
  host.view(host.exports.window(probe)).set(rest.subarray(blank.dataStart));
  assert.equal(
    host.exports.push_chunk(probe, BigInt(blank.dataStart), 4096),
    STATUS.unwritten,
    'the stamp, though it was written',
  );
  assert.equal(host.exports.push_chunk(probe, BigInt(blank.dataStart), 15), STATE.receiving);
  assert.ok(host.feed(probe, rest) > 0);
  assert.equal(host.exports.finish(probe), STATE.admitted);
  assert.equal(host.report(probe).digests.sha256, sha256(rest));
});

test('a push that crosses the declared length is trailing at that length, after what is inside', () => {
  const longer = new Uint8Array(FILE.length + 10);
  longer.set(FILE);
  for (const [, sink] of SINKS) {
    for (const from of [0, FILE.headerBytes, FILE.length - 8, FILE.length]) {
      const host = new Host();
      const handle = host.begin(FILE.length, sink);
      host.feed(handle, longer.subarray(0, from));
      assert.equal(host.feed(handle, longer), STATUS.trailing);
      assert.deepEqual(host.verdict({ handle, result: STATUS.trailing }), {
        verdict: 'rejected',
        code: 'trailing',
        offset: FILE.length,
        path: 'trailing',
      });
      // A resident window ends with its segment, so the byte too many may come in a push of its own.
      if (sink === VERIFY) assert.equal(host.position(handle), from);
    }
    const bad = longer.slice();
    bad[FILE.headerBytes] = 7;
    const host = new Host();
    const { handle, result } = host.admit(bad, { sink, length: FILE.length });
    assert.deepEqual(host.verdict({ handle, result }), {
      verdict: 'rejected',
      code: 'layout',
      offset: FILE.headerBytes,
      path: 'padding',
    });
  }
});

test('finish with a lent window that was filled and not pushed counts nothing of it', () => {
  for (const [, sink] of SINKS) {
    const host = new Host();
    const handle = host.begin(-1, sink);
    host.feed(handle, FILE, () => 40);
    host.view(host.exports.window(handle)).fill(0xee);
    assert.equal(host.exports.finish(handle), STATE.admitted);
    assert.equal(host.report(handle).digests.sha256, sha256(FILE));
    assert.equal(host.report(handle).length, FILE.length);
  }
});

test('past the last expected byte a window is still lent, and a byte pushed there is trailing', () => {
  for (const [, sink] of SINKS) {
    for (const length of [-1, FILE.length]) {
      const host = new Host();
      const handle = host.begin(length, sink);
      host.feed(handle, FILE, () => 40);
      const slice = host.exports.window(handle);
      assert.ok(slice >> 32n >= 1n);
      host.view(slice).fill(0, 0, 1);
      assert.equal(host.exports.push_chunk(handle, BigInt(FILE.length), 1), STATUS.trailing);
      assert.equal(host.lastError().offset, FILE.length);
    }
  }
});
