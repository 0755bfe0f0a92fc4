// What the Rust app is told, right and wrong. Needs `cargo xtask build --web`.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';

import { gguf, load, refusal, skip, streamOf } from './support.mjs';

describe('options of the Rust app', { skip }, async () => {
  if (skip) return;
  const app = await load('options');
  const file = gguf(1000);

  const OPTIONS = ['sink', 'length', 'sha256', 'blake3', 'digests', 'limits', 'signal'];
  for (const name of OPTIONS) {
    test(`${name}: null is as if it was not given`, async () => {
      const admitted = await app.admit(new Blob([file]), { [name]: null });
      assert.match(JSON.parse(admitted.report()).digests.sha256, /^[0-9a-f]{64}$/);
      assert.deepEqual([...admitted.values('w', 2)], [0, 1]);
      admitted.free();
      assert.equal(JSON.parse(await app.peek(new Blob([file]), { [name]: null })).tensors, 1);
    });
  }

  test('no options at all are none', async () => {
    for (const options of [undefined, null, {}]) (await app.admit(new Blob([file]), options)).free();
  });

  const WRONG = [
    { sink: 'disk' },
    { sink: 5 },
    { length: -1 },
    { length: 1.5 },
    { length: 2 ** 53 },
    { length: NaN },
    { length: '5' },
    { sha256: 'zz' },
    { sha256: 5 },
    { blake3: '0'.repeat(63) },
    { digests: 5 },
    { digests: 'sha256' },
    { digests: {} },
    { digests: ['md5'] },
    { digests: [5] },
    { limits: 5 },
    { limits: 'memory' },
    { limits: { nope: 1 } },
    { limits: { memory: -1 } },
    { limits: { memory: '1' } },
    {
      limits: new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('not yours');
          },
        },
      ),
    },
    { signal: {} },
    { signal: 5 },
    ...OPTIONS.map(name => ({
      get [name]() {
        throw new Error('not yours');
      },
    })),
  ];
  for (const options of WRONG) {
    test(`${inspect(options)} is a misuse, and the source is let go`, async () => {
      for (const call of ['admit', 'peek']) {
        const source = streamOf(file, { type: 'bytes' });
        const error = await refusal(app[call](source.stream, options));
        assert.ok(error instanceof Error);
        assert.deepEqual(
          [error.name, error.code, error.kind, error.offset, error.path],
          ['AdmissionError', 'argument', 'misuse', null, null],
        );
        assert.ok(error.message.startsWith(Object.keys(options)[0]) || options.limits, error.message);
        assert.deepEqual([source.taken, source.cancelled, source.stream.locked], [0, true, false]);
      }
    });
  }

  test('a length that is not the source\'s own is refused, and both are told', async () => {
    for (const length of [file.length - 32, file.length - 1, file.length + 1, 2 ** 53 - 1]) {
      const response = () => new Response(file, { headers: { 'content-length': String(file.length) } });
      for (const [call, source] of [app.admit, app.peek].flatMap(call => [
        [call, new Blob([file])],
        [call, response()],
      ])) {
        const { message, code, kind, status, offset, path, expected, found, state } = await refusal(
          call(source, { length }),
        );
        assert.deepEqual(
          { message, code, kind, status, offset, path, expected, found, state },
          {
            message: `the source holds ${file.length} bytes, the option length says ${length}`,
            code: 'length',
            kind: 'source',
            status: null,
            offset: null,
            path: 'length',
            expected: String(length),
            found: String(file.length),
            state: 'none',
          },
        );
      }
    }
  });

  test('a source of another length is told so before a byte is read', async () => {
    const source = streamOf(file);
    const headers = { 'content-length': String(file.length) };
    await refusal(app.admit(new Response(source.stream, { headers }), { length: 7 }));
    assert.deepEqual([source.taken, source.cancelled, source.stream.locked], [0, true, false]);
    assert.deepEqual([source.reason?.code, source.reason?.path], ['length', 'length']);
  });

  test('the length that the source has, or that only the caller knows, is good', async () => {
    for (const source of [new Blob([file]), streamOf(file).stream])
      (await app.admit(source, { length: file.length })).free();
  });

  test('a length of 0 is that of an empty file', async () => {
    for (const source of [new Blob([]), streamOf(new Uint8Array()).stream, new Response(null)]) {
      const error = await refusal(app.admit(source, { length: 0 }));
      assert.deepEqual([error.code, error.path, error.offset], ['truncated', 'magic', 0]);
    }
    const long = await refusal(app.admit(streamOf(file).stream, { length: 0 }));
    assert.deepEqual([long.code, long.offset], ['trailing', 0]);
    const other = await refusal(app.admit(new Blob([file]), { length: 0 }));
    assert.deepEqual([other.code, other.path, other.expected], ['length', 'length', '0']);
    const empty = await refusal(app.admit(new Blob([]), { length: file.length }));
    assert.deepEqual([empty.code, empty.path, empty.found], ['length', 'length', '0']);
  });

  test('what is no whole number in range names no values and no bytes', async () => {
    const admitted = await app.admit(new Blob([file]), {});
    for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 32, 2 ** 32 + 3, undefined]) {
      assert.equal(admitted.values('w', wrong), undefined, `values of ${wrong}`);
      assert.equal(admitted.bytes('w', wrong, 1), undefined, `bytes from ${wrong}`);
      assert.equal(admitted.bytes('w', 0, wrong), undefined, `${wrong} bytes`);
    }
    assert.equal(admitted.values('w', 2 ** 32 - 1).length, 1000);
    assert.equal(admitted.values('w', 0).length, 0);
    assert.equal(admitted.bytes('w', 4000, 0).length, 0);
    assert.equal(admitted.bytes('w', 1, 2 ** 32 - 1), undefined);
    admitted.free();
  });
});
