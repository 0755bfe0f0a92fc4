// The Rust app before values that throw when they are looked at: getters, proxies, objects that only look like what
// they should be. The promise settles, with an error that says what could not be read; the stream is given up; and the
// next admission works. Needs `cargo xtask build --web`.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { gguf, load, skip, streamOf } from './support.mjs';

const thrown = new Error('not yours');
const toss = () => { throw thrown; };
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
/** An object with a field that throws when it is read. */
const bad = (name, object = {}) => Object.defineProperty(object, name, { get: toss, configurable: true });

describe('the Rust app before values that throw', { skip }, async () => {
  if (skip) return;
  const app = await load('thrown');
  const file = gguf(1000);
  let count = 0;

  /** What the admission is refused with: within 2 s, or it is held to hang. Then the same instance admits a file. */
  async function refused(source, options = {}) {
    const app = await load(`thrown ${count++}`);
    const error = await soon(app.admit(source, options).then(() => 'it was admitted', error => ({ error })));
    assert.ok(error.error, `the promise must be rejected: ${error}`);
    const admitted = await soon(app.admit(streamOf(file).stream, {}));
    assert.deepEqual([...admitted.values('w', 3)], [0, 1, 2]);
    return error.error;
  }

  async function soon(promise) {
    let timer;
    const late = new Promise(resolve => (timer = setTimeout(resolve, 2000, 'it hangs')));
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  /** A real stream of one chunk. */
  function of(chunk) {
    const seen = { cancelled: false };
    seen.stream = new ReadableStream({
      start(controller) { controller.enqueue(chunk); },
      cancel() { seen.cancelled = true; },
    });
    return seen;
  }

  const CHUNKS = {
    'an object whose toStringTag throws': () => bad(Symbol.toStringTag),
    'a proxy that was revoked': revoked,
    'bytes whose buffer cannot be read': () => bad('buffer', file.slice()),
    'bytes whose offset cannot be read': () => bad('byteOffset', file.slice()),
    'bytes whose length cannot be read': () => bad('byteLength', file.slice()),
    'bytes whose buffer was transferred away': () => {
      const chunk = file.slice();
      structuredClone(undefined, { transfer: [chunk.buffer] });
      return chunk;
    },
  };
  for (const [what, make] of Object.entries(CHUNKS)) {
    test(`a chunk: ${what}`, async () => {
      const seen = of(make());
      const error = await refused(seen.stream);
      assert.deepEqual([error.name, error.code, error.kind, error.offset], ['AdmissionError', 'source', 'source', 0]);
      assert.match(error.message, /^a chunk cannot be read: /);
      assert.ok(error.cause);
      assert.deepEqual([seen.stream.locked, seen.cancelled], [false, true]);
    });
  }

  const NO_BYTES = {
    'an object with the prototype of bytes': () => Object.create(Uint8Array.prototype),
    'a proxy whose prototype cannot be read': () => new Proxy({}, { getPrototypeOf: toss }),
    'a proxy of bytes': () => new Proxy(file.slice(), {}),
  };
  for (const [what, make] of Object.entries(NO_BYTES)) {
    test(`a chunk: ${what} is no bytes`, async () => {
      const seen = of(make());
      assert.match((await refused(seen.stream)).message, /^a chunk must be bytes/);
      assert.deepEqual([seen.stream.locked, seen.cancelled], [false, true]);
    });
  }

  test('a chunk that shrinks while it is read is an error, not bytes that go missing', async () => {
    const large = gguf(1 << 20);
    for (const left of [0, 100_000, 300_000]) {
      const buffer = new ArrayBuffer(large.length, { maxByteLength: large.length });
      new Uint8Array(buffer).set(large);
      const seen = of(new Uint8Array(buffer));
      const now = Date.now;
      let calls = 0;
      // The clock is asked before each piece. It stands still, so that there are no turns between.
      Date.now = () => {
        if (++calls === 4) buffer.resize(left);
        return 0;
      };
      try {
        const error = await refused(seen.stream, { digests: [] });
        assert.deepEqual([error.code, seen.stream.locked, seen.cancelled], ['source', false, true]);
        assert.match(error.message, /^a chunk was detached|^a chunk cannot be read/);
      } finally {
        Date.now = now;
      }
      assert.ok(calls >= 4);
    }
  });

  const FAILURES = {
    'an Error whose message throws': [
      bad('message', new Error()),
      /^an error was thrown whose message cannot be read$/,
    ],
    'an Error whose name throws': [bad('name', new Error('why')), /^why$/],
    'a proxy that was revoked': [revoked(), /^an error was thrown whose message cannot be read$/],
    'an object whose every word throws': [
      ['toString', 'toJSON', 'constructor', Symbol.toStringTag, Symbol.toPrimitive]
        .reduce((object, name) => bad(name, object), {}),
      /^an object was thrown that is no error$/,
    ],
    'a function': [() => {}, /^an object was thrown that is no error$/],
    'an Error whose message is no text': [Object.assign(new Error(), { message: { toString: toss } }), /no error$/],
    'a symbol': [Symbol('why'), /^Symbol\(why\)$/],
    'a bigint': [5n, /^5$/],
    null: [null, /^null$/],
    nothing: [undefined, /^undefined$/],
    'a text': ['why', /^why$/],
    'a long text': ['y'.repeat(1 << 20), /^y{1000}$/],
    'an Error with a long message': [new Error('y'.repeat(1 << 20)), /^y{1000}$/],
  };
  for (const [what, [failure, message]] of Object.entries(FAILURES)) {
    test(`a stream that fails with ${what}`, async () => {
      const stream = new ReadableStream({ start(controller) { controller.error(failure); } });
      const error = await refused(stream);
      assert.deepEqual([error.name, error.code, error.kind], ['AdmissionError', 'source', 'source']);
      assert.match(error.message, message);
      assert.equal(error.cause, failure);
      assert.equal(stream.locked, false);
    });
  }

  const STRANGERS = {
    'an object whose toStringTag throws': () => bad(Symbol.toStringTag),
    'a proxy that was revoked': revoked,
  };
  for (const [what, make] of Object.entries(STRANGERS)) {
    test(`a source: ${what}`, async () => {
      const error = await refused(make());
      assert.deepEqual([error.code, error.kind], ['unsupported', 'misuse']);
      assert.match(error.message, /found another object, whose name cannot be read: /);
      assert.ok(error.cause);
    });
  }

  test('a source whose prototype cannot be read is none', async () => {
    const error = await refused(new Proxy({}, { getPrototypeOf: toss }));
    assert.deepEqual([error.code, error.kind], ['unsupported', 'misuse']);
  });

  test('a class of the page that throws at instanceof does not keep its objects from being read', async () => {
    const sources = [new Blob([file]).stream(), streamOf(file).stream];
    Object.defineProperty(ReadableStream, Symbol.hasInstance, { value: toss, configurable: true });
    try {
      for (const source of sources) (await app.admit(source, {})).free();
    } finally {
      delete ReadableStream[Symbol.hasInstance];
    }
  });

  /** Of a kind by its name alone, as another realm's are. */
  const called = (kind, fields = {}) => Object.defineProperty(fields, Symbol.toStringTag, { value: kind });
  const ANSWER = () => ({
    type: 'default', headers: new Headers(), status: 200, ok: true, bodyUsed: false, body: streamOf(file).stream,
  });
  const FORGED = {
    'a Blob that has nothing': [called('Blob'), /size/],
    'a Blob whose size throws': [called('Blob', bad('size')), /^the blob's field size cannot be read: not yours$/],
    'a Blob whose size is no number': [called('Blob', { size: {} }), /size is no number/],
    'a Blob whose stream throws': [called('Blob', { size: 5, stream: toss }), /^the blob cannot be read: not yours$/],
    'a Blob without a stream': [called('Blob', { size: 5 }), /^the blob cannot be read: stream is not a function$/],
    'a Blob whose stream is null': [called('Blob', { size: 5, stream: () => null }), /^the stream's field locked/],
    'a stream whose lock throws': [called('ReadableStream', bad('locked')), /^the stream's field locked/],
    'a stream whose getReader throws': [called('ReadableStream', { getReader: toss }), /^not yours$/],
    'a stream without a reader': [called('ReadableStream', { getReader() {} }), /./],
    'a Response whose header throws': [
      called('Response', { ...ANSWER(), headers: { get: toss } }),
      /^the response's header content-range cannot be read: not yours$/,
    ],
    ...Object.fromEntries(['type', 'headers', 'status', 'ok', 'bodyUsed', 'body'].map(name => [
      `a Response whose ${name} throws`,
      [called('Response', bad(name, ANSWER())), new RegExp(`^the response's field ${name} cannot be read: not yours$`)],
    ])),
  };
  for (const [what, [source, message]] of Object.entries(FORGED)) {
    test(`a source: ${what}`, async () => {
      const { body } = Object.getOwnPropertyDescriptor(source, 'body')?.value ? source : {};
      const error = await refused(source);
      assert.deepEqual([error.name, error.code, error.kind], ['AdmissionError', 'source', 'source']);
      assert.match(error.message, message);
      if (body) assert.deepEqual([body.locked, (await body.getReader().read()).done], [false, true]);
    });
  }

  /** A stream whose reader is the page's own. */
  function own(reader) {
    const seen = { cancelled: 0, released: 0 };
    seen.stream = called('ReadableStream', {
      getReader: () => ({
        cancel() { seen.cancelled++; return Promise.resolve(); },
        releaseLock() { seen.released++; },
        ...reader,
      }),
    });
    return seen;
  }
  const unreadable = /^the result of a read cannot be read: /;
  const READS = {
    'throws': [toss, /^not yours$/],
    'answers nothing': [() => undefined, unreadable],
    'brings nothing': [async () => undefined, unreadable],
    'brings null': [async () => null, unreadable],
    'brings a number': [async () => 5, unreadable],
    'brings a proxy that was revoked': [() => ({ then: done => done(5) }), unreadable],
    'brings a result whose value throws': [async () => bad('value', { done: false }), unreadable],
    'brings a result whose done throws': [async () => bad('done', { value: file }), unreadable],
    'answers a promise whose then throws': [() => bad('then', Promise.resolve()), /^not yours$/],
    'answers a promise whose constructor throws': [() => bad('constructor', Promise.resolve()), /^not yours$/],
  };
  for (const [what, [read, message]] of Object.entries(READS)) {
    test(`a read that ${what}`, async () => {
      const seen = own({ read });
      const error = await refused(seen.stream);
      assert.deepEqual([error.code, error.kind, error.offset], ['source', 'source', 0]);
      assert.match(error.message, message);
      assert.equal(seen.released, 1);
      // A read that fails says that its stream has.
      if (message === unreadable || what === 'throws') assert.equal(seen.cancelled, 1);
    });
  }

  const ENDS = {
    'a cancel that throws': { cancel: toss },
    'a cancel that answers nothing': { cancel() {} },
    'a cancel whose promise cannot be waited for': { cancel: () => bad('then', Promise.resolve()) },
    'a lock that is not let go': { releaseLock: toss },
  };
  for (const [what, end] of Object.entries(ENDS)) {
    test(`${what} does not hide why the file was refused`, async () => {
      const seen = own({ read: async () => ({ value: new Uint8Array(100), done: false }), ...end });
      assert.equal((await refused(seen.stream)).code, 'magic');
    });
  }

  const SIGNALS = {
    'whose aborted throws': [
      signal => bad('aborted', signal),
      /^the signal's field aborted cannot be read: not yours$/,
    ],
    'whose reason throws': [
      signal => Object.defineProperty(bad('reason', signal), 'aborted', { value: true }),
      /^the signal's reason cannot be read: not yours$/,
    ],
    'that cannot be heard': [
      signal => Object.assign(signal, { addEventListener: toss, removeEventListener: toss }),
      /^the signal's event abort cannot be read: not yours$/,
    ],
  };
  for (const [what, [make, message]] of Object.entries(SIGNALS)) {
    test(`a signal ${what}`, async () => {
      const source = streamOf(file);
      const error = await refused(source.stream, { signal: make(new AbortController().signal) });
      assert.deepEqual([error.code, error.kind], ['unsupported', 'misuse']);
      assert.match(error.message, message);
      assert.deepEqual([source.stream.locked, source.cancelled], [false, true]);
    });
  }

  test('digests that cannot be listed are an argument', async () => {
    const proxy = trap => new Proxy(['sha256'], { get: (of, name) => (name === trap ? toss() : of[name]) });
    for (const digests of [revoked(), proxy('length'), proxy('0')]) {
      const source = streamOf(file);
      const error = await refused(source.stream, { digests });
      assert.deepEqual([error.code, error.kind, source.stream.locked], ['argument', 'misuse', false]);
    }
    (await app.admit(streamOf(file).stream, { digests: proxy(Symbol.iterator) })).free();
  });

  test('a clock or a channel of the page that throws does not end an admission', async () => {
    const large = gguf(1 << 20);
    const { now } = Date;
    const Channel = MessageChannel;
    const broken = [
      () => (Date.now = toss),
      () => (globalThis.MessageChannel = class { constructor() { toss(); } }),
      () => (globalThis.MessageChannel = class { get port1() { return toss(); } }),
      () => (globalThis.MessageChannel = class { port1 = Object.freeze({}); port2 = {}; }),
      () => (globalThis.MessageChannel = class { port1 = { close: toss }; port2 = { postMessage: toss }; }),
    ];
    for (const breaks of broken) {
      breaks();
      // No time passes by itself in a test as short as this.
      if (Date.now === now) Date.now = () => (Date.now.at = (Date.now.at ?? 0) + 20);
      try {
        (await app.admit(streamOf(large).stream, {})).free();
      } finally {
        Date.now = now;
        globalThis.MessageChannel = Channel;
      }
    }
  });

  test('an error of a page with fixed prototypes has its name and its fields', async () => {
    const was = Object.getOwnPropertyDescriptor(Error.prototype, 'name');
    Object.defineProperty(Error.prototype, 'name', { ...was, writable: false });
    try {
      const error = await refused(new Blob(['GGUX']));
      assert.deepEqual([error.name, error.code, error.offset, error.path], ['AdmissionError', 'magic', 0, 'magic']);
    } finally {
      Object.defineProperty(Error.prototype, 'name', was);
    }
  });
});
