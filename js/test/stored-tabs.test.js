import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, admitStored, findStored, opfsTee, removeStored } from '../index.js';
import { faultOf, freshGuest, olderGuest } from './support/guest.js';
import {
  assertNothingLeft,
  bytesOf,
  directory,
  file,
  guest,
  locks,
  newOrigin,
  other,
  sha256Of,
} from './support/store.js';
import { never, observed, recorder } from './support/streams.js';

/**
 * A tee of an admission behind whose end another tab acts, before it is looked why it failed.
 *
 * @param {() => Promise<unknown>} act
 */
function elsewhere(act) {
  const { request } = locks;
  let isOver = false;
  locks.request = async (name, ...rest) => {
    const isNow = isOver && name === 'gguf-admission look m.gguf';
    if (isNow) isOver = false;
    if (isNow) await act();
    return request.call(locks, name, ...rest);
  };
  return recorder({ abort: () => void (isOver = true) });
}

test('what another tab has stored since is not deleted as damaged', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  /** @type {any} */ (bytesOf('m.gguf'))[file.length - 1] ^= 1;
  const tee = elsewhere(async () => {
    await removeStored('m.gguf');
    (await admitStored(await freshGuest(), 'm.gguf', other)).model.release();
  });
  // With a guest without evidence: the tee hears that it is damaged before anybody looks why.
  const fault = await faultOf(admitStored(olderGuest(), 'm.gguf', file, { tee }));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  assert.deepEqual(bytesOf('m.gguf'), other);
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
});

test('one that turns out to be another is not lost where there is no room to write down what was learnt', async () => {
  for (const [hasSync, call] of /** @type {const} */ ([
    [true, 'write'],
    [true, 'flush'],
    [false, 'createWritable'],
    [false, 'write'],
    [false, 'close'],
  ])) {
    newOrigin();
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
    assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
  }
});

test('what another tab has stored again, the same file, is not deleted as damaged', async () => {
  directory.hasSync = false;
  (await admitStored(guest, 'm.gguf', file)).model.release();
  /** @type {any} */ (bytesOf('m.gguf'))[file.length - 1] ^= 1;
  const tee = elsewhere(async () => {
    const { stream } = observed(file); // from which nothing is mended
    assert.equal((await faultOf(admitStored(await freshGuest(), 'm.gguf', stream))).code, 'damaged');
    (await admitStored(await freshGuest(), 'm.gguf', file)).model.release();
  });
  // With a guest without evidence: the tee hears that it is damaged before anybody looks why.
  const fault = await faultOf(admitStored(olderGuest(), 'm.gguf', file, { tee }));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  assert.deepEqual(bytesOf('m.gguf'), file);
  const { model, found } = await admitStored(guest, 'm.gguf', file);
  assert.equal(found, true);
  model.release();
});

test('a stored file that goes away before or between two looks at it is to be asked for again', async () => {
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
          // By a hand that asks for no lock: the user's, say.
          if (++opened === (last ? 3 : 2)) directory.files.clear();
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
  const tee = elsewhere(async () => {
    await removeStored('m.gguf');
    storing = admitStored(
      await freshGuest(),
      'm.gguf',
      observed(file, { at: offset => (offset > 200_000 ? waits : undefined) }).stream,
    );
    while (locks.held === 0) await new Promise(resolve => setImmediate(resolve));
  });
  // With a guest without evidence: the tee hears that it is damaged before anybody looks why.
  const fault = await faultOf(admitStored(olderGuest(), 'm.gguf', file, { tee }));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  goOn();
  (await storing)?.model.release();
  assert.deepEqual(bytesOf('m.gguf'), file);
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
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
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
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
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
  assertNothingLeft(['m.gguf', 'm.gguf.digests', 'm.gguf.evidence']);
});
