import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { AdmissionError, admit, admitStored, findStored, opfsTee, removeStored } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { FakeDirectory, fakeOrigin } from './support/opfs.js';
import { never, observed, recorder } from './support/streams.js';

/** @type {import('../index.js').Guest} */ let guest;
/** @type {FakeDirectory} */ let directory;
/** @type {import('./support/opfs.js').FakeLocks} */ let locks;
beforeEach(async () => {
  guest = await freshGuest();
  ({ directory, locks } = fakeOrigin());
});

const file = gguf({ tensors: [{ bytes: 300_000 }] });
const other = gguf({ tensors: [{ bytes: 300_000, fill: () => 7 }] });

/** @param {Uint8Array} bytes */
const sha256Of = bytes => createHash('sha256').update(bytes).digest('hex');

/** The limit that refuses no file. */
const WINDOW = 7;

/** @param {string} name */
const bytesOf = name => directory.files.get(name)?.bytes;

function assertNothingLeft(names = /** @type {string[]} */ ([])) {
  assert.deepEqual(directory.names, names);
  assert.equal(locks.held, 0);
  assert.ok([...directory.files.values()].every(file => !file.isHeld && file.readers === 0));
  assertNoSession(guest);
}

for (const hasSync of [true, false]) {
  for (const hasMove of [true, false]) {
    const engine = `${hasSync ? 'synchronous handles' : 'writable streams'}, ${hasMove ? 'move' : 'no move'}`;

    test(`what is admitted is stored, with its digests (${engine})`, async () => {
      Object.assign(directory, { hasSync, hasMove });
      const { stream } = observed(file);
      const model = await admit(guest, stream, { digests: ['sha256', 'blake3'], tee: opfsTee('m.gguf') });
      const found = await findStored('m.gguf');
      assert.deepEqual(bytesOf('m.gguf'), file);
      assert.equal(found?.length, file.length);
      assert.deepEqual(found?.digests, model.report.digests);
      model.release();
      assertNothingLeft(['m.gguf', 'm.gguf.digests']);
      const again = await admit(guest, /** @type {any} */ (found).file, { blake3: found?.digests.blake3 });
      assert.deepEqual(again.report.digests, { blake3: found?.digests.blake3 });
      again.release();
    });

    test(`of what is not admitted nothing stays (${engine})`, async () => {
      Object.assign(directory, { hasSync, hasMove });
      const refusal = new Error('no');
      const bad = file.slice();
      bad[file.length - 300_001] = 1;
      const abort = new AbortController();
      /** @type {[import('../index.js').Admissible, import('../index.js').AdmitOptions][]} */
      const failing = [
        [bad, {}],
        [file.slice(0, -1), {}],
        [file, { sha256: '0'.repeat(64) }],
        [file, { onHeader: () => { throw refusal; } }],
        [observed(file, { at: offset => { if (offset > 200_000) throw refusal; } }).stream, {}],
        [observed(file, { at: offset => offset > 200_000 && abort.abort() }).stream, { signal: abort.signal }],
        [file, { tee: [recorder({ close: () => { throw refusal; } }), opfsTee('m.gguf')] }],
      ];
      for (const [source, options] of failing) {
        await faultOf(admit(guest, source, { tee: opfsTee('m.gguf'), ...options }));
        assertNothingLeft();
      }
    });

    test(`a call of the file system that fails, whichever, is an error of the code store and leaves nothing (${engine})`, async () => {
      for (let at = 1; ; at++) {
        ({ directory, locks } = fakeOrigin());
        Object.assign(directory, { hasSync, hasMove });
        directory.onCall = (name, count) => {
          if (count === at && !['removeEntry', 'abort'].includes(name)) throw new DOMException('device', 'UnknownError');
        };
        const admitted = await admit(guest, file, { tee: opfsTee('m.gguf') }).catch(error => error);
        if (directory.calls < at) break;
        if (!('report' in admitted)) {
          assert.deepEqual([admitted.code, admitted.kind], ['store', 'source'], `call ${at}`);
          assertNothingLeft();
        } else {
          admitted.release();
        }
      }
    });

    test(`a tab that dies at any call leaves no file that was not admitted, and the next one mends it (${engine})`, async () => {
      for (let at = 1; ; at++) {
        ({ directory, locks } = fakeOrigin());
        Object.assign(directory, { hasSync, hasMove });
        directory.crashAt(at);
        await admitStored(await freshGuest(), 'm.gguf', file).catch(() => {});
        const { isCrashed } = directory;
        directory.revive();
        ({ locks } = fakeOrigin(directory));
        const survivor = await findStored('m.gguf');
        if (survivor) assert.deepEqual(bytesOf('m.gguf'), file, `call ${at}`);
        const { model, found } = await admitStored(guest, 'm.gguf', file);
        assert.equal(found, survivor !== undefined);
        model.release();
        assertNothingLeft(['m.gguf', 'm.gguf.digests']);
        assert.deepEqual(bytesOf('m.gguf'), file);
        if (!isCrashed) break;
      }
    });

    test(`a quota that ends anywhere is an error of the code quota and leaves nothing (${engine})`, async () => {
      Object.assign(directory, { hasSync, hasMove });
      for (const quota of [0, 100, 65_536, 200_000, file.length, file.length + 20]) {
        directory.quota = quota;
        const fault = await faultOf(admit(guest, file, { tee: opfsTee('m.gguf') }));
        assert.deepEqual([fault.code, fault.kind], ['quota', 'retry'], String(quota));
        assert.match(fault.message, /no room to store m\.gguf/);
        assertNothingLeft();
      }
    });
  }
}

test('admitStored takes the source once, and then the stored file, whose BLAKE3 it requires', async () => {
  const first = await admitStored(guest, 'm.gguf', observed(file).stream);
  assert.equal(first.found, false);
  assert.deepEqual(Object.keys(first.model.report.digests ?? {}), ['sha256', 'blake3']);
  first.model.release();
  const source = observed(file);
  const second = await admitStored(guest, 'm.gguf', source.stream, { sink: 'resident' });
  assert.equal(second.found, true);
  assert.deepEqual([source.given, source.isCancelled, source.stream.locked], [0, true, false]);
  assert.deepEqual(second.model.report.digests, { blake3: first.model.report.digests?.blake3 ?? '' });
  assert.equal(second.model.tensor(0)?.length, 300_000);
  second.model.release();
  await removeStored('m.gguf');
  assert.equal(await findStored('m.gguf'), undefined);
  assertNothingLeft();
});

test('a stored file that was damaged is deleted, and the same call again takes the source', async () => {
  for (const at of [0, 30, file.length - 1]) {
    (await admitStored(guest, 'm.gguf', file)).model.release();
    const bytes = /** @type {Uint8Array} */ (bytesOf('m.gguf'));
    bytes[at] ^= 1;
    const fault = await faultOf(admitStored(guest, 'm.gguf', file));
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
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'other', 'other.digests']);
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
    assertNothingLeft(['mine', 'mine.digests']);
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
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
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
    assertNothingLeft(['m.gguf', 'm.gguf.digests']);
    assert.equal((await findStored('m.gguf'))?.length, long.length);
  }
});

test('a stored file that turns out to be another one gives way at the same call again, and is not lost before', async () => {
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
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('what another tab has stored since is not deleted as damaged', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  /** @type {any} */ (bytesOf('m.gguf'))[file.length - 1] ^= 1;
  const abort = async () => {
    await removeStored('m.gguf');
    (await admitStored(await freshGuest(), 'm.gguf', other)).model.release();
  };
  const fault = await faultOf(admitStored(guest, 'm.gguf', file, { tee: recorder({ abort }) }));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  assert.deepEqual(bytesOf('m.gguf'), other);
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('one that turns out to be another is not lost where there is no room to write down what was learnt', async () => {
  for (const [hasSync, call] of /** @type {const} */ ([[true, 'write'], [true, 'flush'], [false, 'createWritable'], [false, 'write'], [false, 'close']])) {
    ({ directory, locks } = fakeOrigin());
    directory.hasSync = hasSync;
    (await admitStored(guest, 'm.gguf', file, { digests: ['blake3'] })).model.release();
    const stored = await findStored('m.gguf');
    directory.onCall = name => {
      if (name === call && locks.held > 0) throw new DOMException('no capacity', 'QuotaExceededError');
    };
    const fault = await faultOf(admitStored(guest, 'm.gguf', other, { sha256: sha256Of(other), digests: ['blake3'] }));
    directory.onCall = undefined;
    assert.deepEqual([fault.code, fault.kind], ['quota', 'retry'], call);
    assert.equal((await findStored('m.gguf'))?.id, stored?.id);
    assertNothingLeft(['m.gguf', 'm.gguf.digests']);
  }
});

test('what another tab has stored again, the same file, is not deleted as damaged', async () => {
  directory.hasSync = false;
  (await admitStored(guest, 'm.gguf', file)).model.release();
  /** @type {any} */ (bytesOf('m.gguf'))[file.length - 1] ^= 1;
  const again = async () => {
    assert.equal((await faultOf(admitStored(await freshGuest(), 'm.gguf', file))).code, 'damaged');
    (await admitStored(await freshGuest(), 'm.gguf', file)).model.release();
  };
  const fault = await faultOf(admitStored(guest, 'm.gguf', file, { tee: recorder({ abort: again }) }));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  assert.deepEqual(bytesOf('m.gguf'), file);
  const { model, found } = await admitStored(guest, 'm.gguf', file);
  assert.equal(found, true);
  model.release();
});

test('a stored file that another tab deletes before it is read, or between two looks at it, is to be asked for again', async () => {
  for (const last of [false, true]) {
    (await admitStored(guest, 'm.gguf', file)).model.release();
    if (last) /** @type {any} */ (bytesOf('m.gguf'))[file.length - 1] ^= 1;
    directory.hasSync = false;
    const { getFileHandle } = directory;
    let opened = 0;
    // As of a file that is gone: the handle is there, what it stands for is not.
    directory.getFileHandle = async (...given) => {
      const handle = await getFileHandle.apply(directory, given);
      const { getFile } = handle;
      return given[0] !== 'm.gguf' ? handle : {
        ...handle,
        async getFile() {
          if (++opened === (last ? 3 : 2)) await removeStored('m.gguf');
          return opened > (last ? 2 : 1) ? Promise.reject(new DOMException('m.gguf', 'NotFoundError')) : getFile();
        },
      };
    };
    const fault = await faultOf(admitStored(guest, 'm.gguf', observed(file).stream));
    directory.getFileHandle = getFileHandle;
    assert.deepEqual([fault.code, fault.kind], ['changed', 'retry'], String(last));
    assertNothingLeft();
  }
});

test('while another tab stores again what was damaged, nobody waits to say so', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  /** @type {any} */ (bytesOf('m.gguf'))[file.length - 1] ^= 1;
  /** @type {(value?: unknown) => void} */ let goOn = () => {};
  const waits = new Promise(resolve => (goOn = resolve));
  /** @type {Promise<{ model: import('../index.js').Model, found: boolean }> | undefined} */ let storing;
  const abort = async () => {
    await removeStored('m.gguf');
    storing = admitStored(await freshGuest(), 'm.gguf', observed(file, { at: offset => (offset > 200_000 ? waits : undefined) }).stream);
    while (locks.held === 0) await new Promise(resolve => setImmediate(resolve));
  };
  const fault = await faultOf(admitStored(guest, 'm.gguf', file, { tee: recorder({ abort }) }));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  goOn();
  (await storing)?.model.release();
  assert.deepEqual(bytesOf('m.gguf'), file);
});

test('a record that was spoilt is none', async () => {
  for (const [of, by] of [['"blake3":"', '"blake3":"x'], ['"digests":{', '"digests":5,"was":{'], ['"length":', '"length":"'], ['{', '']]) {
    (await admitStored(guest, 'm.gguf', file)).model.release();
    const record = /** @type {any} */ (directory.files.get('m.gguf.digests'));
    record.bytes = new TextEncoder().encode(new TextDecoder().decode(record.bytes).replace(of, by));
    assert.equal(await findStored('m.gguf'), undefined, by);
    const { model, found } = await admitStored(guest, 'm.gguf', file);
    assert.equal(found, false);
    model.release();
  }
});

test('a file that goes away while it is looked up is not stored', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  for (const name of ['m.gguf', 'm.gguf.digests']) {
    const handle = await directory.getFileHandle(name);
    const { getFileHandle } = directory;
    directory.getFileHandle = async wanted => wanted === name ? { ...handle, getFile: async () => { throw new DOMException(name, 'NotFoundError'); } } : getFileHandle.call(directory, wanted);
    assert.equal(await findStored('m.gguf'), undefined, name);
    directory.getFileHandle = getFileHandle;
  }
  directory.onCall = () => { throw new DOMException('device', 'UnknownError'); };
  const fault = await faultOf(findStored('m.gguf'));
  assert.deepEqual([fault.code, fault.kind], ['store', 'source']);
  assert.match(fault.message, /looked up/);
});

test('a directory on the user\'s disk, whose files have no synchronous handles, is written as streams', async () => {
  const disk = Object.assign(new FakeDirectory(), { isOnDisk: true });
  (await admit(guest, file, { digests: ['blake3'], tee: opfsTee('m.gguf', { directory: /** @type {any} */ (disk) }) })).release();
  assert.deepEqual([disk.names, disk.files.get('m.gguf')?.bytes], [['m.gguf', 'm.gguf.digests'], file]);
  const { model, found } = await admitStored(guest, 'm.gguf', file, { directory: /** @type {any} */ (disk) });
  assert.equal(found, true);
  model.release();
});

test('what is stored was admitted: a tee or an onProgress that fails at the very end leaves nothing', async () => {
  const mine = new Error('mine');
  const fail = () => { throw mine; };
  for (const options of [
    { tee: [opfsTee('m.gguf'), recorder({ close: fail })] },
    { tee: opfsTee('m.gguf'), onProgress: (/** @type {any} */ { phase }) => phase === 'done' && fail() },
  ]) {
    assert.equal(await faultOf(admit(guest, file, options)), mine);
    assertNothingLeft();
  }
});

test('the same name in two directories is two files', async () => {
  const mine = /** @type {any} */ (new FakeDirectory());
  const model = await admit(guest, file, { tee: [opfsTee('m.gguf'), opfsTee('m.gguf', { directory: mine })] });
  model.release();
  assert.deepEqual(mine.names, directory.names);
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('two at once: the second waits, fetches nothing, and finds the file', async () => {
  /** @type {(value?: unknown) => void} */ let goOn = () => {};
  const held = new Promise(resolve => (goOn = resolve));
  const slow = observed(file, { at: offset => (offset > 100_000 ? held : undefined) });
  const [first, source] = [admitStored(guest, 'm.gguf', slow.stream), observed(file)];
  while (slow.given < 100_000) await new Promise(resolve => setTimeout(resolve));
  const second = admitStored(guest, 'm.gguf', source.stream);
  await new Promise(resolve => setTimeout(resolve, 20));
  assert.equal(locks.held, 1);
  goOn();
  assert.deepEqual([(await first).found, (await second).found, source.given], [false, true, 0]);
  for (const { model } of await Promise.all([first, second])) model.release();
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('two at once: when the first is given up, the second takes its own source', async () => {
  const abort = new AbortController();
  const slow = observed(file, { at: offset => (offset > 100_000 ? never() : undefined) });
  const first = admitStored(guest, 'm.gguf', slow.stream, { signal: abort.signal });
  first.catch(() => {});
  while (slow.given < 100_000) await new Promise(resolve => setTimeout(resolve));
  const second = admitStored(guest, 'm.gguf', file);
  abort.abort();
  assert.equal((await faultOf(first)).name, 'AbortError');
  const { model, found } = await second;
  assert.equal(found, false);
  model.release();
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('waiting for the lock can be aborted, with the reason; what the other stores is left alone', async () => {
  /** @type {(value?: unknown) => void} */ let goOn = () => {};
  const held = new Promise(resolve => (goOn = resolve));
  const slow = observed(file, { at: offset => (offset > 100_000 ? held : undefined) });
  const first = admitStored(guest, 'm.gguf', slow.stream);
  while (slow.given < 100_000) await new Promise(resolve => setTimeout(resolve));
  const reason = new Error('no patience');
  for (const wait of [
    (/** @type {AbortSignal} */ signal) => admitStored(guest, 'm.gguf', file, { signal }),
    (/** @type {AbortSignal} */ signal) => admit(guest, file, { signal, tee: opfsTee('m.gguf') }),
  ]) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 20);
    assert.equal(await faultOf(wait(abort.signal)), reason);
  }
  goOn();
  const { model, found } = await first;
  assert.equal(found, false);
  model.release();
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('the tee alone, where the file is stored, ends the admission with the code stored', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const fault = await faultOf(admit(guest, other, { tee: opfsTee('m.gguf') }));
  assert.deepEqual([fault.code, fault.kind], ['stored', 'retry']);
  assert.deepEqual(bytesOf('m.gguf'), file);
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('an abort while the file is being promoted deletes it again', async () => {
  const abort = new AbortController();
  directory.onCall = name => void (name === 'move' && abort.abort());
  assert.equal((await faultOf(admit(guest, file, { signal: abort.signal, tee: opfsTee('m.gguf') }))).name, 'AbortError');
  assertNothingLeft();
});

test('what a closed tab left behind is cleaned up, also when it still holds the file for a moment', async () => {
  for (const name of ['m.gguf.part', 'm.gguf']) {
    const handle = await directory.getFileHandle(name, { create: true });
    const left = await /** @type {any} */ (handle).createSyncAccessHandle();
    left.write(file.subarray(0, 1000), { at: 0 });
    setTimeout(() => left.close(), 120);
    const { model, found } = await admitStored(guest, 'm.gguf', file);
    assert.equal(found, false);
    model.release();
    assertNothingLeft(['m.gguf', 'm.gguf.digests']);
    await removeStored('m.gguf');
  }
});

test('a directory of the caller\'s can be given, and names that are none are refused', async () => {
  const mine = new FakeDirectory();
  const options = { directory: /** @type {any} */ (mine) };
  (await admitStored(guest, 'm.gguf', file, options)).model.release();
  assert.deepEqual(mine.names, ['m.gguf', 'm.gguf.digests']);
  assertNothingLeft();
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'm.part', 'm.digests']) {
    assert.equal((await faultOf(admitStored(guest, name, file))).code, 'argument', name);
    assert.equal((await faultOf(admit(guest, file, { tee: opfsTee(name) }))).code, 'argument', name);
  }
  assertNothingLeft();
});

test('where there is no private file system, or no locks, it is said', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  const fault = await faultOf(admit(guest, file, { tee: opfsTee('m.gguf') }));
  assert.deepEqual([fault.code, fault.kind], ['unsupported', 'misuse']);
});
