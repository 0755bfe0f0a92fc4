// A bit that a disk flips, in whatever file of the store, is found before the bytes are used.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { admitStored, findStored, openStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { serve } from './support/server.js';
import { assertNothingLeft, bytesOf, directory, guest, sha256Of } from './support/store.js';
import { recorder } from './support/streams.js';

const MIB = 2 ** 20;
const fill = (/** @type {number} */ index) => (index * 2_654_435_761) >>> 11;
const metadata = { 'general.architecture': 'a', text: 'x'.repeat(500) };
const model = gguf({ metadata, tensors: [{ bytes: MIB, fill }] });
/** Three groups, of which two are kept. */
const long = gguf({ tensors: [{ bytes: 2.5 * MIB, fill }] });
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const sha256 = sha256Of(model);

/** @type {Awaited<ReturnType<typeof serve>>} */ let server;
before(async () => void (server = await serve(model)));
after(() => server.close());

/** Every byte where that can be, else some, the first and the last of each MiB among them. @param {number} length */
function places(length, most = 400) {
  const all = Array.from({ length: Math.min(length, most) }, (_, index) => Math.floor((index * length) / most));
  const borders = [0, MIB - 1, MIB, 2 * MIB - 1, 2 * MIB, length - 1];
  return [...new Set([...(length <= most ? Array.from({ length }, (_, at) => at) : all), ...borders])]
    .filter(at => at < length);
}

/** What lies on the disk now. */
const snapshot = () => new Map([...directory.files].map(([name, { bytes }]) => [name, bytes.slice()]));

/** @param {Map<string, Uint8Array>} disk */
async function restore(disk) {
  directory.files.clear();
  for (const [name, bytes] of disk) {
    await directory.getFileHandle(name, { create: true });
    Object.assign(/** @type {any} */ (directory.files.get(name)), { bytes: bytes.slice(), flushed: bytes.slice() });
  }
}

/** @param {string} name @param {number} at */
const flip = (name, at) => void (/** @type {Uint8Array} */ (bytesOf(name))[at] ^= 1 << at % 8);

/** @type {[name: string, most: number][]} */
const BESIDE = [['m.gguf.digests', 200], ['m.gguf.evidence', 64], ['m.gguf', 40]];
for (const [name, most] of BESIDE) {
  test(`in ${name}: what is admitted and what is read is what was stored`, async () => {
    (await admitStored(guest, 'm.gguf', model)).model.release();
    const disk = snapshot();
    for (const at of places(/** @type {Uint8Array} */ (disk.get(name)).length, most)) {
      await restore(disk);
      flip(name, at);
      const opened = await openStored(guest, 'm.gguf').catch(error => error);
      const isTensor = opened.report !== undefined;
      const read = isTensor ? await opened.tensor(0).catch((/** @type {any} */ error) => error) : opened;
      const offset = Math.floor(at / MIB) * MIB;
      if (read.code) assert.deepEqual([name, read.code, read.offset], ['m.gguf', 'damaged', offset]);
      else assert.equal(Buffer.compare(read, model.subarray(opened.report.tensors[0].offset).subarray(0, MIB)), 0);
      if (isTensor) opened.release();

      await restore(disk);
      flip(name, at);
      /** @type {unknown[]} */ const looked = [];
      const { model: admitted, found } = await admitStored(guest, 'm.gguf', server.url, {
        digests: ['sha256'], onHeader: (_, header) => void looked.push(header.metadata('text')),
      });
      assert.deepEqual([found, admitted.report.digests.sha256, looked], [true, sha256, [metadata.text]], `byte ${at}`);
      admitted.release();
      assert.deepEqual(bytesOf('m.gguf'), model);
      assert.equal((await findStored('m.gguf'))?.digests.sha256, sha256);
      assert.deepEqual(bytesOf('m.gguf.evidence'), disk.get('m.gguf.evidence'));
      assertNothingLeft(STORED);
    }
  });
}

for (const [name, most] of /** @type {const} */ ([['m.gguf.part', 30], ['m.gguf.journal', 150]])) {
  test(`in ${name}: what goes on is the file, and tees see its bytes alone`, async () => {
    const source = await serve(long, { breakAfter: 2.3 * MIB }, {});
    try {
      await faultOf(admitStored(guest, 'm.gguf', source.url, { retries: 0 }));
      const disk = snapshot();
      assert.deepEqual([...disk.keys()].sort(), ['m.gguf.journal', 'm.gguf.part']);
      for (const at of places(/** @type {Uint8Array} */ (disk.get(name)).length, most)) {
        await restore(disk);
        flip(name, at);
        const tee = recorder();
        const { model: admitted } = await admitStored(guest, 'm.gguf', source.url, { tee, digests: ['sha256'] });
        assert.equal(admitted.report.digests.sha256, sha256Of(long), `byte ${at}`);
        admitted.release();
        assert.equal(Buffer.compare(tee.bytes, long), 0);
        assert.deepEqual(bytesOf('m.gguf'), long);
        assertNothingLeft(STORED);
      }
    } finally {
      await source.close();
    }
  });
}
