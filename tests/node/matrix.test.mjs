// Every call in every state: the answer, and that a misuse changed nothing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MIB, OPEN_WINDOW, STATE, STATUS } from './support/host.mjs';
import { FILE, PLACES, World, assertDetail, stateOf } from './support/world.mjs';

const REST = BigInt(FILE.length - FILE.headerBytes - 20);
const ZERO = [0n, 0n, 0n, 0n];

/** How each call is made, on the exports `e`; `at` is the position. */
const CALLS = {
  'limit-read': (e, h) => e.limit(h, 7, -1n),
  'limit-read-unknown': (e, h) => e.limit(h, 11, -1n),
  'limit-set-window': (e, h) => e.limit(h, 7, 8192n),
  'limit-set-trailing': (e, h) => e.limit(h, 8, 0n),
  'limit-set-memory': (e, h) => e.limit(h, 6, 1n << 28n),
  'limit-set-unknown': (e, h) => e.limit(h, 11, 5n),
  'limit-set-id-0': (e, h) => e.limit(h, 0, 5n),
  'limit-set-below': (e, h) => e.limit(h, 6, -2n),
  'digests': (e, h) => e.digests(h, 3),
  'digests-4': (e, h) => e.digests(h, 4),
  'digests-5': (e, h) => e.digests(h, 5),
  'digests-6': (e, h) => e.digests(h, 6),
  'digests-8': (e, h) => e.digests(h, 8),
  'digests-negative': (e, h) => e.digests(h, -1),
  'expect-sha256': (e, h) => e.expect_digest(h, 1, ...ZERO),
  'expect-not-computed': (e, h) => e.expect_digest(h, 2, ...ZERO),
  'expect-unknown': (e, h) => e.expect_digest(h, 3, ...ZERO),
  'evidence': (e, h) => e.evidence(h),
  'expect-evidence': (e, h) => e.expect_evidence(h, 1),
  'lend-group': (e, h) => e.lend_group(h, 0),
  'check-group': (e, h) => e.check_group(h, 0, 1),
  'profile': (e, h) => e.profile(h, 1, 1),
  'profile-off': (e, h) => e.profile(h, 1, 0),
  'profile-unknown': (e, h) => e.profile(h, 2, 1),
  'profile-level-3': (e, h) => e.profile(h, 1, 3),
  'join-itself': (e, h) => e.join(h, h),
  'join-no-lead': (e, h) => e.join(h, 12345),
  'window': (e, h) => e.window(h),
  'push': (e, h, at) => e.push_chunk(h, at, Math.min(30, FILE.length - Number(at)) || 1),
  'push-len-0': (e, h, at) => e.push_chunk(h, at, 0),
  'push-len-negative': (e, h, at) => e.push_chunk(h, at, -2147483648),
  'push-offset-ahead': (e, h, at) => e.push_chunk(h, at + 1n, 10),
  'push-offset-negative': (e, h) => e.push_chunk(h, -1n, 10),
  'push-above-window': (e, h, at) => e.push_chunk(h, at, 2147483647),
  'finish': (e, h) => e.finish(h),
  'position': (e, h) => e.position(h),
  'report': (e, h) => e.report(h),
  'metadata': (e, h) => e.metadata(h, 0),
  'metadata-past-end': (e, h) => e.metadata(h, 7),
  'metadata-negative': (e, h) => e.metadata(h, -1),
  'tensor': (e, h) => e.tensor(h, 0),
  'tensor-past-end': (e, h) => e.tensor(h, 3),
  'tensor-negative': (e, h) => e.tensor(h, -1),
  'activate': (e, h) => e.activate(h),
  'release': (e, h) => e.release(h),
};

// A number is the answer, a word a status; `ok` is looked at below.
const TABLE = readFileSync(new URL('./support/matrix.txt', import.meta.url), 'utf8')
  .trim().split('\n').slice(1).map(line => line.split(/\s+/));

const POSITIONS = {
  'header_ready': FILE.headerBytes,
  'header_ready resident': FILE.headerBytes,
  'header_ready whole': FILE.length,
  'receiving': FILE.headerBytes + 20,
  'receiving lent': FILE.headerBytes + 20,
  'receiving resident': FILE.headerBytes + 20,
  'admitted': FILE.length,
  'admitted resident': FILE.length,
};

/** What `ok` means. */
const LOOK = {
  window(world, answer) {
    const length = answer >> 32n;
    const state = stateOf(world.place);
    if (state === 'open') assert.equal(length, BigInt(OPEN_WINDOW));
    else if (['header_ready', 'receiving', 'receiving lent'].includes(world.place)) assert.equal(length, BigInt(MIB));
    else if (world.place === 'header_ready resident') assert.ok(length >= 1n && length <= REST + 20n + 128n);
    // Past the last expected byte it still lends a little.
    else assert.ok(length >= 1n);
    if (world.slice) assert.equal(answer, world.slice);
    if (state === 'header_ready') assert.equal(world.host.report(world.handle).state, 'receiving');
    else assert.equal(world.host.report(world.handle).state, state);
  },
  position: (world, answer) => assert.equal(Number(answer), POSITIONS[world.place]),
  report: (world, answer) => assert.equal(JSON.parse(world.host.text(answer)).state, stateOf(world.place)),
  metadata: (world, answer) => assert.equal(world.host.text(answer), '"test"'),
  tensor: (world, answer) =>
    assert.deepEqual(world.host.bytes(answer), FILE.slice(FILE.dataStart, FILE.dataStart + 24)),
};

const places = Object.keys(PLACES);

test('the table has every call and every place', () => {
  assert.deepEqual(TABLE.map(([call]) => call), Object.keys(CALLS));
  for (const [, ...answers] of TABLE) assert.equal(answers.length, places.length);
});

for (const [call, ...answers] of TABLE) {
  test(`${call} answers by the state, and misuse changes nothing`, async t => {
    for (const [index, expected] of answers.entries()) {
      await t.test(`${places[index]}: ${expected}`, () => check(call, places[index], expected));
    }
  });
}

function check(call, place, expected) {
  const world = new World(place);
  const { host, handle } = world;
  const answer = CALLS[call](host.exports, handle, world.before.position);
  const number = Number(answer);
  if (expected === 'ok') {
    assert.ok(answer >= 0, `${answer}`);
    LOOK[call](world, answer);
    world.assertBystandersUnchanged();
  } else if (!(expected in STATUS)) {
    assert.equal(number, Number(expected), number < 0 ? host.errorText() : '');
    if (call === 'release') assert.equal(host.exports.position(handle), -1n, 'the handle has ended');
    else if (Number(expected) === STATE.admitted) assert.equal(host.report(handle).state, 'admitted');
    world.assertBystandersUnchanged(call === 'activate' ? handle : undefined);
  } else {
    assert.equal(number, STATUS[expected], `${answer}: ${host.errorText()}`);
    const rejected = number <= -32;
    const detail = assertDetail(host, number, expected, rejected ? 'failed' : stateOf(place));
    if (rejected) {
      const report = host.report(handle);
      assert.equal(report.state, 'failed');
      assert.deepEqual(report.error, detail);
    } else {
      world.assertUnchanged();
    }
    world.assertBystandersUnchanged();
  }
}

test('a failed begin says why and takes no slot', () => {
  const world = new World('open');
  const { exports: e } = world.host;
  for (const [length, sink] of [[0n, 1], [-2n, 1], [1n << 53n, 1], [-(1n << 63n), 2], [(1n << 63n) - 1n, 2], [100n, 0],
    [100n, 3], [100n, -1], [-1n, 0], [0n, 0]]) {
    assert.equal(e.begin(length, sink), STATUS.argument, `begin(${length}, ${sink})`);
    assertDetail(world.host, STATUS.argument, 'argument', 'none');
  }
  const free = 64 - 3;
  for (let index = 0; index < free; index++) assert.ok(e.begin(-1n, 1) > 0, `slot ${index}`);
  assert.equal(e.begin(-1n, 1), STATUS.sessions);
  assertDetail(world.host, STATUS.sessions, 'sessions', 'none');
  world.assertUnchanged();
  world.assertBystandersUnchanged();
});

test('begin takes every length from 1 to 2^53 - 1, and -1', () => {
  const {
    host: { exports: e },
  } = new World('stale');
  for (const length of [1n, 134217729n, (1n << 32n) + 1n, (1n << 53n) - 1n, -1n])
    assert.ok(e.begin(length, 1) > 0, `${length}`);
});

test('abi_version and active never fail, and active is 0 without a model', () => {
  const { exports: e } = new World('open').host;
  assert.equal(e.abi_version(), 0x0002_0001);
  assert.ok(e.active() > 0);
  assert.equal(e.release(e.active()), 0);
  assert.equal(e.active(), 0);
});

test('last_error is null before the first error, and tells of the latest refused v2 call alone', () => {
  const world = new World('open');
  const { host } = world;
  assert.equal(host.errorText(), 'null');
  assert.equal(host.exports.finish(12345), STATUS.handle);
  const told = host.errorText();
  host.report(world.handle);
  assert.equal(host.exports.load_model(0, 0), 3);
  assert.equal(host.exports.free_model(), 0);
  assert.equal(host.exports.free_model(), 2);
  assert.equal(host.errorText(), told);
  assert.equal(host.exports.digests(world.handle, 9), STATUS.argument);
  assert.equal(host.lastError().code, 'argument');
});
