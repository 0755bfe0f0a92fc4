// What a host's code throws on the page crosses to the worker and back, whatever it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionError, admit } from '../index.js';
import { isAdmissionError } from '../core/errors.js';
import { Faults } from '../worker/faults.js';
import { Line } from '../worker/line.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const file = gguf({ tensors: [{ bytes: 200_000 }] });

/**
 * Wrapped: an async function cannot give back a promise, or a proxy that was revoked.
 *
 * @param {Promise<unknown>} act
 */
const thrownBy = act => act.then(() => assert.fail('nothing was thrown'), error => ({ error }));

const named = (/** @type {unknown} */ name) => Object.assign(new Error('x'), { name });
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const throwing = (/** @type {string} */ field) =>
  Object.defineProperty(new Error('x'), field, {
    get() {
      throw new Error('asked');
    },
  });
const cyclic = () => {
  const error = new Error('round');
  error.cause = error;
  return error;
};

/** @type {Record<string, () => unknown>} */
const THROWN = {
  'an Error named toString': () => named('toString'),
  'an Error named constructor': () => named('constructor'),
  'an Error named __proto__': () => named('__proto__'),
  'an Error whose name is an object': () => named({}),
  'an Error whose name is a symbol': () => named(Symbol('name')),
  'an Error whose message throws': () => throwing('message'),
  'an Error whose name throws': () => throwing('name'),
  'an Error whose stack throws': () => throwing('stack'),
  'an Error whose cause throws': () => throwing('cause'),
  'an Error whose cause cannot cross': () => new Error('x', { cause: revoked() }),
  'an Error that is its own cause': cyclic,
  'an object without a prototype that holds a function': () => Object.assign(Object.create(null), { retry() {} }),
  'a proxy that was revoked': revoked,
  'a function': () => () => {},
  'a symbol': () => Symbol('own'),
  'a promise': () => Promise.resolve(1),
  'an AdmissionError with a field that cannot cross': () =>
    new AdmissionError('x', /** @type {any} */ ({ code: 'mine', kind: 'misuse', found: () => 1, path: revoked() })),
  'a frozen object': () => Object.freeze({ a: 1 }),
  'null': () => null,
  'nothing': () => undefined,
  'a bigint': () => 5n,
};

/**
 * @param {string} where
 * @param {(options: import('../index.js').AdmitOptions) => Promise<unknown>} admitting
 */
async function passesOn(where, admitting) {
  for (const [what, make] of Object.entries(THROWN)) {
    const thrown = make();
    const fail = () => {
      throw thrown;
    };
    const stop = new AbortController();
    const abort = () => (stop.abort(thrown), new Promise(() => {}));
    /** @type {((tee: import('../index.js').Tee) => import('../index.js').AdmitOptions)[]} */
    const ways = [
      tee => ({ onHeader: fail, tee }),
      tee => ({ onProgress: fail, tee }),
      tee => ({ tee: [{ write: fail }, tee] }),
      tee => ({ tee: [{ write() {}, close: fail }, { write() {}, abort: tee.abort }] }),
      tee => ({ signal: stop.signal, onHeader: abort, tee }),
    ];
    for (const [index, options] of ways.entries()) {
      const tee = recorder();
      const { error } = await thrownBy(admitting(options(tee)));
      // A signal that is aborted with nothing has a reason all the same.
      const wanted = stop.signal.aborted ? stop.signal.reason : thrown;
      assert.ok(Object.is(error, wanted), `${what}, ${where}, way ${index}`);
      assert.ok(tee.aborted.length === 1 && Object.is(tee.aborted[0], wanted), `${what}, ${where}, way ${index}`);
    }
  }
}

test('whatever a callback, a tee or a signal throws comes back as it is, and the worker lives', () =>
  withGuestWorker(async worker => {
    const other = await worker.admit(file);
    await passesOn('in a worker', options => worker.admit(file, options));
    assert.equal(await other.metadata(0), 'test');
  }));

test('so it does without a worker', async () => {
  const guest = await freshGuest();
  await passesOn('on the page', options => admit(guest, file, options));
  assertNoSession(guest);
});

test('a source of the page that fails with such a thing is an error with that cause', () =>
  withGuestWorker(async worker => {
    for (const [what, make] of Object.entries(THROWN)) {
      const thrown = make();
      const stream = new ReadableStream({
        pull() {
          throw thrown;
        },
      });
      const fault = await faultOf(worker.admit(stream));
      if (isAdmissionError(thrown)) assert.equal(fault, thrown);
      else
        assert.ok(fault instanceof AdmissionError && fault.code === 'source' && Object.is(fault.cause, thrown), what);
    }
  }));

test('to whom it is not, it is an error that says what it can', () => {
  const [here, there] = [new Faults(), new Faults()];
  for (const [what, make] of Object.entries(THROWN)) {
    const thrown = make();
    const came = there.unpack(structuredClone(here.pack(thrown)));
    assert.ok(Object.is(here.unpack(structuredClone(there.pack(came))), thrown), what);
    if (['symbol', 'function'].includes(typeof thrown) || what === 'a promise') {
      assert.match(/** @type {Error} */ (came).message, /cannot cross/, what);
    }
    if (isAdmissionError(thrown)) assert.equal(/** @type {AdmissionError} */ (came).code, 'mine');
  }
});

test('what cannot cross, asked or answered, is misuse, and the line goes on', async () => {
  const { port1, port2 } = new MessageChannel();
  const asking = new Line(port1);
  const answering = new Line(port2, () => ({ echo: value => value, function: () => () => {} }));
  try {
    for (const ask of [asking.ask('echo', [() => {}]), asking.ask('echo', [Symbol('x')]), asking.ask('function')]) {
      const fault = await faultOf(ask);
      assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse']);
    }
    assert.equal(await asking.ask('echo', [5]), 5);
    const own = new DOMException('mine', 'DataCloneError');
    const failing = new Line(new MessageChannel().port1, () => ({}));
    failing.end(own);
    assert.equal(await faultOf(failing.ask('x')), own);
  } finally {
    asking.end(undefined);
    answering.end(undefined);
  }
});

test('a model in a worker refuses a key that cannot cross, as misuse, and goes on', () =>
  withGuestWorker(async worker => {
    const model = await worker.admit(file);
    const fault = await faultOf(model.metadata(/** @type {any} */ (() => {})));
    assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse']);
    assert.equal(await model.metadata(0), 'test');
    const name = /** @type {any} */ (Symbol('x'));
    assert.equal((await faultOf(worker.admitStored(name, file))).kind, 'misuse');
    assert.equal((await faultOf(worker.admitStored(/** @type {any} */ (undefined), file))).kind, 'misuse');
  }));
