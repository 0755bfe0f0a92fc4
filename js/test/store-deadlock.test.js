// Nobody waits for himself: a name that is held by an admission which waits for this very call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { admit, admitStored, findStored, opfsTee, removeStored } from '../index.js';
import { assertNothingLeft, directory, file, guest, locks, newOrigin, other } from './support/store.js';
import { faultOf, freshGuest } from './support/guest.js';

/**
 * A wait that has no end is a failure, not a test that hangs.
 *
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
async function settled(promise) {
  const over = new AbortController();
  const never = delay(20_000, undefined, { signal: over.signal }).then(() => assert.fail('it never settled'));
  never.catch(() => {});
  return Promise.race([promise, never]).finally(() => over.abort());
}

const again = () => admitStored(guest, 'x', file);

/** @type {Record<string, () => Promise<unknown>>} */
const CASES = {
  'two tees of one name': () => admit(guest, file, { tee: [opfsTee('x'), opfsTee('x')] }),
  'admitStored with a tee of its own name': () => admitStored(guest, 'x', file, { tee: opfsTee('x') }),
  'removeStored in onHeader': () => admitStored(guest, 'x', file, { onHeader: () => removeStored('x') }),
  'removeStored in onHeader, later': () =>
    admitStored(guest, 'x', file, { onHeader: async () => (await turn(), removeStored('x')) }),
  'admitStored in onHeader': () => admitStored(guest, 'x', file, { onHeader: again }),
  'admitStored in onHeader, later': () =>
    admitStored(guest, 'x', file, { onHeader: async () => (await turn(), again()) }),
  'a tee of its own in onHeader': () =>
    admitStored(guest, 'x', file, { onHeader: () => admit(guest, file, { tee: opfsTee('x') }) }),
  'admitStored in onProgress': () => admitStored(guest, 'x', file, { onProgress: again }),
  'admitStored in the write of another tee': () => admitStored(guest, 'x', file, { tee: { write: again } }),
  'admitStored in the close of another tee': () => admitStored(guest, 'x', file, { tee: { write() {}, close: again } }),
  'admitStored in the write of a tee beside a store': () =>
    admit(guest, [file.subarray(0, 999), file.subarray(999)], {
      tee: [opfsTee('x'), { write: (_, offset) => offset > 0 && again() }],
    }),
  'admitStored in its own source': () =>
    admitStored(
      guest,
      'x',
      (async function* () {
        yield file.subarray(0, 99);
        const { model } = await again();
        model.release();
        yield file.subarray(99);
      })(),
    ),
};

for (const [what, run] of Object.entries(CASES)) {
  test(`${what} is misuse of the code locked, and nothing is left`, async () => {
    const fault = await settled(faultOf(run()));
    assert.deepEqual([fault.code, fault.kind], ['locked', 'misuse'], fault.message);
    assertNothingLeft();
    (await again()).model.release();
  });
}

const laterAgain = async (/** @type {string} */ name) => {
  await turn();
  return admitStored(guest, name, file);
};

/** @template T  A promise of another library's, or of another realm.  @param {Promise<T>} promise */
const thenable = promise => /** @type {any} */ ({ then: promise.then.bind(promise) });

/** @type {Record<string, (name: string) => import('../index.js').AdmitOptions>} */
const LATER = {
  'the write of a tee': name => ({ tee: { write: () => laterAgain(name) } }),
  'onProgress': name => ({ onProgress: () => laterAgain(name) }),
  'onProgress, by a thenable': name => ({ onProgress: () => thenable(laterAgain(name)) }),
};

test('a call that comes again and again may wait for its own name ten seconds, not for ever', async () => {
  const began = performance.now();
  await Promise.all(Object.entries(LATER).map(async ([what, options]) => {
    const fault = await settled(faultOf(admitStored(guest, what, file, options(what))));
    assert.deepEqual([fault.code, fault.kind, fault.found], ['locked', 'misuse', what], fault.message);
  }));
  assert.ok(performance.now() - began < 15_000);
  assertNothingLeft();
  // Whoever only takes long, and waits for nobody, is left alone.
  const tee = { write: () => delay(1000) };
  const slow = admitStored(guest, 'x', file, { tee });
  const [first, second] = await Promise.all([slow, admitStored(guest, 'x', file)]);
  assert.deepEqual([first.found, second.found], [false, true]);
});

test('a question that is answered by a thenable is a question still', async () => {
  const onHeader = () => thenable(laterAgain('x'));
  const fault = await settled(faultOf(admitStored(guest, 'x', file, { onHeader })));
  assert.equal(fault.code, 'locked', fault.message);
  assertNothingLeft();
});

test('the abort of a tee that asks for the name is told so, and holds up nothing', async () => {
  /** @type {any} */ let fault;
  const tee = { write() {}, abort: async () => void (fault = await faultOf(removeStored('x'))) };
  await settled(faultOf(admitStored(guest, 'x', file.subarray(0, 1000), { tee })));
  assert.equal(fault.code, 'locked');
  assertNothingLeft();
});

test('another name may be stored from every callback', async () => {
  const stores = (/** @type {string} */ name) => async () => (await admitStored(guest, name, other)).model.release();
  const tee = { write: stores('b'), close: stores('c') };
  const { model } = await admitStored(guest, 'x', file, { onHeader: stores('a'), onProgress: stores('d'), tee });
  model.release();
  for (const name of ['a', 'b', 'c', 'd', 'x']) assert.ok(await findStored(name), name);
  assert.equal(locks.held, 0);
});

test('several stores are claimed in one order, whatever theirs: admissions never wait for each other', async () => {
  for (const [first, second] of [
    [
      ['a', 'b'],
      ['b', 'a'],
    ],
    [
      ['a', 'b', 'c'],
      ['c', 'b', 'a'],
    ],
    [
      ['a', 'b'],
      ['b', 'c', 'a'],
    ],
  ]) {
    newOrigin();
    // Locks that take a moment each, as those of an engine.
    const request = locks.request.bind(locks);
    locks.request = async (name, options, use) => (await turn(), request(name, options, use));
    const guests = [await freshGuest(), await freshGuest()];
    const [one, two] = await settled(Promise.allSettled(
      [first, second].map((names, index) =>
        admit(guests[index], index === 0 ? file : other, { tee: names.map(name => opfsTee(name)) }),
      ),
    ));
    const failed = [one, two].filter(({ status }) => status === 'rejected');
    // Whoever comes second finds them stored.
    assert.equal(failed.length, 1);
    assert.equal(/** @type {PromiseRejectedResult} */ (failed[0]).reason.code, 'stored');
    assert.ok((await findStored('a')) && (await findStored('b')));
    assert.equal(locks.held, 0);
  }
});

test('so it is with admitStored and a tee of another name, whichever comes first', async () => {
  for (const [one, two] of [['a', 'b'], ['b', 'a']]) {
    newOrigin();
    const request = locks.request.bind(locks);
    locks.request = async (name, options, use) => (await turn(), request(name, options, use));
    const guests = [await freshGuest(), await freshGuest()];
    const [first, second] = await settled(Promise.allSettled([
      admitStored(guests[0], one, file, { tee: opfsTee(two) }),
      admitStored(guests[1], two, file, { tee: opfsTee(one) }),
    ]));
    const done = [first, second].filter(({ status }) => status === 'fulfilled');
    assert.ok(done.length >= 1, String(/** @type {any} */ (first).reason));
    assert.equal(locks.held, 0);
    assert.ok(directory.names.includes('a') && directory.names.includes('b'));
  }
});
