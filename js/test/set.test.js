import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { ModelSet, admit } from '../index.js';
import { gguf } from './support/gguf.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { shard, shards } from './support/shards.js';
import { observed, recorder } from './support/streams.js';

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

const files = shards();
/** Long enough for more than what comes with a header. */
const long = shards(5, { bytes: 300_000 });
const [FIRST_READ] = [64 * 1024];

/** @param {Uint8Array<ArrayBuffer>} bytes */
const sha256Of = bytes => createHash('sha256').update(bytes).digest('hex');
/** @param {Uint8Array<ArrayBuffer>[]} list */
const streams = list => list.map(bytes => observed(bytes, { piece: 20_000 }));
/** @param {import('./support/streams.js').Observed[]} list */
const sourcesOf = list => list.map(({ stream }) => stream);
/** @param {Uint8Array<ArrayBuffer>[]} list */
const blobs = list => list.map(bytes => new Blob([bytes]));

/** @param {import('./support/streams.js').Observed[]} list */
function assertClosed(list) {
  for (const { stream, isCancelled, given } of list) {
    assert.equal(stream.locked, false);
    assert.ok(isCancelled || given > 0);
  }
}

for (const sink of /** @type {const} */ (['verify', 'resident'])) {
  test(`a list of sources is one model: ${sink}`, async () => {
    const model = await admit(guest, blobs(files), { sink });
    assert.ok(model instanceof ModelSet);
    assert.equal(model.metadata('general.name'), 'a set');
    const { report } = model;
    assert.deepEqual(report.set, { no: 0, count: 3, tensors: 3, lead: model.handle, joined: [0, 1, 2] });
    assert.deepEqual(report.tensors.map(({ name, shard }) => [name, shard]), [
      ['blk.0.weight', 0], ['blk.1.weight', 1], ['blk.2.weight', 2],
    ]);
    assert.equal(report.length, files.reduce((sum, { length }) => sum + length, 0));
    assert.deepEqual(report.digests, {});
    assert.deepEqual(report.shards.map(({ digests }) => digests.sha256), files.map(sha256Of));
    assert.deepEqual(report.shards.map(({ set }) => set?.joined), [[0, 1, 2], [0, 1, 2], [0, 1, 2]]);
    if (sink === 'resident') {
      for (const index of [0, 1, 2]) {
        const { bytes, offset } = report.tensors[index];
        const there = files[index].slice(offset, offset + bytes);
        assert.deepEqual(model.tensor(`blk.${index}.weight`)?.slice(), there);
        assert.deepEqual(model.tensor(index)?.slice(), there);
      }
    }
    assert.deepEqual([model.tensor('none'), model.tensor(3)], [undefined, undefined]);
    model.activate();
    assert.equal(model.isActive, true);
    model.release();
    model.release();
    assert.equal(model.handle, 0);
    assertNoSession(guest);
  });
}

test('sources of every sort stand in one list, behind the lead in any order', async () => {
  const [lead, first, second] = files;
  const model = await admit(guest, [observed(lead).stream, new Blob([second]), [first]]);
  assert.deepEqual(model.report.tensors.map(({ name }) => name), ['blk.0.weight', 'blk.2.weight', 'blk.1.weight']);
  assert.deepEqual(model.report.shards.map(({ set }) => set?.no), [0, 2, 1]);
  model[Symbol.dispose ?? 'release']();
  assertNoSession(guest);
});

test('bytes in a list are the chunks of one file', async () => {
  const [file] = files;
  const model = await admit(guest, [file.subarray(0, 100), file.subarray(100)]);
  assert.equal(model.report.digests.sha256, sha256Of(file));
  assert.equal(model.report.set, undefined);
});

test('a list of one is a whole set, or a file that is not split', async () => {
  const plain = await admit(guest, [new Blob([gguf()])]);
  assert.ok(plain instanceof ModelSet);
  assert.equal(plain.report.set, undefined);
  assert.deepEqual(plain.report.digests, { sha256: sha256Of(gguf()) });
  const one = await admit(guest, blobs(shards(1)));
  assert.deepEqual(one.report.set?.joined, [0]);
  const fault = await faultOf(admit(guest, blobs(files.slice(0, 1))));
  assert.deepEqual([fault.code, fault.expected, fault.found], ['set', '3', '1']);
  assertNoSession(guest, 2);
});

test('two shards are fetched at a time, the first of them alone until its header is agreed to', async () => {
  let most = 0;
  const list = long.map(bytes => observed(bytes, {
    piece: 20_000,
    at: () => {
      const open = list.filter(({ given }, no) => given > 0 && given < long[no].length);
      most = Math.max(most, open.length);
      return new Promise(resolve => setTimeout(resolve, 1));
    },
  }));
  /** @type {number[]} */ const given = [];
  /** @type {number[]} */ const asked = [];
  const model = await admit(guest, sourcesOf(list), {
    async onHeader({ set }) {
      asked.push(set?.no ?? -1);
      await new Promise(resolve => setTimeout(resolve, 5));
      if (set?.no === 0) given.push(...list.map(({ given }) => given));
    },
  });
  assert.ok(given[0] > 0 && given[0] <= FIRST_READ + 20_000);
  assert.deepEqual(given.slice(1), [0, 0, 0, 0]);
  assert.deepEqual(asked, [0, 1, 2, 3, 4]);
  assert.equal(most, 2);
  model.release();
});

test('shards join in the order of the list, whichever header is there first', async () => {
  /** @type {() => void} */ let go = () => {};
  const isAsked = new Promise(resolve => (go = () => resolve(undefined)));
  const [lead, second, third] = files;
  /** @type {string[]} */ const told = [];
  const slow = observed(second, { at: () => isAsked });
  const swift = observed(third, {
    at: offset => void (offset === 0 && (told.push('third'), setTimeout(go, 30))),
  });
  const model = await admit(guest, [new Blob([lead]), slow.stream, swift.stream], {
    onHeader: ({ set }) => void told.push(`joined ${set?.joined}`),
  });
  assert.deepEqual(told.filter((word, at) => told.indexOf(word) === at), [
    'joined 0', 'third', 'joined 0,1', 'joined 0,1,2',
  ]);
  model.release();
});

/** What is wrong, the list, the shard that is told, its code and its path. */
const UNFIT = /** @type {const} */ ([
  ['one is missing', [shard(0), shard(1)], 0, 'set', 'metadata[3].value'],
  ['one is too many', [...files, shard(3)], 0, 'set', 'metadata[3].value'],
  ['one stands there twice', [shard(0), shard(1), shard(1)], 2, 'set', 'metadata[0].value'],
  ['the lead stands there twice', [shard(0), shard(0), shard(2)], 1, 'set', 'metadata[2].value'],
  ['the lead is not the first', [shard(1), shard(0), shard(2)], 0, 'set', 'metadata[0].value'],
  ['one is of another model', [shard(0), shard(1, { count: 4 }), shard(2)], 1, 'set', 'metadata[1].value'],
  ['another total', [shard(0), shard(1), shard(2, { tensors: 4 })], 2, 'set', 'metadata[2].value'],
  ['a tensor is missing', [0, 1, 2].map(no => shard(no, { tensors: 4 })), 2, 'set', 'metadata[2].value'],
  ['a name twice', [shard(0), shard(1), shard(2, { name: 'blk.0.weight' })], 2, 'set', 'tensors[0].name'],
  ['one is not split', [shard(0), gguf(), shard(2)], 1, 'set', null],
  ['one is none', [shard(0), shard(1), new Uint8Array(100_000)], 2, 'magic', 'magic'],
]);
for (const [why, list, at, code, path] of UNFIT) {
  test(`a set that is none is refused at the header at fault: ${why}`, async () => {
    const model = await admit(guest, blobs(files), { sink: 'resident' });
    const before = guest.report(model.handle);
    const sources = streams([...list]);
    const tees = list.map(() => recorder());
    const fault = await faultOf(admit(guest, sourcesOf(sources), { shards: tees.map(tee => ({ tee })) }));
    assert.deepEqual([fault.code, fault.kind, fault.path, fault.shard], [code, 'rejected', path, at]);
    assert.match(fault.message, new RegExp(`^shard ${at + 1} of ${list.length}: `));
    assert.equal(fault.offset, fault.cause.offset);
    assertClosed(sources);
    assert.ok(sources[at].given <= FIRST_READ + 20_000, 'no data of it was fetched');
    if (at === 0) assert.deepEqual(sources.slice(1).map(({ given }) => given), list.slice(1).map(() => 0));
    for (const { aborted, closed } of tees) assert.equal(aborted.length + closed.length, 1);
    assert.equal(tees[at].aborted[0], fault.cause);
    assert.deepEqual(guest.report(model.handle), before, 'another set is as it was');
    assertNoSession(guest, 3);
  });
}

test('64 shards are admitted; 65 are refused at the first header', async () => {
  const most = shards(64, { bytes: 32 });
  const model = await admit(guest, most.map(bytes => [bytes]));
  assert.equal(model.report.tensors.length, 64);
  model.release();
  const sources = streams(shards(65, { bytes: 32 }));
  const fault = await faultOf(admit(guest, sourcesOf(sources)));
  assert.deepEqual([fault.code, fault.kind, fault.path, fault.shard], ['limit', 'rejected', 'metadata[3].value', 0]);
  assert.ok(sources.slice(1).every(({ given, isCancelled }) => given === 0 && isCancelled));
  assertNoSession(guest);
});

test('a fault of the data ends all: the error says of which shard, the others end by an abort', async () => {
  const cut = [files[0], files[1], files[2].subarray(0, 150_000)];
  const tees = cut.map(() => recorder());
  const sources = streams(cut);
  const fault = await faultOf(admit(guest, sourcesOf(sources), { shards: tees.map(tee => ({ tee })) }));
  assert.deepEqual([fault.code, fault.shard, fault.offset], ['truncated', 2, fault.cause.offset]);
  assertClosed(sources);
  // Whether the first shard came to its end before the third was found to be cut is the machine's to say.
  assert.equal(tees[0].closed.length + tees[0].aborted.length, 1);
  const broken = new Error('the line is cut');
  const first = streams(long);
  const lines = sourcesOf(first);
  lines[1] = observed(long[1], { piece: 20_000, at: offset => { if (offset > 100_000) throw broken; } }).stream;
  const told = long.map(() => recorder());
  const second = await faultOf(admit(guest, lines, { shards: told.map(tee => ({ tee })) }));
  assert.deepEqual([second.code, second.kind, second.shard, second.cause.cause], ['source', 'source', 1, broken]);
  assert.equal(told[1].aborted[0], second.cause);
  assert.deepEqual(told.slice(3).map(({ aborted: [reason] }) => reason.name), ['AbortError', 'AbortError']);
  assertNoSession(guest);
});

test('digests, lengths, evidence and tees are given for each shard', async () => {
  const tees = files.map(() => recorder());
  const given = files.map((bytes, no) => ({ sha256: sha256Of(bytes), length: bytes.length, tee: tees[no] }));
  const model = await admit(guest, streams(files).map(({ stream }) => stream), {
    shards: given, digests: ['evidence'], sink: 'resident',
  });
  tees.forEach((tee, no) => assert.deepEqual(tee.bytes, files[no]));
  // The tees have seen reports in which not all had joined.
  assert.deepEqual(model.report.shards.map(({ set }) => set?.joined), files.map(() => [0, 1, 2]));
  assert.equal(model.evidence(2).length, 32);
  assert.ok(model.checkGroup(0, files[1], 1));
  assert.equal(model.checkGroup(0, files[2], 1), false);
  for (const act of [() => model.evidence(), () => model.evidence(3), () => model.checkGroup(0, files[0])]) {
    assert.deepEqual([(await faultOf(act)).code], ['argument']);
  }
  const wrong = given.map((each, no) => (no === 1 ? { ...each, sha256: '0'.repeat(64) } : each));
  const fault = await faultOf(admit(guest, blobs(files), { shards: wrong.map(({ sha256 }) => ({ sha256 })) }));
  assert.deepEqual([fault.code, fault.shard], ['digest', 1]);
  assertNoSession(guest, 3);
});

test('options that cannot be are misuse: nothing is read, everything given up', async () => {
  for (const [options, path] of /** @type {[any, string][]} */ ([
    [{ shards: [{}, {}] }, 'shards'],
    [{ shards: {} }, 'shards'],
    [{ shards: [{}, { lenght: 1 }, {}] }, 'option'],
    [{ sha256: '0'.repeat(64) }, 'sha256'],
    [{ tee: recorder() }, 'tee'],
    [{ sink: 'none' }, 'sink'],
    [{ shards: [{}, {}, { sha256: 'x' }] }, 'sha256'],
  ])) {
    const sources = streams(files);
    const tee = recorder();
    if (Array.isArray(options.shards)) options.shards[0] = { tee };
    const fault = await faultOf(admit(guest, sourcesOf(sources), options));
    assert.deepEqual([fault.kind, fault.path, fault.shard], ['misuse', path, null], JSON.stringify(options));
    assert.ok(sources.every(({ isCancelled, given }) => isCancelled && given === 0));
    if (Array.isArray(options.shards)) assert.deepEqual(tee.aborted, [fault]);
  }
  const sources = streams(files.slice(1));
  const none = /** @type {any} */ ({ not: 'a source' });
  const fault = await faultOf(admit(guest, [...sourcesOf(sources), none]));
  assert.deepEqual([fault.code, fault.kind], ['set', 'rejected'], 'the first header is read before the third source');
  assert.ok(sources.every(({ isCancelled }) => isCancelled));
  assertNoSession(guest);
});

test('a list that throws when it is looked at is told like any source: the tee of it is told too', async () => {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  const tee = recorder();
  const fault = await faultOf(admit(guest, /** @type {any} */ (proxy), { tee }));
  assert.equal(tee.aborted[0], fault);
  const thrown = await faultOf(admit(guest, [new Blob([files[0]]), proxy, new Blob([files[2]])]));
  assert.deepEqual([thrown.code, thrown.shard], ['source', 1]);
  assertNoSession(guest);
});

test('an abort, and what a callback throws, come as they are', async () => {
  const reason = new Error('enough');
  for (const at of [0, 1, 2]) {
    const stop = new AbortController();
    const sources = streams(files);
    const admitted = admit(guest, sourcesOf(sources), {
      signal: stop.signal,
      onHeader: ({ set }) => {
        if (set?.no !== at) return undefined;
        stop.abort(reason);
        return new Promise(() => {});
      },
    });
    assert.equal(await faultOf(admitted), reason);
    assert.ok(sources.every(({ stream }) => !stream.locked));
    const thrown = await faultOf(admit(guest, blobs(files), {
      onHeader: ({ set }) => {
        if (set?.no === at) throw reason;
      },
    }));
    assert.equal(thrown, reason);
    assertNoSession(guest);
  }
  const before = AbortSignal.abort(reason);
  assert.equal(await faultOf(admit(guest, blobs(files), { signal: before })), reason);
  for (const phase of ['data', 'done']) {
    const thrown = await faultOf(admit(guest, blobs(long), {
      onProgress: event => {
        if (event.phase === phase) throw reason;
      },
    }));
    assert.equal(thrown, reason, phase);
  }
  assertNoSession(guest);
});

test('one progress: bytes of all, their total where it is known, the calls never at once', async () => {
  // Its calls take longer than the time between two of them.
  const many = [shard(0, { count: 4, bytes: 300 }), ...[1, 2, 3].map(no => shard(no, { count: 4, bytes: 150_000 }))];
  const [lead, ...others] = many;
  for (const isKnown of [true, false]) {
    /** @type {import('../index.js').AdmissionProgress[]} */ const events = [];
    let open = 0;
    const slow = () => new Promise(resolve => setTimeout(resolve, 20));
    const slowly = others.map(bytes => observed(bytes, { piece: 10_000, at: slow }));
    const unknown = [observed(lead, { piece: 50 }), ...slowly].map(({ stream }) => stream);
    const model = await admit(guest, isKnown ? blobs(many) : unknown, {
      onProgress: async event => {
        assert.equal(open++, 0);
        events.push(event);
        await new Promise(resolve => setTimeout(resolve, 130));
        open--;
      },
    });
    const total = many.reduce((sum, { length }) => sum + length, 0);
    const [first] = events;
    if (!isKnown) assert.deepEqual([first.phase, first.total], ['header', undefined]);
    assert.ok(events.some(({ phase }) => phase === 'data'));
    events.reduce((last, { bytes }) => (assert.ok(bytes >= last), bytes), 0);
    // Of a stream it is known at its end.
    for (const event of events) assert.ok(event.total === total || !isKnown && event.total === undefined);
    const { bytes, phase } = events[events.length - 1];
    assert.deepEqual([bytes, phase, events.filter(event => event.phase === 'done').length], [total, 'done', 1]);
    model.release();
  }
});

test('a shard that is released is missing: its tensors, and the set as the active model', async () => {
  const model = await admit(guest, blobs(files), { sink: 'resident' });
  model.activate();
  model.shards[1].release();
  assert.equal(model.isActive, false);
  assert.equal((await faultOf(() => model.activate())).code, 'state');
  assert.equal((await faultOf(() => model.tensor('blk.1.weight'))).code, 'handle');
  assert.equal(model.tensor('blk.2.weight')?.length, 200_000);
  model.release();
  assertNoSession(guest);
});

test('a set of three costs the guest at most two windows more than one file', async () => {
  const many = shards(3, { bytes: 3 * 2 ** 20 });
  const limits = { window: 2 ** 20 };
  const alone = await freshGuest();
  (await admit(alone, new Blob([many[0]]), { limits })).release();
  const model = await admit(guest, blobs(many), { limits });
  const more = guest.memoryBytes - alone.memoryBytes;
  assert.ok(more <= 2 * limits.window + 2 ** 17, `${more}`);
  model.release();
});
