// What is on the disk after a stop between any two steps of whatever is done with a stored file: that file.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { admitStored, listStored, makeRoom, pinStored, removeStored } from '../index.js';
import { clearAfterCrash } from '../store/store-tee.js';
import { freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serve } from './support/server.js';
import { stopAnywhere } from './support/stops.js';
import { assertNothingLeft, bytesOf, directory, guest } from './support/store.js';

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 2 * MIB }, { bytes: MIB + 333 }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];

/** @typedef {import('./support/opfs.js').FakeDirectory} FakeDirectory */

/** @type {Awaited<ReturnType<typeof serve>>} */ let server;
before(async () => void (server = await serve(model)));
after(() => server.close());

/** @param {FakeDirectory} disk @param {string} name */
const fileOf = (disk, name) => /** @type {any} */ (disk.files.get(name));
const admitted = async () =>
  void (await admitStored(await freshGuest(), 'm.gguf', server.url, { retries: 0 })).model.release();

/** @type {Record<string, { spoil: (disk: FakeDirectory) => void, act: () => Promise<unknown>, groups?: number }>} */
const STEPS = {
  'mending a file': { spoil: disk => void (fileOf(disk, 'm.gguf').bytes[MIB + 3] ^= 1), act: admitted, groups: 2 },
  'admitting one again': { spoil: () => {}, act: admitted },
  'writing its evidence': { spoil: disk => void disk.files.delete('m.gguf.evidence'), act: admitted },
  'writing its record': { spoil: disk => void (fileOf(disk, 'm.gguf.digests').bytes[20] ^= 1), act: admitted },
  'pinning it': { spoil: () => {}, act: () => pinStored('m.gguf') },
};

/** @type {import('./support/stops.js').Engine[]} */
const DISKS = [[true, true, false], [true, true, true], [true, false, false], [false, true, false]];

for (const disk of DISKS) {
  const [hasSync, hasMove, loses] = disk;
  const engine = [hasSync ? 'synchronous handles' : 'writable streams', hasMove ? 'move' : 'no move'].join(', ');
  for (const [what, { spoil, act, groups = 0 }] of Object.entries(STEPS)) {
    const title = `a stop at any step of ${what} costs nothing${groups ? ' but the damaged groups' : ''}`;
    test(`${title} (${engine}${loses ? ', unflushed writes lost' : ''})`, async () => {
      let before = 0;
      await stopAnywhere(disk, async directory => {
        (await admitStored(guest, 'm.gguf', model)).model.release();
        spoil(directory);
        before = server.sent;
      }, act, async (_, at) => {
        const { model: again, found } = await admitStored(guest, 'm.gguf', server.url, { retries: 0 });
        again.release();
        assert.equal(found, true, `step ${at}`);
        assert.ok(server.sent - before <= groups * MIB, `step ${at}: ${server.sent - before} bytes`);
        assert.deepEqual(bytesOf('m.gguf'), model, `step ${at}`);
        assert.equal((await listStored()).length, 1);
        await pinStored('m.gguf', false);
        assertNothingLeft(STORED);
      });
    });
  }

  test(`a stop at any step of making room leaves whole files, and nothing else (${engine}, ${loses})`, async () => {
    await stopAnywhere(disk, async directory => {
      for (const name of ['a', 'b']) (await admitStored(guest, name, model)).model.release();
      directory.quota = [...directory.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    }, () => makeRoom(MIB), async (directory, at) => {
      directory.quota *= 2;
      await makeRoom(1);
      for (const { name, length } of await listStored()) {
        if (length !== undefined) assert.deepEqual(bytesOf(name), model, `step ${at}`);
        await removeStored(name);
      }
      assertNothingLeft();
    });
  });
}

test('what a worker leaves that crashed while a mended file took its place is that file', async () => {
  (await admitStored(guest, 'm.gguf', model)).model.release();
  const record = /** @type {any} */ (directory.files.get('m.gguf.digests'));
  directory.files.set('m.gguf.journal', record);
  directory.files.set('m.gguf.part', /** @type {any} */ (directory.files.get('m.gguf')));
  directory.files.delete('m.gguf');
  await clearAfterCrash('m.gguf');
  assert.deepEqual(bytesOf('m.gguf'), model);
  assertNothingLeft(STORED);
});
