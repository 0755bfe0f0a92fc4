// Who looks at a stored file, reads it, changes it or removes it at the same time: here, or in another tab.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, findStored, listStored, makeRoom, openStored, removeStored } from '../index.js';
import { faultOf, freshGuest } from './support/guest.js';
import { serve } from './support/server.js';
import { assertNothingLeft, bytesOf, directory, file, guest, locks, other, sha256Of } from './support/store.js';

const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];

/** An admission of the stored file that stands still in its `onHeader`. */
async function reading() {
  /** @type {(value?: unknown) => void} */ let goOn = () => {};
  const gate = new Promise(resolve => (goOn = resolve));
  /** @type {Promise<any>} */ let admitted = Promise.resolve();
  await new Promise(resolve => {
    admitted = admitStored(guest, 'm.gguf', file, { onHeader: () => (resolve(undefined), gate) });
    admitted.catch(resolve);
  });
  return { goOn, admitted };
}

for (const hasSync of [true, false]) {
  test(`what is being admitted again stays, and others may read it too (synchronous handles: ${hasSync})`, async () => {
    directory.hasSync = hasSync;
    (await admitStored(guest, 'm.gguf', file)).model.release();
    const { goOn, admitted } = await reading();
    directory.quota = [...directory.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.equal((await faultOf(makeRoom(1))).code, 'quota');
    directory.quota = Infinity;
    const wanted = { sha256: sha256Of(other) };
    for (const call of [() => removeStored('m.gguf'), () => admitStored(guest, 'm.gguf', other, wanted)]) {
      const fault = await faultOf(call);
      assert.deepEqual([fault.code, fault.kind, fault.found], ['locked', 'retry', 'm.gguf']);
    }
    // Others may read it at the same time.
    const opened = await openStored(guest, 'm.gguf');
    opened?.release();
    const second = await admitStored(guest, 'm.gguf', other);
    second.model.release();
    assert.deepEqual([opened !== undefined, second.found], [true, true]);
    goOn();
    const { model, found } = await admitted;
    model.release();
    assert.equal(found, true);
    assert.deepEqual(bytesOf('m.gguf'), file);
    await removeStored('m.gguf');
    assertNothingLeft();
  });
}

test('a callback that asks for what its own admission reads is answered, or locked: it never waits', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  /** @type {unknown[]} */ const answers = [];
  const { model } = await admitStored(guest, 'm.gguf', file, {
    onHeader: async () => {
      answers.push((await findStored('m.gguf'))?.length, (await listStored()).length);
      answers.push((await faultOf(removeStored('m.gguf'))).code);
      const nested = await admitStored(guest, 'm.gguf', file);
      nested.model.release();
      answers.push(nested.found);
      answers.push((await faultOf(admitStored(guest, 'm.gguf', other, { sha256: sha256Of(other) }))).code);
    },
  });
  model.release();
  assert.deepEqual(answers, [file.length, 1, 'locked', true, 'locked']);
  assertNothingLeft(STORED);
});

test('a file whose admission ends in any way is free again', async () => {
  (await admitStored(guest, 'm.gguf', file)).model.release();
  const stop = new AbortController();
  const reason = new Error('no more');
  const abort = () => stop.abort(reason);
  /** @type {import('../index.js').StoredOptions[]} */
  const ways = [
    { signal: AbortSignal.abort(reason) }, { onHeader: () => { throw reason; } },
    { onHeader: abort, signal: stop.signal },
    { onProgress: () => { throw reason; } }, { tee: { write: () => { throw reason; } } },
  ];
  for (const options of ways) {
    assert.equal(await faultOf(admitStored(guest, 'm.gguf', file, options)), reason);
    assert.equal(locks.held, 0);
  }
  assertNothingLeft(STORED);
});

test('who looks while a file takes the place of one as long sees one of them, with its own digests', async () => {
  assert.equal(file.length, other.length);
  const digests = { [sha256Of(file)]: file, [sha256Of(other)]: other };
  const server = await serve(other);
  try {
    let seen = 0;
    for (let at = 1, isOver = false; !isOver; at++) {
      (await admitStored(guest, 'm.gguf', file, { sha256: sha256Of(file) })).model.release();
      /** @type {Promise<void>[]} */ const looks = [];
      /** @param {string | undefined} sha256 */
      const judged = sha256 => {
        seen++;
        if (sha256 !== undefined) assert.deepEqual(bytesOf('m.gguf'), digests[sha256], `step ${at}`);
      };
      directory.onCall = (_, count) => {
        if (count !== at) return;
        looks.push(findStored('m.gguf').then(found => judged(found?.digests.sha256)));
        looks.push(listStored().then(entries => judged(entries[0]?.digests?.sha256)));
      };
      directory.calls = 0;
      const stored = await admitStored(await freshGuest(), 'm.gguf', server.url, { sha256: sha256Of(other) });
      stored.model.release();
      isOver = looks.length === 0;
      await Promise.all(looks);
      directory.onCall = undefined;
    }
    assert.ok(seen > 50);
  } finally {
    await server.close();
  }
  assertNothingLeft(STORED);
});

test('two that find the same damage at the same time: one mends, and the next call finds a whole file', async () => {
  const server = await serve(file);
  try {
    (await admitStored(guest, 'm.gguf', server.url)).model.release();
    /** @type {Uint8Array} */ (bytesOf('m.gguf'))[file.length - 5] ^= 1;
    const guests = await Promise.all([freshGuest(), freshGuest(), freshGuest()]);
    const ends = await Promise.all(guests.map(each => admitStored(each, 'm.gguf', server.url, { retries: 0 }).then(
      ({ model }) => (model.release(), 'admitted'), fault => fault.kind)));
    assert.ok(ends.includes('admitted') && ends.every(end => ['admitted', 'retry'].includes(end)), ends.join());
    const { model, found } = await admitStored(guest, 'm.gguf', server.url);
    model.release();
    assert.equal(found, true);
    assert.deepEqual(bytesOf('m.gguf'), file);
    assertNothingLeft(STORED);
  } finally {
    await server.close();
  }
});
