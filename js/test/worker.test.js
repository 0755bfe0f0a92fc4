import assert from 'node:assert/strict';
import { open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { AdmissionError, admit } from '../index.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { Line } from '../worker/line.js';
import { admitRemotely } from '../worker/remote-admission.js';
import { faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { iterated, never, observed, recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const file = gguf({
  metadata: { 'general.architecture': 'test', list: ['a', 'b'] },
  tensors: [
    { name: 'a', bytes: 2_500_000 },
    { name: 'b', bytes: 100 },
  ],
});
const expected = await (async () => {
  const model = await admit(await freshGuest(), file, { digests: ['sha256', 'blake3'] });
  return model.report;
})();

/** @param {import('../index.js').Report} report  without what the way of it decides */
const facts = ({ gguf, metadata, tensors, digests }) => ({ gguf, metadata, tensors, digests });

test('every source gives the report that it gives without a worker', async () => {
  const path = join(tmpdir(), `gguf-worker-${process.pid}.gguf`);
  await writeFile(path, file);
  const handle = await open(path);
  const dataUrl = `data:application/octet-stream;base64,${Buffer.from(file).toString('base64')}`;
  /** @type {Record<string, import('../index.js').Admissible>} */
  const sources = {
    'a Blob': new Blob([file]),
    'bytes': file.slice(),
    'a view': new DataView(Uint8Array.from([1, 2, 3, ...file, 4]).buffer, 3, file.length),
    'a stream': observed(file, { piece: 70_000 }).stream,
    'a byte stream': observed(file, { piece: 70_000, type: 'bytes' }).stream,
    'a Response': new Response(file, { headers: { 'content-length': String(file.length) } }),
    'a Request': new Request(dataUrl),
    'a URL': new URL(dataUrl),
    'an iterable': [file.subarray(0, 1000), file.subarray(1000)],
    'a path': { path },
    'a path as a URL': { path: pathToFileURL(path) },
    'an open file': handle,
    'a file URL': pathToFileURL(path),
  };
  try {
    await withGuestWorker(async guest => {
      for (const [name, source] of Object.entries(sources)) {
        const model = await guest.admit(source, { digests: ['sha256', 'blake3'] });
        assert.deepEqual(facts(model.report), facts(expected), name);
        await model.release();
      }
    });
  } finally {
    await handle.close();
    await rm(path);
  }
});

test('a model answers from the worker until it is released', () => withGuestWorker(async guest => {
  const model = await guest.admit(new Blob([file]), { sink: 'resident' });
  assert.equal(await model.metadata('general.architecture'), 'test');
  assert.deepEqual(await model.metadata(1), ['a', 'b']);
  assert.equal(await model.metadata('no.such'), undefined);
  const at = model.report.tensors[0].offset;
  assert.deepEqual(await model.tensor('a'), file.slice(at, at + 2_500_000));
  assert.equal((await model.tensor(1))?.length, 100);
  assert.equal(await model.tensor('c'), undefined);
  assert.deepEqual([await model.tensor(2), await model.metadata(2 ** 32)], [undefined, undefined]);
  for (const index of [NaN, -1, 1.9, 2 ** 53]) {
    assert.equal((await faultOf(model.tensor(index))).code, 'argument');
    assert.equal((await faultOf(model.metadata(index))).code, 'argument');
  }
  assert.equal(await model.isActive(), false);
  await model.activate();
  assert.equal(await model.isActive(), true);
  assert.ok(await guest.memoryBytes() > 2_500_000);
  await model.release();
  await model.release();
  const fault = await faultOf(model.metadata(0));
  assert.deepEqual([fault.code, fault.kind], ['handle', 'misuse']);
}));

test('an error of the guest crosses with all its fields', () => withGuestWorker(async guest => {
  const bad = file.slice();
  bad[4] = 9;
  const here = await faultOf(admit(await freshGuest(), bad));
  const there = await faultOf(guest.admit(bad));
  assert.ok(there instanceof AdmissionError);
  assert.equal(there.name, here.name);
  assert.equal(there.message, here.message);
  assert.deepEqual({ ...there }, { ...here });
}));

test('options that cannot be, and sources of no sort, are misuse, and the source is given up', () =>
  withGuestWorker(async guest => {
    const { stream, ...seen } = observed(file);
    assert.equal((await faultOf(guest.admit(stream, /** @type {any} */ ({ sink: 'disk' })))).code, 'argument');
    assert.equal(seen.given, 0);
    assert.equal((await faultOf(guest.admit(/** @type {any} */ (5)))).code, 'unsupported');
    assert.equal((await faultOf(guest.admit('not a URL'))).code, 'argument');
    const locked = observed(file).stream;
    locked.getReader();
    assert.equal((await faultOf(guest.admit(locked))).code, 'locked');
  }));

test('every option but those that stay on the page crosses to the worker', async () => {
  const crossing = {
    sink: 'verify', length: 1000, sha256: 'a'.repeat(64), blake3: 'b'.repeat(64), digests: ['sha256'],
    evidence: new Uint8Array(32), limits: { tensors: 3 }, retries: 7, retryDelay: 8, stallTimeout: 9,
    profile: { name: 'llama', level: 'refuse' },
  };
  const staying = { signal: new AbortController().signal, onHeader: () => {}, onProgress: () => {}, tee: recorder() };
  // One that is new has a line here.
  assert.deepEqual(Object.keys({ ...crossing, ...staying }).sort(), Object.keys(ADMIT_OPTIONS).sort());
  /** @type {any} */ let order;
  /** @type {Line | undefined} */ let page;
  await admitRemotely(new Blob([file]), /** @type {any} */ ({ ...crossing, ...staying }), (port, line) => {
    page = line;
    new Line(port, () => ({ admit: (/** @type {any} */ given) => ((order = given), { report: {}, found: false }) }));
  });
  page?.end(undefined);
  assert.deepEqual(order.settings, crossing);
});

test('onHeader is awaited, on the page; what it throws comes back as it is', () => withGuestWorker(async guest => {
  const source = observed(file, { piece: 70_000 });
  /** @type {unknown[]} */ const seen = [];
  const model = await guest.admit(iterated(source), { onHeader: async report => {
    seen.push(report.state, source.given);
    await new Promise(resolve => setTimeout(resolve, 30));
    seen.push(source.given);
  } });
  assert.deepEqual(seen, ['header_ready', 70_000, 70_000]);
  await model.release();
  for (const refusal of [
    new Error('too big'),
    Object.assign(new TypeError('typed'), { extra: () => {} }),
    'a string',
    undefined,
    { an: 'object' },
  ]) {
    const fault = await faultOf(
      guest.admit(new Blob([file]), {
        onHeader: () => {
          throw refusal;
        },
      }),
    );
    assert.equal(fault, refusal);
  }
}));

test('onProgress is told now and then and at the end; what it throws ends the admission', () =>
  withGuestWorker(async guest => {
    /** @type {import('../index.js').AdmissionProgress[]} */ const events = [];
    const model = await guest.admit(new Blob([file]), { onProgress: event => void events.push(event) });
    assert.deepEqual(events.map(({ phase }) => phase).at(-1), 'done');
    assert.equal(events.at(-1)?.bytes, file.length);
    await model.release();
    const refusal = new Error('enough');
    assert.equal(
      await faultOf(
        guest.admit(new Blob([file]), {
          onProgress: () => {
            throw refusal;
          },
        }),
      ),
      refusal,
    );
  }));

test('what a callback answers does not have to cross', () => withGuestWorker(async guest => {
  const answer = () => () => {};
  await (await guest.admit(gguf(), { onHeader: answer, onProgress: answer })).release();
}));

test('an onProgress that never answers holds up nothing but the end', () => withGuestWorker(async guest => {
  const source = observed(file, { piece: 100_000, at: () => new Promise(resolve => setTimeout(resolve, 5)) });
  let calls = 0;
  const abort = new AbortController();
  const admitted = guest.admit(iterated(source), { signal: abort.signal, onProgress: () => (calls++, never()) });
  admitted.catch(() => {});
  while (source.given < file.length) await new Promise(resolve => setTimeout(resolve, 10));
  abort.abort();
  assert.equal((await faultOf(admitted)).name, 'AbortError');
  assert.equal(calls, 1);
}));

test('an abort, before and at many points, comes back as its reason; all is given up and the next try works', () =>
  withGuestWorker(async guest => {
    for (const at of [-1, 0, 1000, 66_000, 1_200_000, file.length - 1]) {
      const abort = new AbortController();
      const reason = new Error(`at ${at}`);
      if (at < 0) abort.abort(reason);
      const source = observed(file, {
        piece: 50_000,
        at: offset => void (at >= 0 && offset >= at && abort.abort(reason)),
      });
      const tee = recorder();
      assert.equal(await faultOf(guest.admit(iterated(source), { signal: abort.signal, tee })), reason);
      assert.deepEqual(tee.aborted, [reason]);
      assert.deepEqual(tee.closed, []);
      // What was never read is not even asked for, and what ended cannot be cancelled; a generator ends after its step.
      const isOpen = source.given > 0 && source.given < file.length;
      while (source.stream.locked || (isOpen && !source.isCancelled)) await new Promise(resolve => setTimeout(resolve));
    }
    await (await guest.admit(new Blob([file]))).release();
  }));

test('an abort while onHeader, a tee or the source never answers is heard', () => withGuestWorker(async guest => {
  const hanging = [
    { onHeader: never },
    { tee: { write: never } },
    { tee: { write() {}, close: never } },
  ];
  for (const options of hanging) {
    const fault = await faultOf(guest.admit(new Blob([file]), { ...options, signal: AbortSignal.timeout(100) }));
    assert.equal(fault.name, 'TimeoutError');
  }
  const fault = await faultOf(guest.admit(observed(file, { at: never }).stream, { signal: AbortSignal.timeout(100) }));
  assert.equal(fault.name, 'TimeoutError');
}));

test('tees of the page see every byte, one piece at a time, and the report', () => withGuestWorker(async guest => {
  let writing = 0;
  const [slow, quick] = [recorder({ write: async () => {
    assert.equal(++writing, 1);
    await new Promise(resolve => setTimeout(resolve, 5));
    writing--;
  } }), recorder()];
  const model = await guest.admit(new Blob([file]), { tee: [slow, quick] });
  for (const tee of [slow, quick]) {
    assert.deepEqual(Uint8Array.from(tee.bytes), file);
    assert.deepEqual(tee.closed, [model.report]);
    assert.deepEqual(tee.aborted, []);
  }
}));

test('a tee that fails in write or in close ends the admission with its own error; the others are told', () =>
  withGuestWorker(async guest => {
    const broken = new Error('disk');
    const inWrite = [
      recorder({
        write: offset => {
          if (offset > 100_000) throw broken;
        },
      }),
      recorder(),
    ];
    assert.equal(await faultOf(guest.admit(new Blob([file]), { tee: inWrite })), broken);
    assert.deepEqual(
      inWrite.map(tee => tee.aborted),
      [[broken], [broken]],
    );
    // A store among the page's tees is closed last there too.
    const store = Object.assign(recorder(), { isStore: true });
    assert.equal(
      await faultOf(
        guest.admit(new Blob([file]), {
          tee: [
            store,
            recorder({
              close: () => {
                throw broken;
              },
            }),
          ],
        }),
      ),
      broken,
    );
    assert.deepEqual([store.closed, store.aborted], [[], [broken]]);
    const inClose = [
      recorder(),
      recorder({
        close: () => {
          throw broken;
        },
      }),
      recorder(),
    ];
    assert.equal(await faultOf(guest.admit(new Blob([file]), { tee: inClose })), broken);
    assert.deepEqual(
      inClose.map(tee => tee.aborted),
      [[], [broken], [broken]],
    );
  }));

test('a stream is cancelled, and unlocked, when the file is wrong', () => withGuestWorker(async guest => {
  const bad = file.slice();
  bad[0] = 0;
  const source = observed(bad, { piece: 10_000 });
  assert.equal((await faultOf(guest.admit(source.stream))).code, 'magic');
  assert.deepEqual([source.isCancelled, source.stream.locked, source.given], [true, false, 10_000]);
}));

test('a source of the page that breaks is an error of the source, with the cause that was thrown', () =>
  withGuestWorker(async guest => {
    const cable = new TypeError('the cable was pulled');
    const fault = await faultOf(
      guest.admit(
        iterated(
          observed(file, {
            at: offset => {
              if (offset > 90_000) throw cable;
            },
          }),
        ),
      ),
    );
    assert.deepEqual([fault.code, fault.kind], ['source', 'source']);
    assert.equal(fault.cause, cable);
  }));

test('a web page instead of a model is named as such, to the caller and to the tees', () =>
  withGuestWorker(async guest => {
    const tee = recorder();
    const fault = await faultOf(
      guest.admit(new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }), { tee }),
    );
    assert.equal(fault.code, 'html');
    assert.deepEqual(tee.aborted, [fault]);
  }));

test('no session is left by admissions that failed', () => withGuestWorker(async guest => {
  const bad = gguf();
  bad[0] = 0;
  for (let index = 0; index < 70; index++) assert.equal((await faultOf(guest.admit(bad))).code, 'magic');
  const models = await Promise.all(Array.from({ length: 64 }, () => guest.admit(gguf())));
  assert.equal((await faultOf(guest.admit(gguf()))).code, 'sessions');
  await Promise.all(models.map(model => model.release()));
  await (await guest.admit(gguf())).release();
}));
