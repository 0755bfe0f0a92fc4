// ABI v1 beside v2 in one instance: what a load, an activation and a release do to each other's models and texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { fileOf, smallFile } from './support/gguf.mjs';
import { Host, RESIDENT, STATUS, content } from './support/host.mjs';
import { V1Host } from './support/v1.mjs';

const GOOD = smallFile(1);
const OTHER = smallFile(2);

function both() {
  const host = new Host();
  return { host, v1: new V1Host(host.exports), e: host.exports };
}

test('load_model is transactional: after any failure the active model is as it was', () => {
  const bad = GOOD.slice();
  bad[GOOD.headerBytes] = 1;
  const failures = [
    v1 => v1.load(bad), v1 => v1.load(OTHER.subarray(0, OTHER.length - 40)), v1 => v1.load(OTHER.subarray(0, 3)),
    v1 => v1.load(new Uint8Array(1000)), v1 => v1.exports.load_model(0, 10), v1 => v1.exports.load_model(8, 0),
    v1 => v1.exports.load_model(8, 134217729), v1 => v1.exports.load_model(-1, 10),
  ];
  for (const byV2 of [false, true]) {
    const { host, v1, e } = both();
    if (byV2) e.activate(host.model(GOOD, { sink: RESIDENT }));
    else assert.equal(v1.load(GOOD), 0);
    const active = e.active();
    const look = () => [
      e.active(),
      host.reportText(active),
      ...[0, 2].map(index => sha256(host.tensor(active, index))),
    ];
    const before = look();
    for (const fail of failures) {
      assert.ok(fail(v1) > 0);
      assert.deepEqual(look(), before);
      assert.deepEqual(v1.diagnostics().model.digests, { sha256: sha256(GOOD) });
    }
  }
});

test('a model of load_model lives exactly as long as it is active', () => {
  const { host, v1, e } = both();
  const kept = host.model(OTHER, { sink: RESIDENT });
  const ended = handle => assert.equal(Number(e.report(handle)), STATUS.handle);
  const load = () => {
    assert.equal(v1.load(GOOD), 0);
    return e.active();
  };
  const first = load();
  const second = load();
  assert.notEqual(first, second);
  ended(first);
  assert.equal(e.activate(second), 4, 'on the active one it changes nothing');
  assert.equal(e.active(), second);
  assert.equal(host.report(second).state, 'admitted');
  assert.equal(e.activate(kept), 4);
  ended(second);
  assert.equal(e.active(), kept);
  const third = load();
  assert.equal(host.report(kept).state, 'admitted', 'a v2 model that is displaced lives on');
  assert.equal(e.free_model(), 0);
  ended(third);
  assert.equal(e.active(), 0);
  const fourth = load();
  assert.equal(e.release(fourth), 0);
  ended(fourth);
  assert.equal(e.active(), 0);
  assert.equal(e.free_model(), 2);
  assert.equal(sha256(host.tensor(kept, 0)), sha256(OTHER.subarray(OTHER.dataStart, OTHER.dataStart + 24)));
});

test('free_model makes a v2 model inactive and no more; release of the active one leaves none active', () => {
  const { host, v1, e } = both();
  const handle = host.model(GOOD, { sink: RESIDENT });
  assert.equal(e.free_model(), 2, 'admitted is not active');
  assert.equal(e.activate(handle), 4);
  assert.equal(e.free_model(), 0);
  assert.equal(e.active(), 0);
  assert.equal(host.report(handle).state, 'admitted');
  assert.equal(e.activate(handle), 4);
  assert.equal(v1.diagnostics().model.length, GOOD.length);
  host.release(handle);
  assert.equal(e.active(), 0);
  assert.equal(v1.diagnostics().model, null);
  assert.equal(e.free_model(), 2);
});

test('the diagnostics follow the active model, and last_result no v2 call', () => {
  const { host, v1, e } = both();
  v1.load(GOOD);
  const result = v1.resultText();
  const model = host.model(OTHER, { sink: RESIDENT });
  const proof = host.model(smallFile(3));
  assert.deepEqual(v1.diagnostics().model.digests, { sha256: sha256(GOOD) }, 'admission alone activates nothing');
  for (const handle of [model, proof, model]) {
    e.activate(handle);
    const { length, ...shown } = v1.diagnostics().model;
    assert.deepEqual(shown, content(host.report(handle)));
    assert.equal(length, host.report(handle).length);
    assert.equal(v1.resultText(), result);
  }
  host.release(proof);
  assert.equal(v1.diagnostics().model.length, OTHER.length, 'the release of another changes nothing');
  host.release(model);
  assert.equal(v1.diagnostics().model, null);
  assert.equal(v1.resultText(), result);
});

test('the texts stay where they are while v2 streams', () => {
  const { host, v1, e } = both();
  v1.load(GOOD);
  const where = () => [e.last_result_ptr(), e.last_result_len(), e.get_diagnostics_ptr(), e.get_diagnostics_len()];
  const before = where();
  const texts = [v1.resultText(), v1.diagnosticsText()];
  const big = fileOf(2_000_000);
  for (const sink of [1, 2]) {
    const handle = host.model(big, { sink, piece: () => 50_000 });
    host.report(handle);
    host.admit(big.subarray(0, 50));
    e.finish(999);
    assert.deepEqual(where(), before);
    assert.deepEqual([v1.resultText(), v1.diagnosticsText()], texts);
  }
});
