// Options that cannot be: misuse, told once what was taken hold of is given up, and never read twice.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { beforeEach, test } from 'node:test';
import { Admission, AdmissionError, admit, admitStored, hostFor, loadGuestWorker, readHeader } from '../index.js';
import { opfsTee } from '../index.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { assertNoSession, faultOf, freshGuest, v1Exports } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { fakeOrigin } from './support/opfs.js';
import { observed, recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const file = gguf({ tensors: [{ bytes: 200_000 }] });

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** What no option may be; each with the option that the error is about. */
/** @type {[string, unknown][]} */
const WRONG = [
  ['options', null],
  ['options', 5],
  ['options', 'sha256'],
  ['options', revoked()],
  ['sha265', { sha265: 'a'.repeat(64) }],
  ['onheader', { onheader: () => {} }],
  ...Object.entries({
    sink: ['disk', null, 'toString', 1],
    length: [0, -1, 1.5, NaN, Infinity, 2 ** 53, '5', 5n, null],
    sha256: ['', 'a'.repeat(63), `${'a'.repeat(64)}\n`, null, 5],
    blake3: ['g'.repeat(64), {}],
    evidence: [new Uint8Array(31), new Uint8Array(0), 'x', null],
    digests: ['sha256', 5, null, {}, ['sha512'], [undefined], revoked()],
    limits: [null, 5, 'x', { tensor: 1 }, { tensors: -1 }, { tensors: 1.5 }, { tensors: '5' }, { tensors: 2 ** 53 }],
    profile: [null, 5, 'lama', '', 'toString', [], {}, revoked(), { level: 'report' },
      { name: 'llama', level: 'error' }, { name: 'llama', levels: 'report' }],
    signal: [null, {}, new EventTarget(), new AbortController(), 'x'],
    onHeader: [null, 'x', {}],
    onProgress: [null, 5],
    tee: [
      null,
      5,
      {},
      [null],
      [{}],
      { write: 5 },
      { write() {}, close: 5 },
      { write() {}, abort: 'x' },
      [[]],
      revoked(),
    ],
    retries: [-1, 1.5, NaN, '3', null],
    retryDelay: [-1, 0.5, NaN, Infinity, 2 ** 31, '3', null],
    stallTimeout: [-1, 0.5, NaN, Infinity, 2 ** 31, '3', null],
  }).flatMap(([name, values]) => values.map(value => /** @type {[string, unknown]} */ ([name, { [name]: value }]))),
];

test('each option has a value here that it cannot be', () => {
  assert.deepEqual([...Object.keys(ADMIT_OPTIONS)].filter(name => !WRONG.some(([of]) => of === name)), []);
});

/**
 * @param {string} what
 * @param {(source: ReadableStream, options: any) => Promise<unknown>} call
 * @param {string[]} [unlike]  options that this call knows in another way
 */
async function refusesAll(what, call, unlike = []) {
  for (const [name, options] of WRONG.filter(([name]) => !unlike.includes(name))) {
    const source = observed(file);
    const [tee, stop] = [recorder(), new AbortController()];
    const isPlain = typeof options === 'object' && options !== null && name !== 'options';
    const given = isPlain && name !== 'tee' ? { tee, ...options } : options;
    const all = isPlain && name !== 'signal' ? { signal: stop.signal, .../** @type {object} */ (given) } : given;
    const fault = await faultOf(call(source.stream, all));
    const why = `${what}: ${name}: ${fault?.message}`;
    assert.ok(fault instanceof AdmissionError, why);
    assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse'], why);
    assert.ok(source.isCancelled, why);
    assert.equal(source.stream.locked, false, why);
    assert.equal(source.given, 0, why);
    if (all !== options && 'tee' in /** @type {object} */ (all) && name !== 'tee')
      assert.deepEqual(tee.aborted, [fault], why);
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0, why);
  }
}

test('what an option cannot be is misuse; the source is cancelled, the tee is told, no listener stays', async () => {
  await refusesAll('admit', (source, options) => admit(guest, source, options));
  assertNoSession(guest);
});

test('so it is with a store, and with a host of ABI v2', async () => {
  const { locks, directory } = fakeOrigin();
  await refusesAll('admitStored', (source, options) => admitStored(guest, 'm.gguf', source, options));
  assert.equal(locks.held, 0);
  assert.deepEqual(directory.names, []);
  const directoryFault = await faultOf(admitStored(guest, 'm.gguf', file, /** @type {any} */ ({ directory: {} })));
  assert.equal(directoryFault.path, 'directory');
  await refusesAll('hostFor', (source, options) => hostFor(guest).load(source, options), ['sink']);
  assertNoSession(guest);
});

test('so it is with a worker, where what is wrong may be nothing that can cross', () =>
  withGuestWorker(async worker => {
    await refusesAll('GuestWorker', (source, options) => worker.admit(source, options));
    await (await worker.admit(file)).release();
  }));

test('so it is with a header, which knows fewer options, and with a host of ABI v1', async () => {
  const { stream, ...seen } = observed(file);
  assert.equal((await faultOf(readHeader(guest, stream, /** @type {any} */ ({ tee: recorder() })))).path, 'option');
  assert.equal(seen.given, 0);
  for (const options of [null, 5, { lenght: 5 }, { signal: {} }, { tee: null }, { retries: -1 }]) {
    const fault = await faultOf(hostFor(v1Exports()).load(file, /** @type {any} */ (options)));
    assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse'], JSON.stringify(options));
  }
  for (const options of [null, { signal: undefined }, { tees: [] }, { limits: null }]) {
    assert.equal((await faultOf(() => new Admission(guest, /** @type {any} */ (options)))).code, 'argument');
  }
  assertNoSession(guest);
});

test('tees beside one that is none are told', async () => {
  for (const place of [0, 1, 2]) {
    const tees = [recorder(), recorder()];
    const given = [...tees.slice(0, place), null, ...tees.slice(place)];
    const fault = await faultOf(admit(guest, file, /** @type {any} */ ({ tee: given })));
    assert.deepEqual(tees.map(({ aborted }) => aborted), [[fault], [fault]]);
  }
});

test('a source that cannot be is told after the options that cannot be, and the tee hears the same', async () => {
  const tee = recorder();
  const none = /** @type {any} */ (5);
  const fault = await faultOf(admit(guest, none, /** @type {any} */ ({ tee, lenght: 1 })));
  assert.match(fault.message, /lenght/);
  assert.deepEqual(tee.aborted, [fault]);
  assert.equal((await faultOf(admit(guest, none, { tee }))).code, 'unsupported');
});

test('an option that is not known is told with the nearest that is', async () => {
  for (const [wrong, right] of [['sha265', 'sha256'], ['onheader', 'onHeader'], ['limit', 'limits'], ['tees', 'tee'],
    ['Length', 'length'], ['retrydelay', 'retryDelay'], ['abort', 'sha256'], ['digest', 'digests']]) {
    const fault = await faultOf(admit(guest, file, /** @type {any} */ ({ [wrong]: undefined })));
    assert.ok(fault.message.includes(wrong) && fault.found === wrong, wrong);
    if (wrong !== 'abort') assert.equal(fault.expected, right);
  }
  const limit = await faultOf(admit(guest, file, /** @type {any} */ ({ limits: { memroy: 5 } })));
  assert.equal(limit.expected, 'memory');
});

test('each option is read once, those of a prototype too; what changes afterwards changes nothing', async () => {
  /** @type {Record<string, number>} */ const reads = {};
  const counting = (/** @type {any} */ values) => {
    const options = {};
    for (const [name, value] of Object.entries(values)) {
      Object.defineProperty(options, name, { enumerable: true, get: () => {
        reads[name] = (reads[name] ?? 0) + 1;
        return reads[name] === 1 ? value : undefined;
      } });
    }
    return options;
  };
  const fault = await faultOf(admit(guest, file, counting({ sha256: 'a'.repeat(64), digests: ['blake3'], tee: [] })));
  assert.deepEqual([fault.code, fault.path], ['digest', 'digests.sha256']);
  assert.deepEqual(reads, { sha256: 1, digests: 1, tee: 1 });

  fakeOrigin();
  const stored = counting({ blake3: 'a'.repeat(64), limits: { tensors: 5 } });
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', file, stored))).code, 'digest');
  assert.deepEqual(reads, { sha256: 1, digests: 1, tee: 1, blake3: 1, limits: 1 });

  class Mine {
    get sha256() {
      return 'a'.repeat(64);
    }
  }
  assert.equal((await faultOf(admit(guest, file, new Mine()))).code, 'digest');

  /** @type {import('../index.js').Limits} */ const limits = {};
  const late = admit(guest, (async function* () {
    limits.headerBytes = 1;
    yield file;
  })(), { limits });
  (await late).release();
});

test('an option that throws when it is read is misuse, with the cause; the source is cancelled', async () => {
  const own = new Error('mine');
  const source = observed(file);
  const tee = recorder();
  const fail = () => {
    throw own;
  };
  const options = Object.defineProperty({ tee }, 'limits', { enumerable: true, get: fail });
  const fault = await faultOf(admit(guest, source.stream, options));
  assert.deepEqual([fault.code, fault.kind, fault.path, fault.cause], ['argument', 'misuse', 'limits', own]);
  assert.ok(source.isCancelled);
  assert.deepEqual(tee.aborted, [fault]);
});

test('digests may come from a generator, which gives them once', async () => {
  const digests = () => (function* () { yield 'blake3'; })();
  const model = await admit(guest, file, /** @type {any} */ ({ digests: digests() }));
  assert.deepEqual(Object.keys(model.report.digests ?? {}), ['blake3']);
  model.release();
  await withGuestWorker(async worker => {
    const remote = await worker.admit(file, /** @type {any} */ ({ digests: digests() }));
    assert.deepEqual(Object.keys(remote.report.digests ?? {}), ['blake3']);
  });
});

test('a Response of another library, whose body is a stream of Node, is admitted; a bad one is let go', async () => {
  const foreign = (/** @type {Uint8Array} */ bytes) => ({
    ok: true, status: 200, url: '', headers: new Headers(), body: Readable.from([Buffer.from(bytes)]), bodyUsed: false,
    clone() {},
  });
  (await admit(guest, /** @type {any} */ (foreign(file)))).release();
  const bad = foreign(file.subarray(1));
  assert.equal((await faultOf(admit(guest, /** @type {any} */ (bad)))).code, 'magic');
  assert.ok(bad.body.destroyed);
});

test('the options of what loads and stores are checked too', async () => {
  const misuse = [
    () => loadGuestWorker(/** @type {any} */ (null)), () => loadGuestWorker(/** @type {any} */ ({ gest: 'x' })),
    () => opfsTee('x', /** @type {any} */ (null)), () => opfsTee('x', /** @type {any} */ ({ folder: 5 })),
  ];
  for (const call of misuse) assert.equal((await faultOf(call)).code, 'argument', String(call));
});
