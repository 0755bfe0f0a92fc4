// Evidence on the built module: the values, and those that are expected.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { words } from './support/digest.mjs';
import {
  EVIDENCE, FILES, LONG, NAIVE, VALUE, evidenceOf, groupOf, groupsOf, open, prove, wrongAt,
} from './support/evidence.mjs';
import { Host, LIMIT, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { Random } from './support/random.mjs';

for (const [index, file] of FILES.entries()) {
  const { values, blake3 } = NAIVE[index];
  const groups = groupsOf(file);

  test(`${file.length} bytes: the values are those of the naive BLAKE3, and the report counts them`, () => {
    const host = new Host();
    for (const length of [file.length, -1]) {
      for (const [sink, piece] of [[VERIFY, () => Infinity], [RESIDENT, () => 70_001]]) {
        const handle = open(host, file, { length, sink });
        assert.equal(host.exports.evidence(handle), 0n, 'an empty slice is 0');
        assert.equal(host.report(handle).evidence, undefined, 'from HEADER_READY on');
        host.feed(handle, file, piece);
        const whole = length === -1 ? (file.length <= MIB ? 0 : Math.floor(file.length / MIB)) : groups;
        assert.deepEqual(host.report(handle).evidence, { groupBytes: MIB, groups: whole });
        assert.deepEqual(evidenceOf(host, handle), values.slice(0, VALUE * whole));
        assert.equal(host.exports.finish(handle), STATE.admitted);
        assert.deepEqual(host.report(handle).evidence, { groupBytes: MIB, groups });
        assert.deepEqual(evidenceOf(host, handle), values);
        assert.deepEqual(host.report(handle).digests, { blake3 }, 'the same with evidence and without');
        host.release(handle);
      }
    }
  });

  test(`${file.length} bytes: every group is proven or refuted, before the first byte and once admitted`, () => {
    const host = new Host();
    const early = open(host, file, { expected: groups, values });
    const late = host.model(file, { digests: EVIDENCE });
    for (const handle of [early, late]) {
      for (let group = 0; group < groups; group++) {
        const bytes = groupOf(file, group).slice();
        assert.equal(prove(host, handle, group, bytes), 1);
        bytes[bytes.length - 1] ^= 128;
        const before = host.reportText(handle);
        assert.equal(prove(host, handle, group, bytes), 0);
        assert.equal(host.reportText(handle), before, 'an answer changes nothing else');
      }
    }
    assert.ok(host.feed(early, file) > 0, 'the session goes on');
    assert.equal(host.exports.finish(early), STATE.admitted);
  });

  test(`${file.length} bytes: a value that differs is digest, with its group`, () => {
    const host = new Host();
    for (const length of [file.length, -1]) {
      for (let group = 0; group < groups; group++) {
        const handle = open(host, file, { length, expected: groups, values: wrongAt(values, group) });
        let result = host.feed(handle, file, () => 300_000);
        if (result >= 0) result = host.exports.finish(handle);
        assert.equal(result, STATUS.digest);
        const { offset, path, state } = host.lastError();
        assert.deepEqual([offset, path, state], [group * MIB, `evidence[${group}]`, 'failed']);
        assert.equal(host.exports.evidence(handle), BigInt(STATUS.state));
        host.release(handle);
      }
    }
  });
}

test('a file cut at random is admitted by its evidence', () => {
  const host = new Host();
  const random = new Random(5);
  for (let round = 0; round < 12; round++) {
    const file = FILES[LONG];
    const { values } = NAIVE[LONG];
    const handle = open(host, file, { expected: round % 4, values, length: round % 2 ? -1 : file.length });
    assert.ok(host.feed(handle, file, () => 1 + random.upTo(200_000)) > 0);
    assert.equal(host.exports.finish(handle), STATE.admitted);
    assert.deepEqual(evidenceOf(host, handle), values);
    host.release(handle);
  }
});

const expectBlake3 = (host, handle, hex) => host.exports.expect_digest(handle, 2, ...words(hex));

test('a complete list is merged once, at the first push or lend_group that is not misuse', () => {
  const file = FILES[LONG];
  const { values, blake3 } = NAIVE[LONG];
  const bad = wrongAt(values, 1);
  for (const call of ['push', 'lend']) {
    const host = new Host();
    const { exports: e } = host;
    const handle = open(host, file, { expected: 3, values: bad });
    assert.equal(expectBlake3(host, handle, blake3), STATE.open);
    // None of these is a push, and none is a lend_group that is not misuse.
    e.window(handle);
    assert.equal(e.push_chunk(handle, 0n, 100), STATUS.unwritten);
    assert.equal(e.push_chunk(handle, 1n, 10), STATUS.offset);
    assert.equal(e.lend_group(handle, 3), BigInt(STATUS.argument));
    assert.equal(e.check_group(handle, 0, MIB), STATUS.window);
    assert.equal(e.digests(handle, 7), STATE.open);
    assert.equal(host.report(handle).state, 'open');
    let result;
    if (call === 'push') {
      host.view(e.window(handle)).set(file.subarray(0, 20));
      result = e.push_chunk(handle, 0n, 20);
    } else {
      result = Number(e.lend_group(handle, 0));
    }
    assert.equal(result, STATUS.digest, call);
    const { path, offset, expected, state } = host.lastError();
    assert.deepEqual([path, offset, expected, state], ['evidence', null, blake3, 'failed']);
    assert.equal(host.position(handle), 0);
  }
});

test('a BLAKE3 that is expected after that waits for finish', () => {
  const file = FILES[LONG];
  const { values } = NAIVE[LONG];
  const host = new Host();
  const handle = open(host, file, { expected: 3, values });
  assert.equal(prove(host, handle, 2, groupOf(file, 2)), 1);
  assert.equal(expectBlake3(host, handle, 'ab'.repeat(32)), STATE.open);
  assert.equal(host.feed(handle, file), STATE.receiving);
  assert.equal(host.exports.finish(handle), STATUS.digest);
  assert.equal(host.lastError().path, 'digests.blake3');
});

test('a push that is refused with a retry has merged the list', () => {
  const file = FILES[0];
  const host = new Host();
  const { exports: e } = host;
  const handle = open(host, file, { expected: 1, values: NAIVE[0].values });
  expectBlake3(host, handle, NAIVE[0].blake3);
  host.view(e.window(handle)).set(file.subarray(0, 20));
  e.limit(handle, LIMIT.memory, 0n);
  assert.equal(e.push_chunk(handle, 0n, 20), STATUS.budget);
  // What the host writes to the list from now on is its own business: the group is compared, not the list.
  e.limit(handle, LIMIT.memory, 1n << 28n);
  assert.equal(e.push_chunk(handle, 0n, 20), STATE.open);
  assert.ok(host.feed(handle, file) > 0);
  assert.equal(e.finish(handle), STATE.admitted);
});

test('a list longer than the file is digest at finish', () => {
  const host = new Host();
  for (const [index, file] of FILES.entries()) {
    const groups = groupsOf(file);
    const values = new Uint8Array(VALUE * (groups + 2));
    values.set(NAIVE[index].values);
    const handle = open(host, file, { length: -1, expected: groups + 2, values });
    assert.ok(host.feed(handle, file) > 0);
    assert.equal(host.exports.finish(handle), STATUS.digest);
    const { path, offset } = host.lastError();
    assert.deepEqual([path, offset], [`evidence[${groups}]`, groups * MIB]);
    host.release(handle);
  }
});

test('expect_evidence: which numbers of groups, once, and the room stays where it is until the first push', () => {
  const host = new Host();
  const { exports: e } = host;
  const file = FILES[LONG];
  for (const [length, most] of [[file.length, 3], [MIB, 1], [MIB + 1, 2], [1, 1]]) {
    const handle = host.begin(length, VERIFY, { digests: EVIDENCE });
    for (const groups of [0, -1, most + 1, 2 ** 31 - 1, -(2 ** 31)]) {
      assert.equal(e.expect_evidence(handle, groups), BigInt(STATUS.argument), `${groups} of ${length}`);
    }
    const slice = e.expect_evidence(handle, most);
    assert.equal(Number(slice >> 32n), VALUE * most);
    assert.equal(e.expect_evidence(handle, most), BigInt(STATUS.state), 'once');
    assert.equal(e.expect_evidence(handle, 0), BigInt(STATUS.state), 'state comes before argument');
    for (const mask of [0, 1, 2, 3]) assert.equal(e.digests(handle, mask), STATUS.argument, 'it would drop the list');
    assert.equal(e.digests(handle, 7), STATE.open);
    host.view(slice).fill(9);
    e.window(handle);
    e.report(handle);
    assert.ok(host.view(slice).every(byte => byte === 9), 'what the host wrote is there');
    host.release(handle);
  }
  const unknown = host.begin(-1, VERIFY, { digests: EVIDENCE });
  assert.equal(e.expect_evidence(unknown, 2 ** 26), BigInt(STATUS.argument));
  assert.equal(e.expect_evidence(unknown, 2 ** 26 - 1), BigInt(STATUS.budget), '2 GiB are more than 256 MiB');
  assert.equal(host.lastError().expected, String(VALUE * (2 ** 26 - 1)));
  assert.ok(e.expect_evidence(unknown, 1000) > 0n, 'a refusal is not the one call');
});

test('expected values count to held and against MEMORY', () => {
  const host = new Host();
  const { exports: e } = host;
  const handle = host.begin(-1, VERIFY, { digests: EVIDENCE });
  e.limit(handle, LIMIT.memory, 31999n);
  assert.equal(e.expect_evidence(handle, 1000), BigInt(STATUS.budget));
  assert.equal(host.lastError().expected, '32000');
  e.limit(handle, LIMIT.memory, 32000n);
  assert.ok(e.expect_evidence(handle, 1000) > 0n);
  // In OPEN no report tells what is held: a window is refused with the sum.
  assert.equal(e.window(handle), BigInt(STATUS.budget));
  assert.equal(host.lastError().expected, String(32000 + 65536));
});

test('room that is lent is zeroed, whatever lay there before', () => {
  const host = new Host();
  const { exports: e } = host;
  const file = FILES[LONG];
  const { values } = NAIVE[LONG];
  const isZeroed = slice => host.view(slice).every(byte => byte === 0);
  const used = open(host, file, { expected: 3, values: new Uint8Array(values.length).fill(255) });
  host.view(e.lend_group(used, 0)).fill(255);
  host.release(used);
  const handle = host.begin(file.length, VERIFY, { digests: EVIDENCE });
  const list = e.expect_evidence(handle, 3);
  assert.ok(isZeroed(list), 'the list');
  host.view(list).set(values);
  for (const group of [0, 1, 2, 0]) {
    const room = e.lend_group(handle, group);
    assert.ok(isZeroed(room), `group ${group}`);
    host.view(room).fill(255);
  }
});
