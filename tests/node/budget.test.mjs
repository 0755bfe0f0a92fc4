// Limits, and what MEMORY grants: `needed` is enough, and a budget detail names what is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { gguf } from './support/gguf.mjs';
import { Host, LIMIT, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { FILE } from './support/world.mjs';

const SINKS = [['verify', VERIFY], ['resident', RESIDENT]];

/** A file of some megabytes with several tensors, so that windows and segments matter. */
const BIG = gguf({
  tensors: [1_000_000, 3, 2_500_000, 64].map((bytes, index) => ({ name: `t${index}`, type: 'I8', dims: [bytes] })),
});

test('every limit has its default and its bounds, and is clamped to them', () => {
  const host = new Host();
  const table = [
    [1, 64 * MIB, 0, 256 * MIB], [2, 4096, 0, 65_536], [3, 65_536, 0, 1_048_576], [4, 16 * MIB, 0, 64 * MIB],
    [5, 4 * MIB, 0, 64 * MIB], [6, 256 * MIB, 0, 4096 * MIB - 16 * MIB], [7, MIB, 4096, 64 * MIB], [8, 0, 0, MIB],
    [9, 63, 1, 4096], [10, 4, 0, 8],
  ];
  for (const [, sink] of SINKS) {
    const handle = host.begin(-1, sink);
    for (const [id, byDefault, lowest, highest] of table) {
      const expected = id === LIMIT.memory && sink === RESIDENT ? highest : byDefault;
      assert.equal(host.exports.limit(handle, id, -1n), BigInt(expected), `limit ${id}`);
      for (const [set, effect] of [[0n, lowest], [(1n << 63n) - 1n, highest], [BigInt(highest) + 1n, highest],
        [BigInt(highest) - 1n, highest - 1], [BigInt(lowest) + 1n, lowest + 1]]) {
        assert.equal(host.exports.limit(handle, id, set), BigInt(effect), `limit ${id} set to ${set}`);
        assert.equal(host.exports.limit(handle, id, -1n), BigInt(effect));
      }
    }
    host.release(handle);
  }
});

test('a limit of one session is not another\'s', () => {
  const host = new Host();
  const [one, two] = [host.begin(-1), host.begin(-1)];
  host.exports.limit(one, LIMIT.window, 5000n);
  assert.equal(host.exports.limit(two, LIMIT.window, -1n), BigInt(MIB));
});

for (const [name, sink] of SINKS) {
  for (const length of [-1, BIG.length]) {
    for (const [what, end] of [
      ['the header', BIG.headerBytes],
      ['the header and some data', BIG.headerBytes + 60_000],
    ]) {
      test(`${name}, length ${length}, after ${what}: MEMORY = needed admits, a byte less is budget`, () => {
        const host = new Host();
        const handle = host.begin(length, sink);
        // One push for all of it: the data that came with the header waits in staging.
        assert.equal(host.feed(handle, BIG.subarray(0, end)), STATE.header_ready);
        const { needed } = host.report(handle).memory;
        assert.equal(host.exports.limit(handle, LIMIT.memory, BigInt(needed - 1)), BigInt(needed - 1));
        for (let again = 0; again < 2; again++) {
          assert.equal(host.exports.window(handle), BigInt(STATUS.budget));
          const detail = host.lastError();
          assert.equal(detail.kind, 'retry');
          assert.equal(detail.state, 'header_ready');
          assert.equal(detail.path, 'memory');
          assert.equal(detail.expected, String(needed));
          assert.equal(detail.found, String(needed - 1));
          assert.equal(host.position(handle), end);
        }
        host.exports.limit(handle, LIMIT.memory, BigInt(needed));
        assert.ok(host.exports.window(handle) > 0n);
        const held = [];
        for (let at = end; at < BIG.length; at = host.position(handle)) {
          assert.ok(host.step(handle, BIG, at, 300_001).result > 0);
          held.push(host.report(handle).memory.held);
        }
        assert.equal(host.exports.finish(handle), STATE.admitted);
        held.push(host.report(handle).memory.held);
        assert.ok(Math.max(...held) <= needed, `${held} held, ${needed} needed`);
        assert.equal(host.position(handle), BIG.length);
        const tensor = sink === RESIDENT && host.tensor(handle, 2);
        if (tensor)
          assert.equal(sha256(tensor), sha256(BIG.subarray(BIG.dataStart + 1_000_032, BIG.dataStart + 3_500_032)));
      });
    }
  }
}

for (const [name, sink] of SINKS) {
  test(`${name}: a file that came whole with its header is admitted by finish within needed`, () => {
    const host = new Host();
    const handle = host.begin(-1, sink);
    assert.equal(host.feed(handle, FILE), STATE.header_ready);
    const { needed } = host.report(handle).memory;
    host.exports.limit(handle, LIMIT.memory, 0n);
    const refused = host.exports.finish(handle);
    if (refused < 0) {
      assert.equal(refused, STATUS.budget);
      assert.ok(Number(host.lastError().expected) <= needed);
      assert.equal(host.position(handle), FILE.length);
    }
    if (sink === RESIDENT) assert.equal(refused, STATUS.budget, 'a model is kept, and 0 bytes may be held');
    host.exports.limit(handle, LIMIT.memory, BigInt(needed));
    if (refused < 0) assert.equal(host.exports.finish(handle), STATE.admitted);
    assert.equal(host.position(handle), FILE.length);
  });

  test(`${name}: a host that always grants just what a budget detail asks for gets its model`, () => {
    const host = new Host();
    // A header of more than one page, so that it needs memory as it grows.
    const words = Array.from({ length: 30_000 }, (_, index) => `word number ${index}`);
    const file = gguf({
      entries: [['words', 'array', ['string', words]]],
      tensors: [{ name: 'x', type: 'F32', dims: [1000] }],
    });
    const handle = host.begin(file.length, sink, { limits: { memory: 0 } });
    let granted = 0;
    const retry = call => {
      let answer = call();
      if (Number(answer) === STATUS.budget) {
        const { expected, found } = host.lastError();
        assert.equal(Number(found), granted);
        granted = Number(expected);
        host.exports.limit(handle, LIMIT.memory, BigInt(granted));
        answer = call();
      }
      assert.ok(answer >= 0, host.errorText());
      return answer;
    };
    for (let at = 0; at < file.length;) {
      const slice = retry(() => host.exports.window(handle));
      const length = Math.min(Number(slice >> 32n), file.length - at);
      host.view(slice).set(file.subarray(at, at + length));
      retry(() => host.exports.push_chunk(handle, BigInt(at), length));
      at += length;
    }
    retry(() => host.exports.finish(handle));
    assert.ok(granted > file.headerBytes);
    assert.ok(granted < 3 * file.length + 2 * MIB);
  });

  test(`${name}: report answers budget where the text has no room, and changes nothing`, () => {
    const host = new Host();
    const handle = host.begin(FILE.length, sink);
    host.feed(handle, FILE.subarray(0, FILE.headerBytes));
    const before = host.reportText(handle);
    host.exports.limit(handle, LIMIT.memory, 0n);
    for (const call of ['report', 'metadata']) {
      const answer = host.exports[call](handle, 0);
      if (answer < 0n) assert.equal(Number(answer), STATUS.budget);
    }
    host.exports.limit(handle, LIMIT.memory, BigInt(JSON.parse(before).memory.limit));
    assert.equal(host.reportText(handle), before);
  });

  test(`${name}: a report's budget detail names what makes the next report succeed`, () => {
    const host = new Host();
    const handle = host.begin(FILE.length, sink);
    host.feed(handle, FILE.subarray(0, FILE.headerBytes));
    host.exports.limit(handle, LIMIT.memory, 0n);
    if (host.exports.report(handle) < 0n) host.exports.limit(handle, LIMIT.memory, BigInt(host.lastError().expected));
    assert.ok(host.exports.report(handle) > 0n);
  });

  test(`${name}: a session admitted with MEMORY = needed can be reported on`, () => {
    const host = new Host();
    const handle = host.begin(BIG.length, sink);
    host.feed(handle, BIG.subarray(0, BIG.headerBytes));
    host.exports.limit(handle, LIMIT.memory, BigInt(host.report(handle).memory.needed));
    assert.ok(host.exports.window(handle) > 0n);
    assert.ok(host.exports.report(handle) > 0n, 'receiving');
    host.feed(handle, BIG);
    host.exports.finish(handle);
    assert.ok(host.exports.report(handle) > 0n, 'admitted');
    assert.ok(host.exports.metadata(host.model(FILE), 0) > 0n);
  });
}
