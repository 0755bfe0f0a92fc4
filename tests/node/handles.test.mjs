// Handles: what is stale, forged or random is never taken for a session, and nothing that is named is disturbed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { fileOf, gguf, smallFile } from './support/gguf.mjs';
import { Host, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { Random } from './support/random.mjs';
import { V1Host } from './support/v1.mjs';
import { FILE } from './support/world.mjs';

const SLOTS = 64;

/** Every call that takes a handle, with good arguments. */
const ALL = [
  (e, h) => e.limit(h, 7, -1n),
  (e, h) => e.limit(h, 7, 8192n),
  (e, h) => e.digests(h, 1),
  (e, h) => e.expect_digest(h, 1, 0n, 0n, 0n, 0n),
  (e, h) => e.evidence(h),
  (e, h) => e.expect_evidence(h, 1),
  (e, h) => e.lend_group(h, 0),
  (e, h) => e.check_group(h, 0, 1),
  (e, h) => e.profile(h, 1, 1),
  (e, h) => e.join(h, h),
  (e, h) => e.window(h),
  (e, h) => e.push_chunk(h, 0n, 1),
  (e, h) => e.finish(h),
  (e, h) => e.position(h),
  (e, h) => e.report(h),
  (e, h) => e.metadata(h, 0),
  (e, h) => e.tensor(h, 0),
  (e, h) => e.activate(h),
  (e, h) => e.release(h),
];

function assertNamesNothing(host, handle) {
  for (const call of ALL) assert.equal(Number(call(host.exports, handle)), STATUS.handle, `${call} of ${handle}`);
  const detail = host.lastError();
  assert.deepEqual([detail.code, detail.state], ['handle', 'none']);
}

test('a handle is positive, at least 256, generation above slot', () => {
  const host = new Host();
  const handles = Array.from({ length: SLOTS }, () => host.begin(-1));
  for (const handle of handles) assert.ok(handle >= 256 && handle < 2 ** 31 && handle >> 8 === 1, `${handle}`);
  assert.equal(new Set(handles.map(handle => handle & 255)).size, SLOTS, 'a slot each');
});

test('a released handle names nothing, in every slot, also after its slot is taken again', () => {
  const host = new Host();
  const old = Array.from({ length: SLOTS }, () => host.begin(-1));
  for (const handle of old) host.release(handle);
  for (const handle of old) assertNamesNothing(host, handle);
  const young = Array.from({ length: SLOTS }, () => host.begin(-1));
  for (const handle of old) assertNamesNothing(host, handle);
  const before = new Map(old.map(handle => [handle & 255, handle >> 8]));
  for (const handle of young) {
    assert.ok(handle >> 8 > before.get(handle & 255), 'a later generation');
    assert.equal(host.position(handle), 0);
  }
});

test('forged and random handles name nothing and disturb nothing', () => {
  const host = new Host();
  const model = host.model(FILE, { sink: RESIDENT });
  const session = host.begin(FILE.length, RESIDENT);
  host.feed(session, FILE.subarray(0, 40));
  host.view(host.exports.window(session)).set(FILE.subarray(40));
  const live = new Set([model, session]);
  const forged = [0, -1, 1, 255, 256 + 64, 256 + 65, 256 + 255, 2147483647, -2147483648, 0x7fffff00, 0x7fffff3f];
  for (const handle of live) {
    forged.push(
      -handle,
      handle | -2147483648,
      handle & 255,
      handle + 256,
      handle - 256,
      handle ^ 0x40,
      handle ^ 0x80,
      handle * 256,
      (2 << 24) | handle,
    );
  }
  const random = new Random(7);
  for (let count = 0; count < 2000; count++) forged.push(random.i32(), random.upTo(70) << 8 | random.upTo(255));
  for (const handle of forged) if (!live.has(handle)) assertNamesNothing(host, handle);
  assert.equal(
    host.exports.push_chunk(session, 40n, FILE.length - 40),
    STATE.header_ready,
    'the window was lent all the time',
  );
  assert.equal(host.exports.finish(session), STATE.admitted);
  assert.equal(host.report(session).digests.sha256, sha256(FILE));
  assert.deepEqual(host.tensor(model, 0), FILE.slice(FILE.dataStart, FILE.dataStart + 24));
});

test('64 slots, then sessions; a release of any makes room for one', () => {
  const host = new Host();
  const handles = Array.from({ length: SLOTS }, (_, index) =>
    index % 3 ? host.begin(-1) : host.model(FILE, { sink: RESIDENT }),
  );
  const random = new Random(3);
  for (let round = 0; round < 200; round++) {
    assert.equal(host.exports.begin(-1n, VERIFY), STATUS.sessions);
    assert.equal(host.lastError().kind, 'retry');
    const index = random.upTo(SLOTS - 1);
    const old = handles[index];
    host.release(old);
    handles[index] = host.begin(-1);
    assert.notEqual(handles[index], old);
    assert.equal(handles[index] & 255, old & 255);
  }
});

test('a failed session keeps its slot until it is released', () => {
  const host = new Host();
  const failed = Array.from({ length: SLOTS }, () => host.admit(FILE.subarray(0, 3)).handle);
  assert.equal(host.exports.begin(-1n, VERIFY), STATUS.sessions);
  host.release(failed[10]);
  assert.ok(host.exports.begin(-1n, VERIFY) > 0);
});

test('v1 has a slot of its own: with 64 taken load_model still works, and its handle is a full one', () => {
  const host = new Host();
  const v1 = new V1Host(host.exports);
  const handles = Array.from({ length: SLOTS }, () => host.begin(-1));
  const seen = new Set(handles);
  for (let load = 0; load < 100; load++) {
    const file = smallFile(load);
    assert.equal(v1.load(file), 0);
    const handle = host.exports.active();
    assert.ok(handle >= 256 && !seen.has(handle));
    assert.ok(!handles.some(other => (other & 255) === (handle & 255)), 'none of the 64');
    seen.add(handle);
    assert.equal(host.report(handle).state, 'admitted');
    assert.equal(host.report(handle).sink, 'resident');
    assert.equal(host.report(handle).digests.sha256, sha256(file));
    assert.deepEqual(host.tensor(handle, 0), file.slice(file.dataStart, file.dataStart + 24));
    assert.equal(host.metadata(handle, 0), 'test');
    assert.equal(host.position(handle), file.length);
    for (const call of [
      e => e.window(handle),
      e => e.finish(handle),
      e => e.digests(handle, 1),
      e => e.push_chunk(handle, 0n, 1),
    ]) {
      assert.equal(Number(call(host.exports)), STATUS.state);
    }
  }
  assert.equal(host.exports.begin(-1n, VERIFY), STATUS.sessions);
  for (const handle of seen)
    if (!handles.includes(handle) && handle !== host.exports.active()) assertNamesNothing(host, handle);
  assert.equal(host.exports.release(host.exports.active()), 0);
  assert.equal(host.exports.begin(-1n, VERIFY), STATUS.sessions, 'and gives none of them back');
});

test('a slot whose generations run out retires, and no handle was given twice', () => {
  const host = new Host();
  const { exports: e } = host;
  const others = Array.from({ length: SLOTS - 1 }, () => host.begin(-1));
  let last = 0;
  let count = 0;
  for (;;) {
    const handle = e.begin(-1n, 1);
    if (handle < 0) {
      assert.equal(handle, STATUS.sessions);
      break;
    }
    if (handle <= last || ++count >= 2 ** 23) assert.fail(`${handle} after ${last}, number ${count}`);
    last = handle;
    e.release(handle);
  }
  assert.equal(count, 2 ** 23 - 1);
  assert.equal(last >> 8, 2 ** 23 - 1);
  assertNamesNothing(host, last);
  assert.equal(host.exports.begin(-1n, VERIFY), STATUS.sessions);
  host.release(others[0]);
  assert.ok(host.begin(-1) > 0, 'the other slots go on');
});

test('the address of a window holds until it is consumed, whatever else is called', () => {
  const host = new Host();
  const v1 = new V1Host(host.exports);
  const big = fileOf(3 * MIB);
  for (const sink of [VERIFY, RESIDENT]) {
    for (const end of [0, 20, big.dataStart, big.dataStart + 1000]) {
      const handle = host.begin(big.length, sink);
      host.feed(handle, big.subarray(0, end));
      const slice = host.exports.window(handle);
      const length = Math.min(Number(slice >> 32n), big.length - end);
      host.view(slice).set(big.subarray(end, end + length));
      assert.equal(v1.load(smallFile(1)), 0);
      const other = host.model(big, { sink: RESIDENT });
      host.exports.memory.grow(3);
      host.report(handle);
      host.release(other);
      host.exports.alloc(5 * MIB);
      assert.equal(host.exports.window(handle), slice);
      assert.deepEqual(host.bytes(slice).subarray(0, length), big.slice(end, end + length));
      assert.ok(host.exports.push_chunk(handle, BigInt(end), length) > 0);
      host.feed(handle, big);
      assert.equal(host.exports.finish(handle), STATE.admitted);
      assert.equal(host.report(handle).digests.sha256, sha256(big));
      host.release(handle);
    }
  }
});

test('the address and the bytes of a tensor hold until release, whatever else is called', () => {
  const host = new Host();
  const file = gguf({ tensors: [{ name: 'a', type: 'I8', dims: [70_000] }, { name: 'b', type: 'F32', dims: [9] }] });
  const model = host.model(file, { sink: RESIDENT });
  const slices = [0, 1].map(index => host.exports.tensor(model, index));
  const digests = slices.map(slice => sha256(host.bytes(slice)));
  const v1 = new V1Host(host.exports);
  for (let round = 0; round < 20; round++) {
    host.release(host.model(fileOf(MIB + round), { sink: RESIDENT }));
    v1.load(smallFile(round));
    host.exports.activate(model);
    host.exports.free_model();
    assert.deepEqual([0, 1].map(index => host.exports.tensor(model, index)), slices);
    assert.deepEqual(slices.map(slice => sha256(host.bytes(slice))), digests);
  }
});

test('every text is a slice inside memory, good UTF-8 and JSON, until the next call', () => {
  const host = new Host();
  const hostile = gguf({
    entries: [
      ['__proto__', 'string', '</script>"\\\u0001\u2028'],
      ['GGUF.version', 'string', Uint8Array.of(0xff, 0xfe, 0x41, 0xf0, 0x9f)],
      ['tensor_count', 'f32', NaN],
      ['x', 'f64', -Infinity],
      ['y', 'f32', 1e-45],
      ['z', 'f64', 5e-324],
      ['neg', 'f64', -0.1],
    ],
    tensors: [{ name: 'é"\\', type: 'F32', dims: [1] }],
  });
  const handle = host.model(hostile);
  const report = host.report(handle);
  assert.deepEqual(
    report.metadata.map(entry => entry.value),
    ['</script>"\\\u0001\u2028', '\ufffd\ufffdA\ufffd', 'NaN', '-Infinity', 1e-45, 5e-324, -0.1],
  );
  assert.ok(
    host.reportText(handle).includes(':1e-45') || /:0\.0{44}1[,}]/.test(host.reportText(handle)),
    'the shortest digits',
  );
  assert.deepEqual(
    report.metadata.map(entry => entry.key),
    ['__proto__', 'GGUF.version', 'tensor_count', 'x', 'y', 'z', 'neg'],
  );
  assert.equal(report.tensors[0].name, 'é"\\');
  report.metadata.forEach((entry, index) => assert.deepEqual(host.metadata(handle, index), entry.value));
});
