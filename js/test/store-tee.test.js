import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, admitStored, findStored, opfsTee, removeStored } from '../index.js';
import { faultOf, freshGuest } from './support/guest.js';
import { FakeDirectory } from './support/opfs.js';
import { assertNothingLeft, bytesOf, directory, file, guest, newOrigin, other } from './support/store.js';
import { observed, recorder } from './support/streams.js';

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

    test(`a call of the file system that fails is an error of code store and leaves nothing (${engine})`, async () => {
      for (let at = 1; ; at++) {
        newOrigin();
        Object.assign(directory, { hasSync, hasMove });
        directory.onCall = (name, count) => {
          if (count === at && !['removeEntry', 'abort'].includes(name))
            throw new DOMException('device', 'UnknownError');
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

    test(`a tab that dies at any call leaves no file unadmitted, and the next one mends it (${engine})`, async () => {
      for (let at = 1; ; at++) {
        newOrigin();
        Object.assign(directory, { hasSync, hasMove });
        directory.crashAt(at);
        await admitStored(await freshGuest(), 'm.gguf', file).catch(() => {});
        const { isCrashed } = directory;
        directory.revive();
        newOrigin(directory);
        const survivor = await findStored('m.gguf');
        if (survivor) assert.deepEqual(bytesOf('m.gguf'), file, `call ${at}`);
        // One that was on its way to its name, whole and judged, is stored by the next call.
        const isWhole = ['m.gguf', 'm.gguf.part'].some(name => bytesOf(name)?.length === file.length);
        const { model, found } = await admitStored(guest, 'm.gguf', file);
        assert.ok(found ? isWhole : !survivor, `call ${at}`);
        model.release();
        assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
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

test('a directory on the user\'s disk, whose files have no synchronous handles, is written as streams', async () => {
  const disk = Object.assign(new FakeDirectory(), { isOnDisk: true });
  (
    await admit(guest, file, { digests: ['blake3'], tee: opfsTee('m.gguf', { directory: /** @type {any} */ (disk) }) })
  ).release();
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

test('the tee alone, where the file is stored, ends the admission with the code stored', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const fault = await faultOf(admit(guest, other, { tee: opfsTee('m.gguf') }));
  assert.deepEqual([fault.code, fault.kind], ['stored', 'retry']);
  assert.deepEqual(bytesOf('m.gguf'), file);
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
});

test('an abort while the file is being promoted deletes it again', async () => {
  const abort = new AbortController();
  directory.onCall = name => void (name === 'move' && abort.abort());
  assert.equal(
    (await faultOf(admit(guest, file, { signal: abort.signal, tee: opfsTee('m.gguf') }))).name,
    'AbortError',
  );
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
    assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
    await removeStored('m.gguf');
  }
});

test('a directory of the caller\'s can be given, and names that are none are refused', async () => {
  const mine = new FakeDirectory();
  const options = { directory: /** @type {any} */ (mine) };
  (await admitStored(guest, 'm.gguf', file, options)).model.release();
  assert.deepEqual(mine.names, ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
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
