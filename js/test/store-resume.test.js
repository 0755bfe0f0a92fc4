// A part that survives its admission, and the next call that goes on with it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, findStored, removeStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, directory, guest, newOrigin, sha256Of } from './support/store.js';
import { observed, recorder } from './support/streams.js';

const MIB = 2 ** 20;
/** Three groups or four are whole: the last read, of a MiB at most, is lost with the line. */
const BROKEN = 4.2 * MIB;
/** Bytes that the journal proved before the last call of `ended`. */
let proven = 0;
/** Five groups, of which the last is short. */
const model = gguf({ tensors: [{ bytes: 3 * MIB }, { bytes: MIB + 4 * 77_777 }] });
const another = model.slice();
another[4 * MIB + 5] ^= 1;
/** A header that ends in the third group. */
const words = Array.from({ length: 40_000 }, (_, index) => `word-${index}-`.padEnd(60, 'x'));
const wordy = gguf({ metadata: { 'general.architecture': 'a', words }, tensors: [{ bytes: 2 * MIB }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const KEPT = ['m.gguf.journal', 'm.gguf.part'];
const options = { retries: 0, retryDelay: 1 };

/**
 * Admits to the end, what was kept and the rest.
 *
 * @param {string | Request | Response} source
 * @param {Uint8Array} file
 * @param {import('../index.js').AdmitOptions} [more]
 */
async function ended(source, file, more) {
  proven = Math.floor(((bytesOf('m.gguf.journal')?.length ?? 4096) - 4096) / 32) * MIB;
  /** @type {number | undefined} */ let kept;
  const tee = recorder();
  const onProgress = (/** @type {import('../index.js').AdmissionProgress} */ event) => void (kept = event.kept);
  const result = await admitStored(guest, 'm.gguf', source, { ...options, onProgress, tee, ...more });
  const { report } = result.model;
  result.model.release();
  assert.equal(result.found, false);
  assert.deepEqual(bytesOf('m.gguf'), file);
  assert.equal(Buffer.compare(tee.bytes, file), 0, 'tees see the whole file');
  assert.equal(report.digests.sha256, sha256Of(file));
  assertNothingLeft(STORED);
  return kept;
}

for (const hasSync of [true, false]) {
  const engine = hasSync ? 'synchronous handles' : 'writable streams';

  test(`a broken download goes on in the next call, by its version (${engine})`, async () => {
    Object.assign(directory, { hasSync });
    const server = await serving(model, { breakAfter: BROKEN }, {});
    const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, options));
    assert.equal(fault.kind, 'source');
    assertNothingLeft(KEPT);
    assert.equal(await ended(server.url, model), proven);
    assert.ok(proven >= 3 * MIB);
    assert.deepEqual(server.requests.map(({ range }) => range), [undefined, `bytes=${proven}-`]);
    assert.equal(server.requests[1]['if-range'], '"one"');
  });

  test(`a group that a disk spoilt is fetched again, and all behind it (${engine})`, async () => {
    for (const [file, at, from] of /** @type {const} */ ([
      [model, 100, 0], [model, MIB + 3, 1], [model, 3 * MIB - 1, 2], [wordy, 5, 0], [wordy, MIB + 5, 1],
      [wordy, 2 * MIB + 5, 2],
    ])) {
      newOrigin();
      Object.assign(directory, { hasSync });
      const server = await serving(file, { breakAfter: 4.2 * MIB }, {});
      await faultOf(admitStored(guest, 'm.gguf', server.url, options));
      /** @type {Uint8Array} */ (bytesOf('m.gguf.part'))[at] ^= 4;
      let asked = 0;
      const kept = await ended(server.url, file, { onHeader: () => void asked++ });
      assert.deepEqual([kept, asked], [from * MIB, 1], `byte ${at}`);
      assert.ok(server.sent <= 4.2 * MIB + file.length + 2 * MIB);
    }
  });

  test(`a bit of the journal that is flipped costs what it proves, and no more (${engine})`, async () => {
    for (const [at, kept] of [[0, 0], [70, 0], [4000, 0], [4096, 0], [4096 + 40, 1], [4096 + 64, 2]]) {
      newOrigin();
      Object.assign(directory, { hasSync });
      const server = await serving(model, { breakAfter: BROKEN }, {});
      await faultOf(admitStored(guest, 'm.gguf', server.url, options));
      /** @type {Uint8Array} */ (bytesOf('m.gguf.journal'))[at] ^= 1;
      assert.equal(await ended(server.url, model), kept * MIB, `byte ${at}`);
    }
  });

  test(`an abort and a tee that fails keep the part; a judgement of the file does not (${engine})`, async () => {
    const none = new Error('none of it');
    const stop = new AbortController();
    const late = (/** @type {() => void} */ act) => recorder({ write: offset => offset > 2 * MIB && act() });
    const fail = () => { throw none; };
    const spoilt = model.slice();
    spoilt[model.length - 1] = 1; // padding
    /** @type {[Uint8Array, import('../index.js').AdmitOptions, string[]][]} */
    const cases = [
      [model, { signal: stop.signal, tee: late(() => stop.abort(none)) }, KEPT],
      [model, { tee: late(fail) }, KEPT],
      [model, { onProgress: event => event.bytes > 2 * MIB && fail() }, KEPT],
      [model, { onHeader: fail }, []],
      [model, { sha256: '0'.repeat(64) }, []],
      [model, { length: 5 }, []],
    ];
    for (const [file, more, left] of cases) {
      newOrigin();
      Object.assign(directory, { hasSync });
      const server = await serving(file);
      await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, ...more }));
      if (!more.onProgress) assertNothingLeft(left);
      await removeStored('m.gguf');
      assertNothingLeft();
    }
  });
}

test('what was kept goes straight into the guest, where no tee wants it: what is no good is found too', async () => {
  /** @type {[string, Uint8Array, (part: any) => void, number][]} */
  const cases = [
    ['nothing', model, () => {}, 4],
    ['nothing of a wordy one', wordy, () => {}, 4],
    ['the first MiB', model, ({ bytes }) => void (bytes[100] ^= 4), 0],
    ['a byte behind the header', wordy, ({ bytes }) => void (bytes[3 * MIB - 1] ^= 4), 2],
    ['the first byte of a MiB', model, ({ bytes }) => void (bytes[MIB] ^= 1), 1],
    ['the last byte of a MiB', model, ({ bytes }) => void (bytes[3 * MIB - 1] ^= 1), 2],
    ['an end that is gone', model, part => (part.bytes = part.bytes.slice(0, 1.5 * MIB)), 1],
    ['an end that is gone at a border', model, part => (part.bytes = part.bytes.slice(0, 2 * MIB)), 2],
  ];
  for (const [what, file, spoil, from] of cases) {
    newOrigin();
    const server = await serving(file, { breakAfter: BROKEN }, {});
    await faultOf(admitStored(guest, 'm.gguf', server.url, options));
    const part = directory.files.get('m.gguf.part');
    const whole = Math.floor((/** @type {Uint8Array} */ (bytesOf('m.gguf.journal')).length - 4096) / 32);
    spoil(part);
    let direct = 0;
    directory.onRead = ({ buffer, length }) => void (direct += buffer === guest.view(0, 1).buffer ? length : 0);
    /** @type {number[]} */ const told = [];
    let asked = 0;
    const { model: admitted, found } = await admitStored(guest, 'm.gguf', server.url, {
      ...options, onHeader: () => void asked++, onProgress: ({ kept }) => void told.push(kept),
    });
    admitted.release();
    const kept = Math.min(from, whole);
    assert.deepEqual([found, asked, told.at(-1)], [false, 1, kept * MIB], what);
    assert.deepEqual(bytesOf('m.gguf'), file, what);
    assert.equal(server.requests.at(-1)?.range, kept === 0 ? 'bytes=0-' : `bytes=${kept * MIB}-`, what);
    const headers = file === model ? 1 : 3;
    assert.ok(direct >= (kept - headers) * MIB, `${what}: ${direct} bytes went straight in`);
    assertNothingLeft(STORED);
  }
});

test('a server whose file has changed sends it anew, in the same answer', async () => {
  const server = await serving(model, { breakAfter: BROKEN }, { body: another, headers: { etag: '"two"' } });
  await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assert.equal(await ended(server.url, another), 0);
  assert.equal(server.requests.length, 2);
});

test('a server that cannot show that its file is the same starts anew', async () => {
  for (const manner of [
    { range: false }, { headers: { etag: undefined } }, { headers: { etag: 'W/"one"' } },
    { ifRange: false, body: another, headers: { etag: '"two"' } },
  ]) {
    newOrigin();
    const first = 'body' in manner ? {} : manner;
    const server = await serving(model, { ...first, breakAfter: BROKEN }, manner);
    await faultOf(admitStored(guest, 'm.gguf', server.url, options));
    assert.equal(await ended(server.url, manner.body ?? model), 0);
  }
});

test('with the same digest required, it goes on whatever a server calls its file, and wherever it lies', async () => {
  const sha256 = sha256Of(model);
  const first = await serving(model, { breakAfter: BROKEN });
  const second = await serving(model, { headers: { etag: '"other"' } });
  await faultOf(admitStored(guest, 'm.gguf', first.url, { ...options, sha256 }));
  assert.equal(await ended(second.url, model, { sha256 }), proven);
  assert.deepEqual(second.requests.map(({ range }) => range), [`bytes=${proven}-`]);
});

test('what was kept of another file than the digest speaks of is no fault of the file', async () => {
  const sha256 = sha256Of(model);
  const wrong = model.slice();
  wrong[MIB + 5] ^= 1;
  const server = await serving(model, { body: wrong, breakAfter: BROKEN }, {});
  await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, sha256 }));
  const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, sha256 }));
  assert.deepEqual([fault.code, fault.kind, fault.path], ['changed', 'retry', 'digests.sha256']);
  assertNothingLeft();
  assert.equal(await ended(server.url, model, { sha256 }), 0);
});

test('another digest or length than before is asked of another file', async () => {
  const server = await serving(model, { breakAfter: BROKEN }, {});
  await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, blake3: '0'.repeat(64) }));
  assertNothingLeft(KEPT);
  const fault = await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, blake3: '1'.repeat(64) }));
  assert.equal(fault.code, 'digest');
  assert.deepEqual(server.requests.map(({ range }) => range), [undefined, undefined]);
});

test('a Response goes on too: its own body is given up; a stream and a Blob start anew', async () => {
  const server = await serving(model, { breakAfter: BROKEN }, {});
  const fail = (/** @type {number} */ offset) => { if (offset > 3 * MIB) throw new Error('no more'); };
  const broken = () => observed(model, { at: fail }).stream;
  await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assert.equal(await ended(await fetch(server.url), model), proven);
  for (const source of [observed(model).stream, new Blob([model])]) {
    await removeStored('m.gguf');
    await faultOf(admitStored(guest, 'm.gguf', broken(), options));
    assertNothingLeft(KEPT);
    assert.equal(await ended(/** @type {any} */ (source), model), 0);
  }
});

test('an address that is signed anew in each call goes on; another address of the same server does not', async () => {
  for (const [address, isSame] of /** @type {const} */ ([['?signature=2', true], ['/other', false]])) {
    newOrigin();
    const server = await serving(model, { breakAfter: BROKEN }, {});
    await faultOf(admitStored(guest, 'm.gguf', `${server.url}?signature=1`, options));
    assert.equal(await ended(server.url + address, model), isSame ? proven : 0);
  }
});

test('a server that is silent, busy or refuses leaves what was kept as it was', async () => {
  // A line that breaks before an answer looks like a server that forbids If-Range: it is asked without, too.
  const cut = { cut: true };
  const server = await serving(model, { breakAfter: BROKEN }, { status: 503 }, { status: 403 }, cut, cut, {});
  await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  for (const code of ['http', 'http', 'source']) {
    assert.equal((await faultOf(admitStored(guest, 'm.gguf', server.url, options))).code, code);
    assertNothingLeft(KEPT);
  }
  assert.equal(await ended(server.url, model), proven);
});

test('a page, to log in say, in the place of the rest or of the file leaves what was kept as it was', async () => {
  const headers = { etag: '"page"', 'content-type': 'text/html' };
  const page = { body: Buffer.from('<!doctype html>'.repeat(99)), headers };
  const server = await serving(model, { breakAfter: BROKEN }, page, page, {});
  await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  for (const source of [server.url, await fetch(server.url)]) {
    const fault = await faultOf(admitStored(guest, 'm.gguf', source, options));
    assert.deepEqual([fault.code, fault.kind], ['html', 'source']);
    assertNothingLeft(KEPT);
  }
  assert.equal(await ended(server.url, model), proven);
});

test('a model that its server calls a web page begins anew, where it cannot go on', async () => {
  const headers = { etag: undefined, 'content-type': 'text/html' };
  const server = await serving(model, { breakAfter: BROKEN, headers }, { headers });
  await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assertNothingLeft(KEPT);
  assert.equal(await ended(server.url, model), 0);
  /** @type {Uint8Array} */ (bytesOf('m.gguf'))[MIB] ^= 1;
  const whole = await serving(model, { headers, range: false });
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', whole.url, options))).code, 'damaged');
  assertNothingLeft();
});

test('a download may break again and again, and again', async () => {
  const broken = { breakAfter: 1.5 * MIB };
  const server = await serving(model, broken, broken, broken, {});
  for (let call = 1; call <= 3; call++) await faultOf(admitStored(guest, 'm.gguf', server.url, options));
  assert.equal(await ended(server.url, model), proven);
});

test('a file that is stored stays until the part is whole, also while it is kept', async () => {
  (await admitStored(guest, 'm.gguf', another)).model.release();
  const server = await serving(model, { breakAfter: BROKEN }, {});
  const sha256 = sha256Of(model);
  await faultOf(admitStored(guest, 'm.gguf', server.url, { ...options, sha256 }));
  assertNothingLeft([...STORED, ...KEPT]);
  assert.deepEqual([bytesOf('m.gguf'), (await findStored('m.gguf'))?.length], [another, another.length]);
  assert.equal(await ended(server.url, model, { sha256 }), proven);
});
