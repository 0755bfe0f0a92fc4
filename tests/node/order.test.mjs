// The order of checks is fixed: poisoned, handle, state, argument, offset, window, unwritten, memory/budget, the bytes.
// Each test makes two faults in one call and names the one that must be told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host, LIMIT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { poison } from './support/poison.mjs';
import { FILE, World } from './support/world.mjs';
import { V1Host } from './support/v1.mjs';

const STALE = 12345;

test('poisoned comes before handle, state, argument and every other answer', () => {
  const host = new Host();
  const before = host.model(FILE, { sink: 2 });
  const { exports: e } = host;
  const handle = poison(e);
  for (const any of [handle, before, STALE, 0, -1]) {
    assert.equal(e.limit(any, 99, -7n), -64n);
    assert.equal(e.digests(any, 99), -64);
    assert.equal(e.expect_digest(any, 99, 0n, 0n, 0n, 0n), -64);
    assert.equal(e.evidence(any), -64n);
    assert.equal(e.expect_evidence(any, -5), -64n);
    assert.equal(e.lend_group(any, -5), -64n);
    assert.equal(e.check_group(any, -5, -5), -64);
    assert.equal(e.profile(any, -5, -5), -64);
    assert.equal(e.join(any, -5), -64);
    assert.equal(e.window(any), -64n);
    assert.equal(e.push_chunk(any, -5n, -5), -64);
    assert.equal(e.finish(any), -64);
    assert.equal(e.position(any), -64n);
    assert.equal(e.report(any), -64n);
    assert.equal(e.metadata(any, -1), -64n);
    assert.equal(e.tensor(any, -1), -64n);
    assert.equal(e.activate(any), -64);
    assert.equal(e.release(any), -64);
  }
  assert.equal(e.begin(0n, 0), -64);
  assert.equal(e.begin(100n, 1), -64);
  assert.equal(e.active(), -64);
  assert.equal(e.last_error(), -64n);
});

test('after a trap v1 answers null and 64, dealloc does nothing, texts are constant, abi_version is as ever', () => {
  const host = new Host();
  const { exports: e } = host;
  const transfer = e.alloc(1000);
  assert.ok(transfer !== 0);
  poison(e);
  assert.equal(e.alloc(1000), 0);
  assert.equal(e.alloc(0), 0);
  e.dealloc(transfer, 1000);
  e.dealloc(0, 0);
  assert.equal(e.load_model(transfer, 1000), 64);
  assert.equal(e.load_model(0, 0), 64);
  assert.equal(e.free_model(), 64);
  assert.equal(e.init_runtime(), 64);
  assert.equal(e.abi_version(), 0x0002_0001);
  const v1 = new V1Host(e);
  const [result, diagnostics] = [v1.resultText(), v1.diagnosticsText()];
  assert.equal(JSON.parse(result).code, 'poisoned');
  assert.equal(JSON.parse(diagnostics).abi, '1');
  e.free_model();
  e.load_model(transfer, 10);
  assert.deepEqual([v1.resultText(), v1.diagnosticsText()], [result, diagnostics]);
});

test('a trap poisons its own instance alone', () => {
  const poisoned = new Host();
  const sound = new Host();
  poison(poisoned.exports);
  assert.equal(sound.admit(FILE).result, STATE.admitted);
});

test('handle comes before state, argument and offset', () => {
  const { exports: e } = new Host();
  assert.equal(e.limit(STALE, 99, -7n), -1n);
  assert.equal(e.digests(STALE, 99), -1);
  assert.equal(e.expect_digest(STALE, 99, 0n, 0n, 0n, 0n), -1);
  assert.equal(e.evidence(STALE), -1n);
  assert.equal(e.expect_evidence(STALE, -5), -1n);
  assert.equal(e.lend_group(STALE, -5), -1n);
  assert.equal(e.check_group(STALE, -5, -5), -1);
  assert.equal(e.profile(STALE, -5, -5), -1);
  assert.equal(e.join(STALE, -5), -1);
  assert.equal(e.push_chunk(STALE, -5n, 0), -1);
  assert.equal(e.metadata(STALE, -1), -1n);
  assert.equal(e.tensor(STALE, -1), -1n);
  assert.equal(e.activate(STALE), -1);
});

test('state comes before argument', () => {
  const failed = new World('failed');
  const { exports: e } = failed.host;
  assert.equal(e.limit(failed.handle, 99, -7n), -2n);
  assert.equal(e.limit(failed.handle, 1, -7n), -2n);
  assert.equal(e.digests(failed.handle, 99), -2);
  assert.equal(e.expect_digest(failed.handle, 99, 0n, 0n, 0n, 0n), -2);
  assert.equal(e.metadata(failed.handle, -1), -2n);
  assert.equal(e.tensor(failed.handle, -1), -2n);
  assert.equal(e.evidence(failed.handle), -2n);
  assert.equal(e.expect_evidence(failed.handle, -5), -2n);
  assert.equal(e.lend_group(failed.handle, -5), -2n);
  assert.equal(e.check_group(failed.handle, -5, -5), -2);
  assert.equal(e.profile(failed.handle, -5, -5), -2);
  failed.assertUnchanged();
  const begun = new World('open begun');
  assert.equal(begun.host.exports.digests(begun.handle, 99), -2);
  begun.assertUnchanged();
});

test('state comes before argument, offset and window in push_chunk', () => {
  for (const place of ['admitted', 'admitted resident', 'failed']) {
    const { host: { exports: e }, handle } = new World(place);
    assert.equal(e.push_chunk(handle, -5n, 0), -2);
    assert.equal(e.push_chunk(handle, 99999n, 10), -2);
    assert.equal(e.push_chunk(handle, e.position(handle), 10), -2);
  }
});

test('argument comes before offset and window', () => {
  for (const place of ['open', 'open lent', 'header_ready', 'receiving', 'receiving resident']) {
    const world = new World(place);
    assert.equal(world.host.exports.push_chunk(world.handle, 99999n, 0), -3);
    assert.equal(world.host.exports.push_chunk(world.handle, -1n, -1), -3);
    assert.equal(world.host.exports.push_chunk(world.handle, world.before.position, 0), -3);
    world.assertUnchanged();
  }
});

test('argument comes before sessions in begin', () => {
  const { exports: e } = new Host();
  while (e.begin(-1n, VERIFY) > 0);
  assert.equal(e.begin(-1n, VERIFY), STATUS.sessions);
  assert.equal(e.begin(0n, VERIFY), STATUS.argument);
  assert.equal(e.begin(-1n, 0), STATUS.argument);
});

test('offset comes before window: none lent, or too long', () => {
  for (const place of ['open', 'open lent', 'header_ready', 'receiving', 'receiving resident']) {
    const world = new World(place);
    assert.equal(world.host.exports.push_chunk(world.handle, world.before.position + 1n, 2147483647), -4);
    assert.equal(world.host.exports.push_chunk(world.handle, -1n, 2147483647), -4);
    world.assertUnchanged();
  }
});

test('offset comes before unwritten', () => {
  const host = new Host();
  const handle = host.begin(-1);
  host.exports.window(handle);
  assert.equal(host.exports.push_chunk(handle, 1n, 100), -4);
});

test('window comes before unwritten', () => {
  const host = new Host();
  const handle = host.begin(-1);
  const length = Number(host.exports.window(handle) >> 32n);
  assert.equal(host.exports.push_chunk(handle, 0n, length + 1), -5);
  assert.equal(host.exports.push_chunk(handle, 0n, length), -6);
});

test('unwritten comes before budget, budget before the bytes', () => {
  const host = new Host();
  const { exports: e } = host;
  const handle = host.begin(-1);
  const window = e.window(handle);
  assert.equal(e.limit(handle, LIMIT.memory, 0n), 0n);
  assert.equal(e.push_chunk(handle, 0n, 100), STATUS.unwritten);
  host.view(window).fill(0x58, 0, 100);
  assert.equal(e.push_chunk(handle, 0n, 100), STATUS.budget);
  assert.equal(e.window(handle), window, 'the window is still lent');
  assert.equal(e.position(handle), 0n);
  e.limit(handle, LIMIT.memory, 1n << 28n);
  assert.equal(e.push_chunk(handle, 0n, 100), STATUS.magic, 'with what was written before');
});

test('finish tells truncated before budget', () => {
  const host = new Host();
  const handle = host.begin(-1, 2);
  host.feed(handle, FILE.subarray(0, FILE.headerBytes));
  host.exports.limit(handle, LIMIT.memory, 0n);
  assert.equal(host.exports.finish(handle), STATUS.truncated);
});
