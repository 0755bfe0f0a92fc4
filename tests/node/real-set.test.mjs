// The real model in shards (`cargo xtask model` fetches it): a set of them is the whole file, tensor by tensor.
import assert from 'node:assert/strict';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { test } from 'node:test';
import { Host, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { project } from './support/modules.mjs';
import { split } from './support/split.mjs';

const MODEL = project('target/models/gemma-3-270m-q4_k_m.gguf');
const there = { skip: existsSync(MODEL) ? false : 'no model: run `cargo xtask model`' };
const HEADER = 8 * MIB;
const COUNT = 3;

function withShards(use) {
  const file = openSync(MODEL);
  try {
    const start = Buffer.alloc(HEADER);
    readSync(file, start, 0, HEADER, 0);
    return use(file, split(start, fstatSync(file).size, COUNT));
  } finally {
    closeSync(file);
  }
}

const lengthOf = ({ head, from, to }) => head.length + to - from;

/** Pushes the shard from its session's position on, until `isEnough`. */
function push(host, handle, file, shard, isEnough = () => false) {
  const { head, from, to } = shard;
  let state = STATE.open;
  for (let at = host.position(handle); at < lengthOf(shard) && !isEnough(state);) {
    const window = host.view(host.exports.window(handle));
    const length = at < head.length
      ? head.copy(window, 0, at, at + window.length)
      : readSync(file, window, 0, Math.min(window.length, to - from - (at - head.length)), from + at - head.length);
    state = host.exports.push_chunk(handle, BigInt(at), length);
    assert.ok(state > 0, state < 0 ? host.errorText() : '');
    at += length;
  }
}

for (const [name, sink] of [['verified', VERIFY], ['kept', RESIDENT]]) {
  test(`the real model in three shards is one set, joined before its data: ${name}`, there, () =>
    withShards((file, shards) => {
      const host = new Host();
      const whole = host.begin(fstatSync(file).size, VERIFY, { digests: 0 });
      push(host, whole, file, { head: Buffer.alloc(0), from: 0, to: fstatSync(file).size },
        state => state === STATE.header_ready);
      const { tensors } = host.report(whole);
      host.release(whole);
      const handles = shards.map(shard => host.begin(lengthOf(shard), sink));
      shards.forEach((shard, no) => {
        push(host, handles[no], file, shard, state => state === STATE.header_ready);
        assert.equal(host.exports.join(handles[no], handles[0]), STATE.header_ready);
      });
      assert.deepEqual(shards.flatMap(({ names }) => names), tensors.map(tensor => tensor.name));
      for (const no of [1, 2, 0]) {
        assert.equal(host.exports.activate(handles[0]), STATUS.state);
        push(host, handles[no], file, shards[no]);
        assert.equal(host.exports.finish(handles[no]), STATE.admitted);
      }
      assert.equal(host.exports.activate(handles[0]), STATE.admitted);
      const parts = handles.flatMap(handle =>
        host.report(handle).tensors.map((tensor, index) => ({ ...tensor, handle, index })));
      assert.equal(parts.length, 236);
      const expected = Buffer.alloc(Math.max(...tensors.map(({ bytes }) => bytes)));
      parts.forEach(({ handle, index, ...part }, at) => {
        assert.deepEqual({ ...part, offset: tensors[at].offset }, tensors[at]);
        if (sink === VERIFY) return;
        assert.equal(readSync(file, expected, 0, part.bytes, tensors[at].offset), part.bytes);
        const slice = host.exports.tensor(handle, index);
        assert.equal(Buffer.compare(host.view(slice), expected.subarray(0, part.bytes)), 0, part.name);
      });
    }));
}
