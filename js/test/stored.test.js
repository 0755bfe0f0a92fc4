import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionError, admitStored, findStored, removeStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { assertNothingLeft, bytesOf, directory, file, guest, other, sha256Of } from './support/store.js';
import { observed, recorder } from './support/streams.js';

/** @param {(record: string) => string} change */
function spoilRecord(change) {
  const record = directory.files.get('m.gguf.digests');
  assert.ok(record);
  record.bytes = new TextEncoder().encode(change(new TextDecoder().decode(record.bytes)));
}

/** The limit that refuses no file. */
const WINDOW = 7;

test('admitStored takes the source once, and then the stored file, whose BLAKE3 it requires', async () => {
  const first = await admitStored(guest, 'm.gguf', observed(file).stream);
  assert.equal(first.found, false);
  const { digests } = first.model.report;
  assert.deepEqual(Object.keys(digests), ['sha256', 'blake3']);
  assert.equal(first.model.report.recorded, undefined);
  first.model.release();
  const source = observed(file);
  const second = await admitStored(guest, 'm.gguf', source.stream, { sink: 'resident' });
  assert.equal(second.found, true);
  assert.deepEqual([source.given, source.isCancelled, source.stream.locked], [0, true, false]);
  assert.deepEqual(second.model.report.digests, digests);
  assert.deepEqual(second.model.report.recorded, ['sha256']);
  assert.equal(second.model.tensor(0)?.length, 300_000);
  second.model.release();
  await removeStored('m.gguf');
  assert.equal(await findStored('m.gguf'), undefined);
  assertNothingLeft();
});

test('a digest that an option names, or no record, is computed; any other stands as recorded', async () => {
  const { model } = await admitStored(guest, 'm.gguf', file);
  const { sha256, blake3 } = model.report.digests;
  model.release();
  /** @param {import('../index.js').AdmitOptions} [options] */
  const stored = async options => {
    const { model, found } = await admitStored(guest, 'm.gguf', file, options);
    assert.equal(found, true);
    const { report } = model;
    model.release();
    return { report };
  };
  /** @type {[import('../index.js').AdmitOptions, string[]][]} */
  const cases = [
    [{}, ['sha256']],
    [{ sha256 }, []],
    [{ blake3 }, ['sha256']],
    [{ digests: ['sha256'] }, []],
    [{ digests: [] }, ['sha256']],
  ];
  for (const [options, recorded] of cases) {
    const { report } = await stored(options);
    assert.deepEqual([report.digests, report.recorded], [{ sha256, blake3 }, recorded], JSON.stringify(options));
  }
  // The record of version 0.2.0 is as good as the disk: what it alone says is marked.
  const spoilt = 'ab'.repeat(32);
  spoilRecord(() => JSON.stringify({ length: file.length, digests: { sha256: spoilt, blake3 } }));
  const { report: trusted } = await stored();
  assert.deepEqual([trusted.digests.sha256, trusted.recorded], [spoilt, ['sha256']]);
  const { report: computed } = await stored({ digests: ['sha256'] });
  assert.deepEqual([computed.digests.sha256, computed.recorded], [sha256, []]);
  spoilRecord(() => JSON.stringify({ length: file.length, digests: { blake3 } }));
  const { report: learnt } = await stored();
  assert.deepEqual([learnt.digests, learnt.recorded], [{ sha256, blake3 }, []]);
});

test('a tee of a stored file is told the same report', async () => {
  const tee = recorder();
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const { model } = await admitStored(guest, 'm.gguf', observed(file).stream, { tee });
  assert.deepEqual(tee.closed[0].digests, model.report.digests);
  model.release();
});

test('a stored file that was damaged is deleted, and the same call again takes the source', async () => {
  for (const at of [0, 30, file.length - 1]) {
    (await admitStored(guest, 'm.gguf', file)).model.release();
    const bytes = /** @type {Uint8Array} */ (bytesOf('m.gguf'));
    bytes[at] ^= 1;
    const fault = await faultOf(admitStored(guest, 'm.gguf', new Blob([file]).stream()));
    assert.deepEqual([fault.code, fault.kind], ['damaged', 'retry']);
    assertNothingLeft();
    const { model, found } = await admitStored(guest, 'm.gguf', file);
    assert.equal(found, false);
    model.release();
  }
});

test('a stored file that is too large for the limits of today is not taken for damaged', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', file, { limits: { tensors: 0 } }))).code, 'limit');
  assert.ok(await findStored('m.gguf'));
});

test('whether a stored file is damaged is judged with every limit of the guest as high as it goes', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const handle = guest.begin(undefined, 'verify');
  /** @type {number[]} */ const known = [];
  try {
    for (let id = 1; guest.limit(handle, id) >= 0; id++) known.push(id);
  } catch (error) {
    assert.equal(/** @type {any} */ (error).code, 'argument');
  }
  guest.release(handle);
  assert.ok(known.length >= 8);
  directory.files.delete('m.gguf.evidence'); // which would tell without
  /** @type {Map<number, unknown>} */ let set = new Map();
  const begin = guest.begin.bind(guest);
  guest.begin = (...about) => (set = new Map(), begin(...about));
  const limit = guest.limit.bind(guest);
  guest.limit = (handle, id, value) => (set.set(id, value), limit(handle, id, value));
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', file, { limits: { stringBytes: 2 } }))).code, 'limit');
  assert.deepEqual([...set], known.filter(id => id !== WINDOW).map(id => [id, Number.MAX_SAFE_INTEGER]));
});

test('a stored file of another length or digest than required gives way', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const { model } = await admitStored(guest, 'other', other);
  const sha256 = model.report.digests?.sha256?.toUpperCase();
  model.release();
  const replaced = await admitStored(guest, 'm.gguf', other, { sha256 });
  assert.equal(replaced.found, false);
  replaced.model.release();
  assert.deepEqual(bytesOf('m.gguf'), other);
  const again = await admitStored(guest, 'm.gguf', file, { sha256 });
  assert.equal(again.found, true);
  again.model.release();
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', other, { length: 5 }))).code, 'length');
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence', 'other', 'other.digests', 'other.evidence']);
});

test('what has the name stays until the next file is admitted, stored or not', async () => {
  const broken = () => observed(other, { at: offset => { if (offset > 200_000) throw new Error('no more'); } }).stream;
  await directory.getFileHandle('mine', { create: true });
  assert.equal((await faultOf(admitStored(guest, 'mine', broken()))).code, 'source');
  assertNothingLeft(['mine']);
  (await admitStored(guest, 'mine', file)).model.release();
  for (const failing of [
    () => admitStored(guest, 'mine', broken(), { length: other.length + 1 }),
    () => admitStored(guest, 'mine', other, { sha256: '0'.repeat(64) }),
  ]) {
    await faultOf(failing());
    assertNothingLeft(['mine', 'mine.digests', 'mine.evidence']);
    const found = await findStored('mine');
    assert.deepEqual([bytesOf('mine'), found?.length], [file, file.length]);
  }
});

test('a stored file that another tab is reading is not replaced, and stays stored', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const handle = await directory.getFileHandle('m.gguf');
  const reading = await /** @type {any} */ (handle).createSyncAccessHandle({ mode: 'read-only' });
  const faults = await Promise.all([
    faultOf(admitStored(guest, 'm.gguf', other, { length: other.length, sha256: sha256Of(other) })),
    faultOf(removeStored('m.gguf')),
  ]);
  for (const fault of faults) assert.deepEqual([fault.code, fault.kind], ['store', 'source']);
  assert.ok(await findStored('m.gguf'));
  reading.close();
  assert.deepEqual(bytesOf('m.gguf'), file);
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
  assert.ok(await findStored('m.gguf'));
});

test('a stored file is not taken for damaged because the options, a callback or a tee reject it', async () => {
  const long = new Uint8Array([...file, ...new Uint8Array(32)]);
  (await admitStored(guest, 'm.gguf', long, { limits: { trailingBytes: 64 } })).model.release();
  const mine = new AdmissionError('mine', { code: 'mine', kind: 'rejected' });
  /** @type {[import('../index.js').AdmitOptions, string][]} */
  const rejecting = [
    [{}, 'trailing'],
    [{ limits: { trailingBytes: 64 }, onHeader: () => { throw mine; } }, 'mine'],
    [{ limits: { trailingBytes: 64 }, tee: recorder({ write: () => { throw mine; } }) }, 'mine'],
  ];
  for (const [options, code] of rejecting) {
    assert.equal((await faultOf(admitStored(guest, 'm.gguf', file, options))).code, code);
    assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
    assert.equal((await findStored('m.gguf'))?.length, long.length);
  }
});

test('a stored file that turns out to be another gives way at the same call again, not before', async () => {
  (await admitStored(guest, 'm.gguf', file, { digests: ['blake3'] })).model.release();
  const wanted = { sha256: sha256Of(other), digests: /** @type {const} */ (['blake3']) };
  const fault = await faultOf(admitStored(guest, 'm.gguf', other, wanted));
  assert.deepEqual([fault.code, fault.kind, fault.path], ['changed', 'retry', 'digests.sha256']);
  assert.deepEqual(bytesOf('m.gguf'), file);
  assert.equal((await findStored('m.gguf'))?.digests.sha256, sha256Of(file));
  const { model, found } = await admitStored(guest, 'm.gguf', other, wanted);
  assert.equal(found, false);
  model.release();
  assert.deepEqual(bytesOf('m.gguf'), other);
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
});

test('an empty file with a record of its length is not stored: it gives way', async () => {
  const encoder = new TextEncoder();
  for (const record of ['{"length":0,"digests":{}}', '{"length":-1,"digests":{}}', '{"length":0,"digests":null}']) {
    await directory.getFileHandle('m.gguf', { create: true });
    await directory.getFileHandle('m.gguf.digests', { create: true });
    /** @type {any} */ (directory.files.get('m.gguf')).bytes = new Uint8Array(0);
    /** @type {any} */ (directory.files.get('m.gguf.digests')).bytes = encoder.encode(record);
    assert.equal(await findStored('m.gguf'), undefined, record);
    const { model, found } = await admitStored(guest, 'm.gguf', file);
    assert.equal(found, false);
    model.release();
    assert.equal((await findStored('m.gguf'))?.length, file.length);
  }
});

test('a file that goes away while it is looked up is not stored', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  for (const name of ['m.gguf', 'm.gguf.digests']) {
    const handle = await directory.getFileHandle(name);
    const { getFileHandle } = directory;
    directory.getFileHandle = async wanted =>
      wanted === name
        ? {
            ...handle,
            getFile: async () => {
              throw new DOMException(name, 'NotFoundError');
            },
          }
        : getFileHandle.call(directory, wanted);
    assert.equal(await findStored('m.gguf'), undefined, name);
    directory.getFileHandle = getFileHandle;
  }
  directory.onCall = () => { throw new DOMException('device', 'UnknownError'); };
  const fault = await faultOf(findStored('m.gguf'));
  assert.deepEqual([fault.code, fault.kind], ['store', 'source']);
  assert.match(fault.message, /looked up/);
});
