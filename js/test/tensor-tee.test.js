// The passing bytes as tensors, for whoever keeps them elsewhere.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { admit, admitStored, hostFor, tensorTee } from '../index.js';
import { assertNoSession, faultOf, freshGuest, v1Exports } from './support/guest.js';
import { gguf, joined } from './support/gguf.js';
import { fakeOrigin } from './support/opfs.js';
import { iterated, never, observed } from './support/streams.js';
import { shard } from './support/shards.js';
import { withGuestWorker } from './support/thread.js';

/** Borders at every residue, tensors without elements at the start, in the middle, side by side and at the end. */
const TENSORS = [
  { name: 'none.first', bytes: 0 },
  { name: 'a', bytes: 150_001 },
  { name: 'b', bytes: 1 },
  { name: 'none.1', bytes: 0 },
  { name: 'none.2', bytes: 0 },
  { name: 'c', bytes: 32 },
  { name: 'd', bytes: 70_003 },
  { name: 'none.last', bytes: 0 },
];
const file = gguf({ tensors: TENSORS });
/** The same with fewer bytes: 1,501 and 703. */
const small = gguf({ tensors: TENSORS.map(({ name, bytes }) => ({ name, bytes: Math.ceil(bytes / 100) })) });
const NONE = gguf({ tensors: [{ name: 'none', bytes: 0 }, { name: 'none.too', bytes: 0 }] });

/** @typedef {import('../index.js').TensorCalls} TensorCalls */

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

/**
 * Keeps what it is told, and calls `at` before it, with the name of the call and how often that has come.
 *
 * @param {(call: string, count: number) => unknown} [at]
 */
function keeper(at = () => {}) {
  /** @type {Record<string, number>} */ const counts = {};
  /** @type {{ tensor: import('../index.js').PassingTensor, pieces: Uint8Array[], size: number, isWhole: boolean }[]} */
  const tensors = [];
  /** @type {any[]} */ const about = [];
  /** @type {string[]} */ const calls = [];
  let under = 0;
  const told = async (/** @type {string} */ name, /** @type {() => void} */ act = () => {}) => {
    assert.equal(under++, 0, `${name} comes while another call is under way`);
    calls.push(name);
    counts[name] = (counts[name] ?? 0) + 1;
    try {
      await at(name, counts[name]);
      act();
    } finally {
      under--;
    }
  };
  const last = () => tensors[tensors.length - 1];
  const own = {
    tensors, calls, about,
    /** @param {any} report */
    open: report => told('open', () => void about.push(report)),
    /** @param {import('../index.js').PassingTensor} tensor */
    tensor: tensor => told('tensor', () => void tensors.push({ tensor, pieces: [], size: 0, isWhole: false })),
    /** @param {Uint8Array} bytes  @param {number} offset */
    write: (bytes, offset) => told('write', () => {
      assert.deepEqual([offset, bytes.length > 0, last().isWhole], [last().size, true, false]);
      last().pieces.push(bytes.slice());
      last().size += bytes.length;
    }),
    /** @param {import('../index.js').PassingTensor} tensor */
    whole: tensor => told('whole', () => {
      assert.equal(tensor, last().tensor);
      last().isWhole = true;
    }),
    /** @param {any} report */
    close: report => told('close', () => void about.push(report)),
    /** @param {unknown} reason */
    async abort(reason) {
      calls.push('abort');
      about.push(reason);
      await at('abort', 1);
    },
  };
  return own;
}

/**
 * @param {ReturnType<typeof keeper>} kept
 * @param {import('../index.js').FileReport} report
 * @param {Uint8Array} [of]
 */
function assertTensors({ tensors, calls }, report, of = file) {
  assert.deepEqual(tensors.map(({ tensor }) => tensor), report.tensors.map((tensor, index) => ({ index, ...tensor })));
  for (const { tensor: { name, offset, bytes }, pieces, isWhole } of tensors) {
    assert.equal(isWhole, true, name);
    assert.equal(Buffer.compare(joined(pieces), of.subarray(offset, offset + bytes)), 0, name);
    if (bytes === 0) assert.equal(pieces.length, 0, name);
  }
  assert.deepEqual([calls[0], calls[calls.length - 1], calls.includes('abort')], ['open', 'close', false]);
}

test('the tensors come in file order, each whole, in whatever chunks the file comes', async () => {
  const pieces = [...[1, 3, 31, 32, 33].map(size => [small, size]),
    ...[1000, 65_536, 150_001, file.length - 1, file.length].map(size => [file, size])];
  for (const [of, piece] of /** @type {[Uint8Array<ArrayBuffer>, number][]} */ (pieces)) {
    const kept = keeper();
    const model = await admit(guest, observed(of, { piece }).stream, { tee: tensorTee(kept) });
    assertTensors(kept, model.report, of);
    assert.equal(kept.about[0].tensors.length, TENSORS.length);
    assert.deepEqual(kept.about[1], model.report);
    model.release();
  }
});

test('a file without a byte of data has its tensors, and so have trailing bytes none', async () => {
  const kept = keeper();
  assertTensors(kept, (await admit(guest, NONE, { tee: tensorTee(kept) })).report, NONE);
  const behind = keeper();
  const longer = joined([file, new Uint8Array(50_000).fill(7)]);
  const options = { limits: { trailingBytes: 50_000 }, tee: tensorTee(behind) };
  assertTensors(behind, (await admit(guest, longer, options)).report);
  const without = keeper();
  await admit(guest, gguf({ tensors: [] }), { tee: tensorTee(without) });
  assert.deepEqual(without.calls, ['open', 'close']);
});

test('open comes behind onHeader and before more than the header is asked for; its refusal costs no data', async () => {
  const source = observed(file, { piece: 1000 });
  const mine = new Error('not on this machine');
  /** @type {unknown[]} */ const seen = [];
  const kept = keeper(async call => {
    if (call !== 'open') return;
    seen.push(call, source.given);
    await delay(20);
    seen.push(source.given);
    throw mine;
  });
  const onHeader = () => void seen.push('onHeader');
  assert.equal(await faultOf(admit(guest, source.stream, { onHeader, tee: tensorTee(kept) })), mine);
  assert.deepEqual(seen, ['onHeader', 'open', 1000, 1000]);
  assert.deepEqual(kept.calls, ['open', 'abort']);
  assert.equal(kept.about[0], mine);
  assert.equal(source.cancelled, mine);
  assertNoSession(guest);
});

test('whatever the source: each call is waited for before the next piece is asked for', async () => {
  const source = observed(file, { piece: 10_000 });
  let asked = 0;
  const kept = keeper(async () => {
    asked = source.given;
    await delay(0);
    assert.equal(source.given, asked);
  });
  await admit(guest, source.stream, { tee: tensorTee(kept) });
  assert.equal(kept.calls.filter(call => call === 'tensor').length, TENSORS.length);
});

/** Every call at which something can fail, with a first and a later time. */
const POINTS = [['open', 1], ['tensor', 1], ['tensor', 2], ['tensor', 8], ['write', 1], ['write', 2], ['write', 9],
  ['whole', 1], ['whole', 2], ['whole', 8], ['close', 1]];

/** Ways to fail there. @type {Record<string, (mine: Error, stop: AbortController) => unknown>} */
const WAYS = {
  'a throw': mine => {
    throw mine;
  },
  'a rejection': mine => Promise.reject(mine),
  'an abort': (mine, stop) => stop.abort(mine),
  'an abort of what never answers': (mine, stop) => (stop.abort(mine), never()),
};

/**
 * @param {(source: import('./support/streams.js').Observed, options: import('../index.js').AdmitOptions) =>
 *   Promise<unknown>} admitting
 */
async function failsEverywhere(admitting) {
  for (const [call, time] of POINTS) {
    for (const [way, act] of Object.entries(WAYS)) {
      const mine = new Error(`${way} in ${call} ${time}`);
      const stop = new AbortController();
      const kept = keeper((name, count) => (name === call && count === time ? act(mine, stop) : undefined));
      const source = observed(file, { piece: 20_000 });
      const fault = await faultOf(admitting(source, { signal: stop.signal, tee: tensorTee(kept) }));
      assert.equal(fault, mine);
      const { calls } = kept;
      await delay(1);
      assert.equal(calls.indexOf('abort'), calls.length - 1, `${mine.message}: ${calls.slice(-3)}`);
      assert.equal(kept.about.at(-1), mine);
      // Of an abort the tee is told when a worker has heard of it: calls may come until then.
      if (!stop.signal.aborted) assert.equal(calls.filter(one => one === call).length, time);
    }
  }
}

test('a fault in any call, or an abort meanwhile: one abort with it, and nothing after it', async () => {
  await failsEverywhere((source, options) => admit(guest, source.stream, options));
  assertNoSession(guest);
});

test('the same with the guest in a worker, where the calls come on this thread', () => withGuestWorker(async worker => {
  const kept = keeper();
  const model = await worker.admit(new Blob([file]), { tee: tensorTee(kept) });
  assertTensors(kept, model.report);
  await model.release();
  await failsEverywhere((source, options) => worker.admit(iterated(source), options));
}));

test('a file that is refused, and a source that is lost, are told by one abort', async () => {
  const cut = { length: file.length - 1 };
  const lost = observed(file, { piece: 9000, at: offset => {
    if (offset > 100_000) throw new Error('the line');
  } });
  const wrong = gguf({ tensors: TENSORS, alignment: 64 });
  wrong[0] = 0;
  /** @type {[import('../index.js').Admissible, import('../index.js').AdmitOptions, string][]} */
  const cases = [
    [file.subarray(0, file.length - 40), {}, 'truncated'],
    [[file.subarray(0, 90_000)], cut, 'truncated'],
    [file, { sha256: '0'.repeat(64) }, 'digest'],
    [lost.stream, {}, 'source'],
    [wrong, {}, 'magic'],
    [file, { sink: /** @type {any} */ ('disk') }, 'argument'],
    ['nowhere', {}, 'argument'],
  ];
  for (const [source, options, code] of cases) {
    const kept = keeper();
    const fault = await faultOf(admit(guest, source, { ...options, tee: tensorTee(kept) }));
    assert.equal(fault.code, code);
    assert.deepEqual([kept.calls.indexOf('abort'), kept.about.at(-1)], [kept.calls.length - 1, fault]);
  }
  assertNoSession(guest);
});

test('bytes are those that were judged, whatever the owner of the chunk does meanwhile', async () => {
  const chunk = small.slice();
  const kept = keeper(async call => {
    if (call === 'open') chunk.fill(9);
    await delay(0);
  });
  const model = await admit(guest, new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  }), { tee: tensorTee(kept) });
  assertTensors(kept, model.report, small);
});

test('one tee is for one admission at a time: another is misuse, and the first goes on', async () => {
  for (const isHere of [true, false]) {
    await withGuestWorker(async worker => {
      const twice = (/** @type {import('../index.js').Admissible} */ source, /** @type {any} */ options) =>
        isHere ? admit(guest, source, options) : worker.admit(source, options);
      const kept = keeper();
      const tee = tensorTee(kept);
      let isFirst = true;
      const kinds = [[file, {}], ['nowhere', {}], [file, { sink: /** @type {any} */ ('disk') }]];
      /** @type {unknown[]} */ const codes = [];
      const source = observed(file, { piece: 50_000, async at() {
        if (!isFirst) return;
        isFirst = false;
        for (const [other, options] of kinds) {
          const cancelled = observed(file);
          codes.push((await faultOf(twice(/** @type {any} */ (other), { .../** @type {any} */ (options), tee }))).code);
          codes.push((await faultOf(twice(cancelled.stream, { tee }))).code);
          assert.equal(cancelled.isCancelled, true);
        }
        const wrong = { tee, sink: /** @type {any} */ ('disk') };
        assert.equal((await faultOf(admitStored(guest, 'x', new Blob([file]), wrong))).code, 'argument');
      } });
      const model = await twice(iterated(source), { tee });
      // A source that cannot be, and options that cannot be, come first.
      const wanted = isHere ? ['state', 'argument', 'argument'] : ['state', 'state', 'argument'];
      assert.deepEqual(codes, wanted.flatMap(code => [code, 'state']));
      assertTensors(kept, model.report);
      assert.equal((await faultOf(twice(file, { tee: [tee, tee] }))).code, 'state');
      assert.equal(kept.calls.filter(call => call === 'abort').length, 1);
      // Afterwards it serves another one.
      await model.release();
      await (await twice(file, { tee })).release();
    });
  }
});

test('tees beside it see the same bytes, and a report of their own', async () => {
  const [one, two] = [keeper(), keeper()];
  const spoiling = tensorTee({
    open: report => void report.tensors.forEach(tensor => (tensor.offset = 0)),
    write: bytes => void bytes.fill(0),
  });
  const { report } = await admit(guest, file, { tee: [tensorTee(one), spoiling, tensorTee(two)] });
  assertTensors(one, report);
  assertTensors(two, report);
});

test('a stored file passes as tensors, when it is fetched and when it is found', async () => {
  fakeOrigin();
  for (const found of [false, true]) {
    const kept = keeper();
    const answer = await admitStored(guest, 'x', new Blob([file]), { tee: tensorTee(kept) });
    assert.equal(answer.found, found);
    assertTensors(kept, answer.model.report);
    answer.model.release();
  }
});

test('each shard of a set has a tee of its own; one for several is misuse', () => withGuestWorker(async worker => {
  const files = [0, 1, 2].map(no => shard(no));
  const sources = () => files.map(file => new Blob([file]));
  for (const admitting of [admit.bind(null, guest), worker.admit.bind(worker)]) {
    const kept = files.map(() => keeper());
    const model = await admitting(sources(), { shards: kept.map(kept => ({ tee: tensorTee(kept) })) });
    for (const [index, { tensors }] of kept.entries()) {
      const report = await admit(guest, files[index]);
      assertTensors(kept[index], report.report, files[index]);
      assert.equal(tensors.length, report.report.tensors.length);
      report.release();
    }
    await model.release();
    const slow = keeper(() => delay(5));
    const tee = tensorTee(slow);
    const fault = await faultOf(admitting(sources(), { shards: files.map(() => ({ tee })) }));
    assert.deepEqual([fault.code, fault.kind], ['state', 'misuse']);
    assert.equal(slow.calls.at(-1), 'abort');
  }
}));

test('a host of ABI v1 cannot open a tee', async () => {
  const kept = keeper();
  const fault = await faultOf(hostFor(v1Exports()).load(file, { tee: tensorTee(kept) }));
  assert.deepEqual([fault.code, fault.kind], ['unsupported', 'misuse']);
  assert.deepEqual(kept.calls, ['abort']);
});

test('driven by hand it takes the bytes in order, each once, one call at a time', async () => {
  const header = (await admit(guest, file)).report;
  const { dataOffset } = header.gguf;
  const wrong = [
    async (/** @type {any} */ tee) => tee.write(file, 1),
    async (/** @type {any} */ tee) => tee.close(header),
    async (/** @type {any} */ tee) => (await tee.write(file, 0), tee.open(header)),
    async (/** @type {any} */ tee) => (await tee.open(header), tee.open(header)),
    async (/** @type {any} */ tee) => {
      await tee.open(header);
      await tee.write(file.subarray(0, dataOffset + 500), 0);
      await tee.close(header);
    },
    async (/** @type {any} */ tee) => {
      await tee.open(header);
      await Promise.all([tee.write(file, 0), tee.write(file, file.length)]);
    },
  ];
  for (const act of wrong) {
    const kept = keeper();
    const tee = tensorTee(kept);
    const fault = await faultOf(act(tee));
    assert.deepEqual([fault.code, fault.kind], ['state', 'misuse']);
    await tee.abort?.('over');
    assert.equal(kept.calls.at(-1), 'abort');
  }
  const kept = keeper();
  const tee = /** @type {any} */ (tensorTee(kept));
  await tee.write(file.subarray(0, dataOffset), 0);
  await tee.open(header);
  await tee.write(file.subarray(dataOffset), dataOffset);
  await tee.close(header);
  assertTensors(kept, header);
});

test('what is no object with calls is misuse', async () => {
  const none = [undefined, null, 5, () => {}, {}, { write: 5 }];
  const odd = ['open', 'tensor', 'whole', 'close', 'abort'].map(name => ({ write() {}, [name]: 5 }));
  for (const calls of [...none, ...odd]) {
    const fault = await faultOf(() => tensorTee(/** @type {any} */ (calls)));
    assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse']);
  }
  // All but write may be left out, and they are the object's methods.
  const own = new (class {
    size = 0;
    /** @param {Uint8Array} bytes */
    write(bytes) {
      this.size += bytes.length;
    }
  })();
  await admit(guest, file, { tee: tensorTee(own) });
  assert.equal(own.size, TENSORS.reduce((sum, { bytes }) => sum + bytes, 0));
});
