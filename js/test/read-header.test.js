// What a file's header says, without its weights: `readHeader`, and the metadata that `onHeader` may look at.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Admission, Header, admit, readHeader } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serve } from './support/server.js';
import { observed } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const words = Array.from({ length: 30_000 }, (_, index) => `word ${index}`);
const template = 'a chat template '.repeat(2000);
const metadata = {
  'general.architecture': 'test',
  'tokenizer.ggml.tokens': words,
  'tokenizer.chat_template': template,
};
const file = gguf({ metadata, tensors: [{ name: 'a', bytes: 3_000_000 }] });
const headerBytes = file.length - 3_000_000;

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));
afterEach(() => assertNoSession(guest));

test('a header is read from any source, which is given up then; arrays and long strings are whole', async () => {
  for (const type of /** @type {const} */ ([undefined, 'bytes'])) {
    const source = observed(file, { type, piece: 50_000 });
    const header = await readHeader(guest, source.stream);
    assert.ok(header instanceof Header);
    assert.equal(header.report.state, 'header_ready');
    assert.deepEqual(header.report.tensors.map(({ name, bytes }) => [name, bytes]), [['a', 3_000_000]]);
    assert.equal(header.report.digests, null);
    assert.deepEqual(header.metadata('tokenizer.ggml.tokens'), words);
    assert.equal(header.metadata('tokenizer.chat_template'), template);
    assert.equal(header.metadata(0), 'test');
    assert.deepEqual([header.metadata('no'), header.metadata(3)], [undefined, undefined]);
    assert.equal((await faultOf(() => header.metadata(-1))).code, 'argument');
    assert.ok(source.isCancelled && !source.stream.locked);
    assert.ok(source.given < headerBytes + 200_000, `${source.given} bytes were read`);
    header.release();
    header.release();
    assert.equal((await faultOf(() => header.metadata(0))).code, 'handle');
  }
  for (const from of [file, new Blob([file]), (function* () { yield file; })(), gguf({ tensors: [] }), gguf()]) {
    (await readHeader(guest, from)).release();
  }
});

test('of a file on a server the header alone is fetched, also over a line that breaks', async () => {
  const long = gguf({ metadata, tensors: [{ bytes: 60_000_000, fill: () => 0 }] });
  const server = await serve(long, { breakAfter: 100_000 }, {});
  try {
    const header = await readHeader(guest, server.url, { retryDelay: 1 });
    assert.equal(header.report.length, long.length);
    header.release();
    for (let tries = 0; server.answering > 0; tries++) {
      assert.ok(tries < 500, 'the server is still sending');
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  } finally {
    await server.close();
  }
});

test('a header that is wrong, cut short, above a limit or longer than declared is refused as by admit', async () => {
  const bad = file.slice();
  bad[4] = 9;
  /** @type {[Uint8Array<ArrayBuffer>, import('../index.js').HeaderOptions][]} */
  const cases = [
    [bad, {}], [file.subarray(0, 5000), {}], [file, { limits: { stringBytes: 10 } }], [file, { length: 5000 }],
    [new Uint8Array(0), {}],
  ];
  for (const [bytes, options] of cases) {
    const alone = await faultOf(readHeader(guest, bytes, options));
    const whole = await faultOf(admit(guest, bytes, options));
    for (const field of ['code', 'kind', 'offset', 'path']) assert.equal(alone[field], whole[field]);
  }
  const reason = new Error('enough');
  assert.equal(await faultOf(readHeader(guest, file, { signal: AbortSignal.abort(reason) })), reason);
});

test('onHeader may look at whole metadata', async () => {
  /** @type {unknown[]} */ const seen = [];
  /** @type {import('../index.js').OnHeader} */
  const onHeader = (report, header) => {
    const asked = ['tokenizer.ggml.tokens', 2, 'no'].map(key => header.metadata(key));
    seen.push(report.metadata[1].items, ...asked);
  };
  (await admit(guest, file, { onHeader })).release();
  const admission = new Admission(guest, { onHeader });
  await admission.write(file);
  admission.finish().release();
  assert.deepEqual(seen, [words.length, words, template, undefined, words.length, words, template, undefined]);
});

test('so may the onHeader of a worker\'s guest, and it reads headers too', () => withGuestWorker(async worker => {
  /** @type {unknown[]} */ const seen = [];
  const model = await worker.admit(new Blob([file]), {
    async onHeader(_, header) {
      for (const key of ['tokenizer.ggml.tokens', 'no']) seen.push(await header.metadata(key));
    },
  });
  assert.deepEqual(seen, [words, undefined]);
  await model.release();

  const header = await worker.readHeader(observed(file).stream);
  assert.equal(header.report.state, 'header_ready');
  assert.deepEqual(await header.metadata('tokenizer.ggml.tokens'), words);
  await header.release();
  assert.equal((await faultOf(header.metadata(0))).code, 'handle');
  assert.equal((await faultOf(worker.readHeader(file.subarray(0, 3)))).code, 'truncated');
}));

test('models, headers and sessions end with `using`', async () => {
  const [model, header, admission] = [await admit(guest, file), await readHeader(guest, file), new Admission(guest)];
  model[Symbol.dispose]();
  header[Symbol.dispose]();
  admission[Symbol.dispose]();
  assertNoSession(guest);
  const other = await admit(guest, file);
  await other[Symbol.asyncDispose]();
  await withGuestWorker(async worker => {
    const remote = await worker.admit(file);
    await remote[Symbol.asyncDispose]();
    assert.equal((await faultOf(remote.isActive())).code, 'handle');
    await worker[Symbol.asyncDispose]();
    assert.equal((await faultOf(worker.memoryBytes())).code, 'worker');
  });
});
