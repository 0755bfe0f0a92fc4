// Sets of shards through the module: what joins, what is refused, and v1's texts over an active set.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gguf } from './support/gguf.mjs';
import { Host, RESIDENT, STATE, STATUS, VERIFY, content } from './support/host.mjs';
import { V1Host } from './support/v1.mjs';

const COUNT = 3;

/** A shard of one tensor; `changes` are what it says of its set. */
function shard(no, { count = COUNT, tensors = COUNT, name = `blk.${no}.weight` } = {}) {
  return gguf({
    entries: [
      ['general.name', 'string', `shard ${no}`],
      ['split.no', 'u16', no], ['split.count', 'u16', count], ['split.tensors.count', 'i32', tensors],
    ],
    tensors: [{ name, type: 'I8', dims: [100 + no] }],
  });
}

const join = (host, handle, lead) => host.exports.join(handle, lead);

function setOf(host, sink) {
  const handles = [0, 1, 2].map(no => host.model(shard(no), { sink }));
  for (const handle of handles) assert.equal(join(host, handle, handles[0]), STATE.admitted);
  return handles;
}

for (const [name, sink] of [['verify', VERIFY], ['resident', RESIDENT]]) {
  test(`shards join at their headers and are admitted side by side, active as one: ${name}`, () => {
    const host = new Host();
    const files = [0, 1, 2].map(no => shard(no));
    const handles = files.map(file => host.begin(file.length, sink));
    handles.forEach((handle, no) => {
      assert.equal(host.feed(handle, files[no].subarray(0, files[no].headerBytes)), STATE.header_ready);
    });
    for (const handle of handles) assert.equal(join(host, handle, handles[0]), STATE.header_ready);
    assert.equal(join(host, handles[1], handles[0]), STATUS.state, 'joined already');
    for (const no of [2, 0, 1]) {
      assert.equal(host.exports.activate(handles[0]), STATUS.state, 'not all are admitted');
      assert.ok(host.feed(handles[no], files[no]) > 0);
      assert.equal(host.exports.finish(handles[no]), STATE.admitted);
    }
    assert.equal(host.exports.activate(handles[1]), STATUS.state, 'not the lead');
    assert.equal(host.exports.activate(handles[0]), STATE.admitted);
    assert.equal(host.exports.active(), handles[0]);
    handles.forEach((handle, no) => {
      assert.deepEqual(host.report(handle).set, {
        no, count: COUNT, tensors: COUNT, lead: handles[0], joined: [0, 1, 2],
      });
      const { dataStart } = files[no];
      if (sink === RESIDENT) {
        assert.deepEqual(host.tensor(handle, 0), files[no].slice(dataStart, dataStart + 100 + no));
      }
    });
  });
}

test('v1 speaks of an active set as of its lead, loaded by itself', () => {
  const host = new Host();
  const [lead] = setOf(host, RESIDENT);
  assert.equal(host.exports.activate(lead), STATE.admitted);
  const alone = new V1Host(new Host().exports);
  assert.equal(alone.load(shard(0)), 0);
  const v1 = new V1Host(host.exports);
  assert.deepEqual(content(v1.diagnostics().model), content(alone.diagnostics().model));
  assert.equal(host.exports.free_model(), 0);
  assert.equal(host.exports.active(), 0);
});

/** What does not fit, its path in the joining file, and why it does not. */
const UNFIT = [
  ['another count', shard(1, { count: 4 }), 'metadata[2].value'],
  ['a number there already', shard(0, { name: 'other' }), 'metadata[1].value'],
  ['a number past the end', shard(3), 'metadata[1].value'],
  ['another total', shard(1, { tensors: 4 }), 'metadata[3].value'],
  ['a name there already', shard(1, { name: 'blk.0.weight' }), 'tensors[0].name'],
  ['no keys', gguf({ tensors: [{ name: 'a', type: 'I8', dims: [8] }] }), null],
];

for (const [why, file, path] of UNFIT) {
  test(`a shard that does not fit fails alone: ${why}`, () => {
    const host = new Host();
    const lead = host.model(shard(0));
    assert.equal(join(host, lead, lead), STATE.admitted);
    const other = host.model(file);
    const before = host.reportText(lead);
    assert.equal(join(host, other, lead), STATUS.set);
    const { state, error } = host.report(other);
    assert.equal(state, 'failed');
    assert.deepEqual([error.code, error.path, error.offset], ['set', path, path && file.at[path]]);
    assert.equal(host.reportText(lead), before, 'the lead is as it was');
    host.release(other);
    for (const no of [1, 2]) assert.equal(join(host, host.model(shard(no)), lead), STATE.admitted);
    assert.equal(host.exports.activate(lead), STATE.admitted);
  });
}

test('a shard released is missing, and another takes its place; the lead ends the set', () => {
  const host = new Host();
  const [lead, middle, last] = setOf(host, VERIFY);
  assert.equal(host.exports.activate(lead), STATE.admitted);
  host.release(middle);
  assert.equal(host.exports.active(), 0, 'no model stays active that could not be made active');
  assert.deepEqual(host.report(lead).set.joined, [0, 2]);
  assert.equal(host.exports.activate(lead), STATUS.state);
  assert.equal(join(host, host.model(shard(1)), lead), STATE.admitted);
  assert.equal(host.exports.activate(lead), STATE.admitted);
  host.release(lead);
  assert.equal(host.report(last).set, undefined);
  const young = host.model(shard(0));
  assert.equal(join(host, young, young), STATE.admitted);
  assert.equal(join(host, last, young), STATE.admitted);
});

/** A session of a shard that has read its header and joined. */
function begun(host, file, lead) {
  const handle = host.begin(file.length, VERIFY);
  assert.equal(host.feed(handle, file.subarray(0, file.headerBytes)), STATE.header_ready);
  assert.equal(join(host, handle, lead ?? handle), STATE.header_ready);
  return handle;
}

/** The file with a byte of its padding that is not zero: its header is good. */
function spoilt(file) {
  const broken = file.slice();
  broken[file.dataStart - 1] = 1;
  return broken;
}

test('a shard that fails in its data is out of its set, and another takes its place; of the lead, the set ends', () => {
  const host = new Host();
  const files = [0, 1, 2].map(no => shard(no));
  const lead = begun(host, files[0]);
  const [second, third] = [begun(host, files[1], lead), begun(host, files[2], lead)];
  const [whole, before] = [host.model(shard(0)), host.reportText(third)];
  assert.equal(host.feed(second, spoilt(files[1])), STATUS.layout);
  assert.deepEqual(host.report(lead).set.joined, [0, 2]);
  assert.equal(host.report(second).set, undefined);
  assert.notEqual(host.reportText(third), before, 'it tells that the second is missing, and nothing else');
  assert.deepEqual({ ...host.report(third), set: 0 }, { ...JSON.parse(before), set: 0 });
  assert.equal(join(host, second, lead), STATUS.state, 'what failed joins no more');
  begun(host, files[1], lead);
  assert.deepEqual(host.report(lead).set.joined, [0, 1, 2]);
  assert.equal(host.feed(lead, spoilt(files[0])), STATUS.layout);
  assert.equal(host.report(third).set, undefined);
  assert.equal(join(host, whole, whole), STATE.admitted);
  assert.equal(join(host, third, whole), STATE.header_ready, 'the others may join anew');
});

test('an active model that a join rejects, or that joins a set which is not whole, is active no more', () => {
  const host = new Host();
  const lead = host.model(shard(0));
  assert.equal(join(host, lead, lead), STATE.admitted);
  for (const [file, answer] of [[shard(1, { count: 4 }), STATUS.set], [shard(1), STATE.admitted]]) {
    const model = host.model(file);
    assert.equal(host.exports.activate(model), STATE.admitted);
    assert.equal(join(host, model, lead), answer);
    assert.equal(host.exports.active(), 0);
    assert.equal(host.exports.activate(model), STATUS.state);
  }
});

test('a model that v1 loaded joins no set, and leads none', () => {
  const host = new Host();
  assert.equal(new V1Host(host.exports).load(shard(0)), 0);
  const loaded = host.exports.active();
  const second = host.model(shard(1));
  assert.equal(join(host, loaded, loaded), STATUS.state);
  assert.equal(join(host, second, loaded), STATUS.state);
  assert.equal(host.exports.active(), loaded);
});

test('names that fork at each of their bits, more often than one walk keeps in mind, are told apart', () => {
  const host = new Host();
  const stem = '@'.repeat(1000);
  const deep = (no, last) => {
    const leaf = (length, bit) => `${stem.slice(0, length - 1)}${String.fromCharCode(0x40 ^ (1 << bit))}${no}`;
    const names = Array.from({ length: 6 * stem.length }, (_, at) => leaf(Math.floor(at / 6) + 1, at % 6));
    const file = gguf({
      entries: [['split.no', 'u16', no], ['split.count', 'u16', 4], ['split.tensors.count', 'i32', 100_000]],
      tensors: [...names, last].map(name => ({ name, type: 'I8', dims: [1] })),
    });
    const handle = host.begin(file.length, VERIFY, { limits: { name_bytes: 4096 } });
    assert.equal(host.feed(handle, file.subarray(0, file.headerBytes)), STATE.header_ready);
    return handle;
  };
  const [lead, second] = [deep(0, `${stem}x`), deep(1, `${stem}y`)];
  assert.equal(join(host, lead, lead), STATE.header_ready);
  assert.equal(join(host, second, lead), STATE.header_ready);
  const third = deep(2, `${stem}y`);
  assert.equal(join(host, third, lead), STATUS.set);
  assert.equal(host.report(third).error.path, `tensors[${6 * stem.length}].name`);
});
