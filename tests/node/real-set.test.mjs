// The real model in shards (`cargo xtask model` fetches it): a set of them is the whole file, tensor by tensor.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { test } from 'node:test';
import { admit, loadGuest } from '../../js/index.js';
import { Host, MIB, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';
import { project } from './support/modules.mjs';
import { split } from './support/split.mjs';

const MODEL = project('target/models/gemma-3-270m-q4_k_m.gguf');
const there = { skip: existsSync(MODEL) ? false : 'no model: run `cargo xtask model`' };
const HEADER = 8 * MIB;
const COUNT = 3;

async function withShards(use) {
  const file = openSync(MODEL);
  try {
    const start = Buffer.alloc(HEADER);
    readSync(file, start, 0, HEADER, 0);
    return await use(file, split(start, fstatSync(file).size, COUNT));
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

/** The bytes of a shard, a MiB at a time. */
function* bytesOf(file, { head, from, to }) {
  yield head;
  for (let at = from; at < to; at += MIB) {
    const piece = Buffer.alloc(Math.min(MIB, to - at));
    readSync(file, piece, 0, piece.length, at);
    yield piece;
  }
}

test('the package admits the list: digests of each file, tensors of the whole, memory of two windows', there, () =>
  withShards(async (file, shards) => {
    const hashes = shards.map(shard => {
      const hash = createHash('sha256');
      for (const piece of bytesOf(file, shard)) hash.update(piece);
      return hash.digest('hex');
    });
    const [one, guest] = [await loadGuest(), await loadGuest()];
    const whole = { head: Buffer.alloc(0), from: 0, to: fstatSync(file).size };
    const { report } = await admit(one, bytesOf(file, whole), { length: whole.to });
    const lengths = shards.map(shard => ({ length: lengthOf(shard) }));
    const verified = await admit(guest, shards.map(shard => bytesOf(file, shard)), {
      shards: lengths.map((each, no) => ({ ...each, sha256: hashes[no] })),
    });
    assert.ok(guest.memoryBytes <= one.memoryBytes + 2 * MIB, `${guest.memoryBytes} beside ${one.memoryBytes}`);
    assert.deepEqual(verified.report.set.joined, [0, 1, 2]);
    verified.release();
    const model = await admit(guest, shards.map(shard => bytesOf(file, shard)), { sink: 'resident', shards: lengths });
    assert.equal(model.report.tensors.length, 236);
    assert.equal(model.metadata('tokenizer.ggml.tokens').length, 262_144);
    for (const { name, offset, bytes } of report.tensors) {
      const expected = Buffer.alloc(bytes);
      readSync(file, expected, 0, bytes, offset);
      assert.equal(Buffer.compare(model.tensor(name), expected), 0, name);
    }
    model.release();
  }));
