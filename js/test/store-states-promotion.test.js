// What is on the disk after a stop while a whole part takes the place of what was stored: one of them, whole.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { admit, admitStored, findStored, opfsTee } from '../index.js';
import { freshGuest } from './support/guest.js';
import { serve } from './support/server.js';
import { stopAnywhere } from './support/stops.js';
import { assertNothingLeft, bytesOf, file, guest, other, sha256Of } from './support/store.js';

const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const sha256 = sha256Of(file);

/** @type {Awaited<ReturnType<typeof serve>>} */ let server;
before(async () => void (server = await serve(file)));
after(() => server.close());

/** @type {import('./support/stops.js').Engine[]} */
const ENGINES = [[true, true, false], [true, true, true], [true, false, true], [false, true, false]];

for (const engine of ENGINES) {
  const [hasSync, hasMove, loses] = engine;
  const disk = [
    hasSync ? 'synchronous handles' : 'writable streams', ...(hasMove ? [] : ['no move']),
    ...(loses ? ['unflushed writes lost'] : []),
  ].join(', ');

  test(`a file too small for a value takes the place of one as long: no stop loses both (${disk})`, async () => {
    assert.equal(file.length, other.length);
    let ways = 0;
    await stopAnywhere(engine, async () => {
      (await admitStored(guest, 'm.gguf', other)).model.release();
    }, async () => {
      (await admitStored(await freshGuest(), 'm.gguf', server.url, { retries: 0, sha256 })).model.release();
    }, async (_, at) => {
      const isOlder = (await findStored('m.gguf'))?.digests.sha256 === sha256Of(other);
      const asked = server.requests.length;
      const { model, found } = await admitStored(guest, 'm.gguf', server.url, { retries: 0, sha256 });
      model.release();
      assert.equal(found, !isOlder, `step ${at}`);
      assert.equal(server.requests.length, asked + Number(isOlder), `step ${at}`);
      assert.deepEqual(bytesOf('m.gguf'), file, `step ${at}`);
      // What a promotion that was ended by another call did not write is written by the next one.
      assertNothingLeft(STORED);
      ways |= isOlder ? 1 : 2;
    });
    assert.equal(ways, 3);
  });

  test(`a record that a removal left is not taken for that of the next file as long (${disk})`, async () => {
    await stopAnywhere(engine, async directory => {
      (await admitStored(guest, 'm.gguf', other)).model.release();
      directory.files.delete('m.gguf'); // what a removal deletes first
    }, async () => {
      const tee = opfsTee('m.gguf');
      (await admit(await freshGuest(), file, { tee })).release();
    }, async (_, at) => {
      const { model } = await admitStored(guest, 'm.gguf', server.url, { retries: 0 });
      assert.equal(model.report.digests.sha256, sha256, `step ${at}`);
      model.release();
      assert.deepEqual(bytesOf('m.gguf'), file, `step ${at}`);
      assertNothingLeft(STORED);
    });
  });
}
