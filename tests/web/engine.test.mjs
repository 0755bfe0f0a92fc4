// The Rust app where an engine has no memory, another realm's buffers or a clock that is set back; and what is held on
// to afterwards: nothing. Needs `cargo xtask build --web`.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';

import { gguf, load, never, refusal, skip, streamOf } from './support.mjs';

describe('the Rust app in an engine under stress', { skip }, async () => {
  if (skip) return;
  const app = await load('engine');
  const file = gguf(1000);
  const large = gguf(6 << 20);

  test('a buffer that the engine has no memory for ends the admission, and lets the stream go', async () => {
    const Real = ArrayBuffer;
    for (const size of [65_536, 1 << 20]) {
      const source = streamOf(large, { type: 'bytes', size: 65_536 });
      const thrown = new RangeError('Array buffer allocation failed');
      globalThis.ArrayBuffer = new Proxy(Real, {
        construct(target, [length]) {
          if (length === size) throw thrown;
          return new target(length);
        },
      });
      try {
        const error = await refusal(app.admit(source.stream, { sink: 'verify' }));
        assert.deepEqual([error.code, error.kind, error.cause], ['source', 'source', thrown]);
        assert.deepEqual([source.stream.locked, source.cancelled, source.reason?.code], [false, true, 'source']);
      } finally {
        globalThis.ArrayBuffer = Real;
      }
    }
  });

  test('the bytes of another realm are bytes', async () => {
    const foreign = runInNewContext(`bytes => {
      const copy = Uint8Array.from(bytes);
      const shared = new SharedArrayBuffer(bytes.length);
      new Uint8Array(shared).set(bytes);
      const buffer = () => copy.slice().buffer;
      return [copy, buffer(), new DataView(buffer()), shared, new Uint16Array(buffer())];
    }`)(file);
    for (const chunk of foreign) {
      assert.ok(!(chunk instanceof Object));
      const stream = new ReadableStream({ start(controller) { controller.enqueue(chunk); controller.close(); } });
      const admitted = await app.admit(stream, {});
      assert.equal(JSON.parse(admitted.report()).length, file.length);
      assert.deepEqual([...admitted.values('w', 3)], [0, 1, 2]);
      admitted.free();
    }
  });

  test('an object of any realm that is no bytes is an error', async () => {
    for (const chunk of [{}, [], Object.create(null), null, 5, runInNewContext('({ byteLength: 5 })')]) {
      const stream = new ReadableStream({ start(controller) { controller.enqueue(chunk); controller.close(); } });
      const error = await refusal(app.admit(stream, {}));
      assert.deepEqual([error.code, error.kind, stream.locked], ['source', 'source', false]);
      assert.match(error.message, /^a chunk must be bytes/);
    }
  });

  test('a chunk whose buffer was transferred away is an error, not bytes that go missing', async () => {
    const sorts = [
      buffer => new Uint8Array(buffer),
      buffer => buffer,
      buffer => new DataView(buffer),
      buffer => new Uint16Array(buffer),
    ];
    for (const sort of sorts) {
      const chunk = sort(file.slice().buffer);
      structuredClone(undefined, { transfer: [chunk.buffer ?? chunk] });
      const stream = new ReadableStream({ start(controller) { controller.enqueue(chunk); controller.close(); } });
      const error = await refusal(app.admit(stream, {}));
      assert.deepEqual([error.code, error.kind, stream.locked], ['source', 'source', false]);
    }
  });

  test('a clock that is set back does not keep the thread', async () => {
    const now = Date.now;
    let calls = 0;
    let isHeard = false;
    Date.now = () => now() - (calls++ === 0 ? 0 : 3_600_000);
    try {
      setTimeout(() => (isHeard = true), 1);
      const stream = new ReadableStream({ start(controller) { controller.enqueue(large); controller.close(); } });
      (await app.admit(stream, { sink: 'verify' })).free();
      assert.ok(calls > 1);
      assert.ok(isHeard, 'the timer was heard after the end');
    } finally {
      Date.now = now;
    }
  });

  const hasRoom = () => {
    try {
      return Boolean(new Uint8Array(2 ** 32));
    } catch {
      return false;
    }
  };

  test(
    'a chunk of 4 GiB is as long as it is',
    { skip: !hasRoom() && 'no buffer of 4 GiB is to be had here' },
    async () => {
      const chunk = new Uint8Array(2 ** 32);
      chunk.set(file);
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(chunk);
        },
      });
      const error = await refusal(app.admit(stream, { sink: 'verify', length: file.length }));
      assert.deepEqual([error.code, error.offset], ['trailing', file.length]);
    },
  );

  test('the collector is reminded of what a byte stream leaves behind', async () => {
    const Real = ArrayBuffer;
    const large = [];
    globalThis.ArrayBuffer = class extends Real {
      constructor(length) {
        super(length);
        if (length > 1 << 20) large.push(length);
      }
    };
    try {
      const zeros = new Uint8Array(1 << 20);
      const header = gguf(1 << 18);
      new DataView(header.buffer).setBigUint64(81, 201_326_592n, true); // the tensor's dimension: 768 MiB of f32
      let sent = 0;
      const stream = new ReadableStream({
        type: 'bytes',
        pull(controller) {
          const { view } = controller.byobRequest;
          const piece = (sent === 0 ? header : zeros).subarray(0, view.byteLength);
          new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(piece);
          sent += piece.length;
          if (sent > 600 << 20) throw new Error('enough');
          controller.byobRequest.respond(piece.length);
        },
      });
      assert.equal((await refusal(app.admit(stream, { sink: 'verify', digests: [] }))).message, 'enough');
    } finally {
      globalThis.ArrayBuffer = Real;
    }
    assert.deepEqual(large, [64 << 20, 64 << 20]);
  });

  test('sources of another realm are read', async () => {
    // As a frame's: of their kind by name, and no instances of this realm's.
    const foreign = (kind, object, names) => {
      const fields = names.map(name => [
        name,
        typeof object[name] === 'function' ? (...given) => object[name](...given) : object[name],
      ]);
      return Object.assign(
        Object.create({
          get [Symbol.toStringTag]() {
            return kind;
          },
        }),
        Object.fromEntries(fields),
      );
    };
    const response = new Response(file);
    const sources = [
      foreign('File', new Blob([file]), ['size', 'stream']),
      foreign('Blob', new Blob([file]), ['size', 'stream']),
      foreign('Response', response, ['ok', 'status', 'type', 'headers', 'body', 'bodyUsed']),
      foreign('ReadableStream', new Blob([file]).stream(), ['locked', 'getReader']),
    ];
    for (const source of sources) (await app.admit(source, {})).free();
  });

  test('values that there is no memory for are an error, and the model lives on', async () => {
    const app = await load('few values', module => withMemoryOf(module, 8 << 20));
    const admitted = await app.admit(new Blob([gguf(1 << 20)]), {});
    assert.throws(() => admitted.values('w', 2 ** 32 - 1), ({ name, code }) => {
      assert.deepEqual([name, code], ['AdmissionError', 'memory']);
      return true;
    });
    assert.deepEqual([...admitted.values('w', 3)], [0, 1, 2]);
    admitted.free();
  });

  test('a report that there is no memory for is an error', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 400 }, (_, index) => [`key.${index}`, '\u0001'.repeat(4000)]),
    );
    const app = await load('scarce', module => withMemoryOf(module, 8 << 20));
    const admitted = await app.admit(new Blob([gguf(1000, metadata)]), {});
    assert.throws(() => admitted.report(), ({ name, code, kind, path }) => {
      assert.deepEqual([name, code, kind, path], ['AdmissionError', 'memory', 'retry', 'memory']);
      return true;
    });
    // Still alive, and the model too.
    assert.deepEqual([...admitted.values('w', 3)], [0, 1, 2]);
    admitted.free();
    const small = await app.admit(new Blob([file]), {});
    assert.equal(JSON.parse(small.report()).length, file.length);
    small.free();
  });

  /** How many functions the app has given to JavaScript and not taken back. */
  const held = () => {
    const table = app.exports.__wbindgen_externrefs;
    return Array.from({ length: table.length }, (_, index) => table.get(index)).filter(
      value => typeof value === 'function',
    ).length;
  };
  const HELD = {
    'an abort between two turns': async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 1);
      const stream = new ReadableStream({
        start(stream) {
          stream.enqueue(large);
          stream.close();
        },
      });
      assert.equal(
        (await refusal(app.admit(stream, { sink: 'verify', signal: controller.signal }))).name,
        'AbortError',
      );
    },
    'a source whose cancel never settles': async () => {
      const source = new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(100_000));
        },
        cancel: never,
      });
      assert.equal((await refusal(app.admit(source, {}))).code, 'magic');
    },
    'a response that is refused, whose cancel never settles': async () => {
      const response = new Response(new ReadableStream({ cancel: never }), { status: 404 });
      assert.equal((await refusal(app.admit(response, {}))).code, 'http');
    },
    'an abort in the middle of a read': async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 1);
      assert.equal(
        (await refusal(app.admit(new ReadableStream({}), { signal: controller.signal }))).name,
        'AbortError',
      );
    },
  };
  for (const [what, happen] of Object.entries(HELD)) {
    test(`${what} leaves nothing that is held on to`, async () => {
      await happen();
      await sleep(5);
      const before = held();
      for (let round = 0; round < 10; round++) await happen();
      await sleep(5);
      assert.equal(held(), before);
    });
  }
});

/** The module with a memory that grows to `bytes` at most. */
function withMemoryOf(module, bytes) {
  const read = at => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = module[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return [value, at];
      shift += 7;
    }
  };
  const leb = value => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
  for (let at = 8; at < module.length;) {
    const [size, start] = read(at + 1);
    if (module[at] === 5) {
      // One memory, whose flags say that it has no maximum yet.
      assert.deepEqual([...module.subarray(start, start + 2)], [1, 0]);
      const [pages] = read(start + 2);
      const section = [1, 1, ...leb(pages), ...leb(bytes >> 16)];
      return Uint8Array.from([
        ...module.subarray(0, at),
        5,
        ...leb(section.length),
        ...section,
        ...module.subarray(start + size),
      ]);
    }
    at = start + size;
  }
  throw new Error('the module has no memory');
}
