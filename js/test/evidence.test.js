import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { beforeEach, test } from 'node:test';
import { Admission, Guest, Header, Model, admit } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { withGuestWorker } from './support/thread.js';

const GROUP = 1 << 20;
const GUEST = new URL('../guest.wasm', import.meta.url);

/** @type {Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

const file = gguf({ tensors: [{ name: 'a', bytes: 2 * GROUP }, { name: 'b', bytes: 5000 }] });
/** @param {number} group */
const groupOf = group => file.subarray(group * GROUP, (group + 1) * GROUP);
const evidence = await (async () => {
  const model = await admit(await freshGuest(), file, { digests: ['evidence'] });
  return model.evidence();
})();
/** @param {number} group */
const wrongAt = group => evidence.map((byte, at) => (at === 32 * group ? byte ^ 1 : byte));

/** @param {number} group */
function damagedAt(group) {
  const damaged = file.slice();
  damaged[Math.min((group + 1) * GROUP, file.length - 40) - 1] ^= 1; // behind are zeros that must be there
  return damaged;
}

test('evidence is computed where it is asked for, with BLAKE3 and with what else is asked for', async () => {
  const model = await admit(guest, file, { digests: ['evidence', 'sha256'] });
  assert.deepEqual(model.evidence(), evidence);
  assert.equal(evidence.length, 3 * 32);
  assert.deepEqual(model.report.evidence, { groupBytes: GROUP, groups: 3 });
  assert.deepEqual(Object.keys(model.report.digests), ['sha256', 'blake3']);
  const plain = await admit(guest, file);
  assert.equal(plain.report.evidence, undefined);
  assert.equal((await faultOf(() => plain.evidence())).code, 'argument');
});

test('what evidence gives is a copy', async () => {
  const model = await admit(guest, file, { digests: ['evidence'] });
  model.evidence().fill(0);
  assert.deepEqual(model.evidence(), evidence);
});

test('expected evidence admits the file, also where only its first groups are known', async () => {
  for (const groups of [1, 2, 3]) {
    const model = await admit(guest, file, { evidence: evidence.subarray(0, 32 * groups) });
    assert.deepEqual(model.evidence(), evidence);
    assert.deepEqual(Object.keys(model.report.digests), ['blake3'], 'no SHA-256 that was not asked for');
    model.release();
  }
  assertNoSession(guest);
});

test('a download is refused at its first wrong group, and no more of it is read', async () => {
  for (const group of [0, 1, 2]) {
    let read = 0;
    const damaged = damagedAt(group);
    const pieces = (function* () {
      for (; read < damaged.length; read += 100_000) yield damaged.subarray(read, read + 100_000);
    })();
    const fault = await faultOf(admit(guest, pieces, { evidence, length: file.length }));
    assert.deepEqual([fault.code, fault.path, fault.offset], ['digest', `evidence[${group}]`, group * GROUP]);
    assert.ok(read <= (group + 1) * GROUP + 1_100_000, `${read} bytes were read`);
  }
  assertNoSession(guest);
});

test('a list that is not the one of the required BLAKE3 is refused before the first byte', async () => {
  const { blake3 } = (await admit(guest, file, { digests: ['blake3'] })).report.digests;
  const fault = await faultOf(admit(guest, file, { evidence: wrongAt(2), blake3 }));
  assert.deepEqual([fault.code, fault.path, fault.offset], ['digest', 'evidence', null]);
  await admit(guest, file, { evidence, blake3 });
});

test('groups are proven by a model, and by a session that has not begun', async () => {
  const model = await admit(guest, file, { digests: ['evidence'] });
  const session = new Admission(guest, { evidence, length: file.length });
  for (const prover of [model, session]) {
    for (const group of [0, 1, 2]) {
      assert.equal(prover.checkGroup(group, groupOf(group)), true);
      assert.equal(prover.checkGroup(group, damagedAt(group).subarray(group * GROUP, (group + 1) * GROUP)), false);
      assert.equal(prover.checkGroup(group, groupOf(group).subarray(1)), false, 'another length is another group');
    }
    assert.equal((await faultOf(() => prover.checkGroup(3, groupOf(2)))).code, 'argument');
    const fault = await faultOf(() => prover.checkGroup(1, /** @type {any} */ ('bytes')));
    assert.deepEqual([fault.code, fault.kind, fault.path], ['argument', 'misuse', 'bytes']);
  }
  await session.write(file);
  assert.deepEqual(session.evidence, evidence);
  assert.deepEqual(session.finish().evidence(), evidence);
});

test('a session tells the evidence so far', async () => {
  const session = new Admission(guest, { digests: ['evidence'] });
  assert.equal(session.evidence.length, 0);
  await session.write(file.subarray(0, GROUP));
  assert.equal(session.evidence.length, 0, 'group 0 may be the whole file');
  await session.write(file.subarray(GROUP, GROUP + 1));
  assert.deepEqual(session.evidence, evidence.slice(0, 32));
  session.release();
});

test('evidence that is none is misuse', async () => {
  for (const value of [new Uint8Array(), new Uint8Array(31), new Uint8Array(33), 'ab', [1], null, {}]) {
    const fault = await faultOf(() => new Admission(guest, { evidence: /** @type {any} */ (value) }));
    assert.equal(fault.kind, 'misuse', String(value));
  }
  const tooLong = await faultOf(() => new Admission(guest, { evidence, length: GROUP }));
  assert.equal(tooLong.code, 'argument');
  const unknown = await faultOf(() => new Admission(guest, { digests: [/** @type {any} */ ('evidences')] }));
  assert.equal(unknown.kind, 'misuse');
  assertNoSession(guest);
});

test('through a worker: options, evidence and groups', async () => {
  await withGuestWorker(async worker => {
    const model = await worker.admit(file, { digests: ['evidence'] });
    assert.deepEqual(await model.evidence(), evidence);
    assert.deepEqual(model.report.evidence, { groupBytes: GROUP, groups: 3 });
    assert.equal(await model.checkGroup(1, groupOf(1)), true);
    assert.equal(await model.checkGroup(1, groupOf(0)), false);
    assert.equal((await faultOf(model.checkGroup(9, groupOf(0)))).code, 'argument');
    const given = evidence.slice();
    await (await worker.admit(file, { evidence: given })).release();
    assert.equal(given.length, 96, 'the list stays the caller\'s');
    const fault = await faultOf(worker.admit(damagedAt(1), { evidence }));
    assert.deepEqual([fault.code, fault.path], ['digest', 'evidence[1]']);
    const header = await worker.readHeader(file);
    assert.ok(!('evidence' in header) && !('evidence' in Header.prototype) && 'evidence' in Model.prototype);
  });
});

test('a guest of an older ABI is good until evidence is asked for', async () => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(GUEST)), {});
  const { evidence: _, expect_evidence: __, lend_group: ___, check_group: ____, ...older } = exports;
  const old = new Guest(older);
  const model = await admit(old, file);
  const fault = await faultOf(() => model.evidence());
  assert.deepEqual([fault.code, fault.kind], ['guest', 'misuse']);
});
