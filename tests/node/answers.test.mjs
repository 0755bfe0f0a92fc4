// The exact answers that the state table leaves open.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256, words } from './support/digest.mjs';
import { gguf, header, smallFile } from './support/gguf.mjs';
import { Host, RESIDENT, STATE, STATUS, VERIFY, content } from './support/host.mjs';
import { FILE } from './support/world.mjs';

const SINKS = [['verify', VERIFY], ['resident', RESIDENT]];

test('two reports in a row are the same text', () => {
  const host = new Host();
  for (const [, sink] of SINKS) {
    const handle = host.begin(-1, sink);
    for (const end of [20, FILE.headerBytes, FILE.headerBytes + 50, FILE.length]) {
      host.feed(handle, FILE.subarray(0, end));
      assert.equal(host.reportText(handle), host.reportText(handle));
    }
    host.exports.finish(handle);
    assert.equal(host.reportText(handle), host.reportText(handle));
  }
});

test('the report of an open session is short, its length null while unknown and the position once admitted', () => {
  const host = new Host();
  const unknown = host.begin(-1, RESIDENT);
  assert.deepEqual(host.report(unknown), { abi: '2.1', state: 'open', sink: 'resident', position: 0, length: null });
  host.feed(unknown, FILE.subarray(0, 30));
  assert.deepEqual(host.report(unknown), { abi: '2.1', state: 'open', sink: 'resident', position: 30, length: null });
  host.feed(unknown, FILE);
  assert.equal(host.report(unknown).length, null);
  assert.equal(host.report(unknown).digests, null, 'no digest before it is final');
  host.exports.finish(unknown);
  assert.equal(host.report(unknown).length, FILE.length);
  const declared = host.begin(FILE.length, VERIFY);
  assert.deepEqual(host.report(declared), {
    abi: '2.1',
    state: 'open',
    sink: 'verify',
    position: 0,
    length: FILE.length,
  });
});

test('the report describes the whole file from header_ready on', () => {
  const host = new Host();
  for (const [, sink] of SINKS) {
    const handle = host.begin(-1, sink);
    host.feed(handle, FILE.subarray(0, FILE.headerBytes));
    const early = host.report(handle);
    assert.equal(early.state, 'header_ready');
    host.feed(handle, FILE);
    assert.equal(host.exports.finish(handle), STATE.admitted);
    const late = host.report(handle);
    assert.deepEqual([late.gguf, late.metadata, late.tensors], [early.gguf, early.metadata, early.tensors]);
    assert.deepEqual(Object.keys(late), [
      'abi',
      'state',
      'sink',
      'position',
      'length',
      'gguf',
      'memory',
      'metadata',
      'tensors',
      'digests',
    ]);
    assert.deepEqual(Object.keys(late.gguf), [
      'version',
      'alignment',
      'headerBytes',
      'dataOffset',
      'dataBytes',
      'trailingBytes',
    ]);
    assert.deepEqual(Object.keys(late.memory), ['held', 'needed', 'limit']);
  }
});

test('the position of a failed session is where the rejected chunk began', () => {
  const bad = FILE.slice();
  bad[FILE.headerBytes] = 1;
  const host = new Host();
  const handle = host.begin(bad.length);
  assert.equal(host.feed(handle, bad.subarray(0, 100)), STATE.open);
  assert.equal(host.feed(handle, bad), STATUS.layout);
  assert.equal(host.position(handle), 100);
  assert.equal(host.report(handle).position, 100);
  assert.equal(host.report(handle).error.offset, FILE.headerBytes);
});

test('a declared length is exact: a host that stops before the last padding is truncated at its position', () => {
  const lastByte = FILE.dataStart + 32 + 68;
  assert.ok(FILE.length > lastByte, 'there is padding at the end');
  for (const [, sink] of SINKS) {
    const host = new Host();
    const declared = host.admit(FILE.subarray(0, lastByte), { sink, length: FILE.length });
    assert.deepEqual(host.verdict(declared), {
      verdict: 'rejected',
      code: 'truncated',
      offset: lastByte,
      path: 'length',
    });
    assert.equal(host.admit(FILE.subarray(0, lastByte), { sink, length: -1 }).result, STATE.admitted);
  }
});

test('bytes that TRAILING_BYTES allows are hashed, counted and reported; one more is trailing', () => {
  const longer = new Uint8Array(FILE.length + 101).fill(9);
  longer.set(FILE);
  for (const [, sink] of SINKS) {
    for (const declared of [true, false]) {
      for (const piece of [undefined, () => 1, () => 33]) {
        const host = new Host();
        const within = longer.subarray(0, FILE.length + 100);
        const limits = { trailing_bytes: 100 };
        const handle = host.model(within, { sink, limits, length: declared ? within.length : -1, piece });
        const report = host.report(handle);
        assert.equal(report.gguf.trailingBytes, 100);
        assert.equal(report.length, within.length);
        assert.equal(report.digests.sha256, sha256(within));
        const beyond = host.admit(longer, { sink, limits, length: declared ? longer.length : -1, piece });
        assert.deepEqual(host.verdict(beyond), {
          verdict: 'rejected',
          code: 'trailing',
          offset: FILE.length + 100,
          path: 'trailing',
        });
      }
    }
  }
});

test('an expected digest that is right admits, one that is wrong is digest, with both in the detail', () => {
  const right = sha256(FILE);
  const wrong = right.replace(/^./, digit => (digit === '0' ? '1' : '0'));
  for (const [, sink] of SINKS) {
    const host = new Host();
    for (const when of [0, 30, FILE.headerBytes, FILE.length]) {
      const good = host.begin(FILE.length, sink);
      host.feed(good, FILE.subarray(0, when));
      assert.ok(host.exports.expect_digest(good, 1, ...words(right)) > 0);
      host.feed(good, FILE);
      assert.equal(host.exports.finish(good), STATE.admitted);
      const bad = host.begin(FILE.length, sink);
      host.feed(bad, FILE.subarray(0, when));
      assert.ok(host.exports.expect_digest(bad, 1, ...words(wrong)) > 0);
      host.feed(bad, FILE);
      assert.equal(host.exports.finish(bad), STATUS.digest);
      const { state, path, offset, expected, found } = host.lastError();
      assert.deepEqual(
        { state, path, offset, expected, found },
        { state: 'failed', path: 'digests.sha256', offset: null, expected: wrong, found: right },
      );
    }
  }
});

test('an expected digest is taken once for each algorithm, and only of one that is computed', () => {
  const host = new Host();
  const handle = host.begin(-1);
  const expect = algorithm => host.exports.expect_digest(handle, algorithm, 1n, 2n, 3n, 4n);
  assert.equal(expect(2), STATUS.argument, 'BLAKE3 is not computed by default');
  assert.equal(host.exports.digests(handle, 3), STATE.open);
  assert.equal(expect(1), STATE.open);
  assert.equal(expect(1), STATUS.state);
  assert.equal(expect(2), STATE.open);
  assert.equal(expect(2), STATUS.state);
  for (const mask of [0, 1, 2])
    assert.equal(host.exports.digests(handle, mask), STATUS.argument, `mask ${mask} would drop one`);
  assert.equal(host.exports.digests(handle, 3), STATE.open);
  host.feed(handle, FILE);
  assert.equal(host.exports.finish(handle), STATUS.digest);
  assert.equal(host.lastError().path, 'digests.sha256', 'SHA-256 before BLAKE3');
});

test('the report has the digests that were asked for, and no other', () => {
  const host = new Host();
  const blake3 = new Set();
  for (const [mask, names] of [[0, []], [1, ['sha256']], [2, ['blake3']], [3, ['sha256', 'blake3']]]) {
    for (const [, sink] of SINKS) {
      const { digests } = host.report(host.model(FILE, { sink, digests: mask }));
      assert.deepEqual(Object.keys(digests), names);
      if (digests.sha256) assert.equal(digests.sha256, sha256(FILE));
      if (digests.blake3) blake3.add(digests.blake3);
    }
  }
  assert.equal(blake3.size, 1);
  assert.match([...blake3][0], /^[0-9a-f]{64}$/);
});

test('a missing number for a length or an offset throws in JavaScript, and a missing i32 is 0, never valid', () => {
  const { exports: e } = new Host();
  assert.throws(() => e.begin(), TypeError);
  assert.throws(() => e.begin(100, 1), TypeError);
  assert.equal(e.begin(100n), STATUS.argument);
  const handle = e.begin(100n, 1);
  assert.throws(() => e.push_chunk(handle), TypeError);
  assert.throws(() => e.limit(handle, 1), TypeError);
  assert.throws(() => e.expect_digest(handle, 1), TypeError);
  assert.equal(e.push_chunk(handle, 0n), STATUS.argument);
  assert.equal(e.limit(handle, undefined, 5n), BigInt(STATUS.argument));
  for (const call of [e.window, e.finish, e.position, e.report, e.activate, e.release])
    assert.equal(Number(call()), STATUS.handle);
  assert.equal(e.position(handle), 0n);
});

test('an empty tensor is the empty slice, an array of 64-bit numbers an array of strings', () => {
  const host = new Host();
  const handle = host.model(
    gguf({
      entries: [
        ['a', 'array', ['u64', [1, 2 ** 60]]],
        ['b', 'i64', -5],
        ['c', 'array', ['bool', [1, 0]]],
        ['d', 'string', 'x'.repeat(5000)],
      ],
      tensors: [{ name: 'none', type: 'F32', dims: [0] }],
    }),
    { sink: RESIDENT },
  );
  assert.equal(host.exports.tensor(handle, 0), 0n);
  assert.deepEqual(host.metadata(handle, 0), ['1', '1152921504606846976']);
  assert.equal(host.metadata(handle, 1), '-5');
  assert.deepEqual(host.metadata(handle, 2), [true, false]);
  assert.equal(host.metadata(handle, 3), 'x'.repeat(5000));
  const { metadata } = host.report(handle);
  assert.deepEqual(metadata[3], { key: 'd', type: 'string', value: 'x'.repeat(4096), bytes: 5000 });
  assert.deepEqual(metadata[0], { key: 'a', type: 'array', of: 'u64', items: 2, offset: 24 + 9 + 4 + 12 });
});

test('the same file is described the same by either sink', () => {
  const host = new Host();
  const [one, two] = SINKS.map(([, sink]) => content(host.report(host.model(smallFile(9), { sink }))));
  assert.deepEqual(one, two);
});

test('a header without tensors is a whole file, with or without its padding', () => {
  const { bytes } = header({ entries: [['k', 'u32', 1]] });
  for (const [, sink] of SINKS) {
    for (const length of [bytes.length, bytes.length + 1, Math.ceil(bytes.length / 32) * 32]) {
      const file = new Uint8Array(length);
      file.set(bytes);
      const host = new Host();
      for (const declared of [length, -1])
        assert.equal(host.report(host.model(file, { sink, length: declared })).digests.sha256, sha256(file));
    }
  }
});
