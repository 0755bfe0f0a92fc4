// Sessions, a v1 load and a model that stays, in one instance, taking turns at random.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { fileOf, smallFile } from './support/gguf.mjs';
import { Host, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { Random } from './support/random.mjs';
import { V1Host } from './support/v1.mjs';

const ROUNDS = 1_000;

test(`sessions and v1 loads at random, ${ROUNDS} rounds: each has its outcome, models stay, memory is level`, () => {
  const host = new Host();
  const v1 = new V1Host(host.exports);
  const random = new Random(20_240);
  const files = [fileOf(150_000, 2), smallFile(3), fileOf(70_000, 4)];
  const digests = files.map(sha256);
  const canary = host.model(fileOf(40_000, 9), { sink: RESIDENT });
  const weights = () => sha256(host.tensor(canary, host.report(canary).tensors.length - 1));
  const untouched = weights();

  /** A file on its way, with an end that is drawn: whole, cut short (of more than its last padding), or given up. */
  function* admission(sink) {
    const which = random.upTo(files.length - 1);
    const bytes = files[which].slice();
    const end = random.pick(['whole', 'cut', 'given up', 'whole']);
    const stop = end === 'whole' ? bytes.length : random.upTo(bytes.length - 64);
    const handle = host.begin(end === 'cut' ? -1 : bytes.length, sink);
    for (let at = 0; at < stop; ) {
      const { result, pushed } = host.step(handle, bytes.subarray(0, stop), at, 1 + random.upTo(40_000));
      assert.ok(result > 0, host.errorText());
      at += pushed;
      yield;
    }
    if (end !== 'given up') {
      const state = host.exports.finish(handle);
      assert.equal(state, end === 'whole' ? STATE.admitted : STATUS.truncated);
      if (end === 'whole') assert.equal(host.report(handle).digests.sha256, digests[which]);
    }
    host.release(handle);
  }

  const round = () => {
    const running = [admission(VERIFY), admission(RESIDENT)];
    while (running.length > 0) {
      const turn = random.upTo(running.length);
      if (turn === running.length) {
        const which = random.upTo(files.length - 1);
        const good = random.oneIn(2);
        const before = host.exports.active();
        assert.equal(v1.load(good ? files[which] : files[which].subarray(0, files[which].length - 64)) === 0, good);
        if (good) assert.equal(v1.diagnostics().model.digests.sha256, digests[which]);
        else assert.equal(host.exports.active(), before, 'a failed load leaves what was active');
        if (random.oneIn(3)) host.exports.free_model();
      } else if (running[turn].next().done) {
        running.splice(turn, 1);
      }
    }
    assert.equal(weights(), untouched);
  };
  for (let index = 0; index < 300; index++) round();
  const level = host.memoryBytes;
  for (let index = 0; index < ROUNDS; index++) round();
  assert.equal(host.memoryBytes, level);
  host.exports.free_model();
  host.release(canary);
  const handles = Array.from({ length: 64 }, () => host.begin(-1));
  assert.ok(handles.every(handle => handle > 0), 'nothing was left');
});
