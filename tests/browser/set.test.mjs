// Models in several files: stored from a worker, gone on with, picked, dropped and fetched on the demo page.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '../../js/test/support/gguf.js';
import { shard, shards } from '../../js/test/support/shards.js';
import { onDemoPage } from './demo-page.mjs';
import { llama, sha256 } from './page-kit.mjs';
import { inEachBrowser } from './suite.mjs';

const MIB = 2 ** 20;
const files = shards(3, { bytes: 3 * MIB });
const nameOf = (/** @type {number} */ no) => `model-0000${no + 1}-of-00003.gguf`;

/**
 * Addresses in one folder, as `shardsOf` takes them apart.
 *
 * @param {import('./server.mjs').Server} server
 * @param {Uint8Array[]} list
 */
function served(server, list) {
  const folder = `set-${Math.random()}`;
  return list.map((body, no) => server.put({ body }, `${folder}/${nameOf(no)}`));
}

inEachBrowser(test => {
  test('a set is stored from a worker, found again, and gone on with when a half is gone', async ({ page, server }) => {
    const all = served(server, files);
    const result = await page.run(async url => {
      const worker = await kit.loadGuestWorker();
      const urls = kit.shardsOf(url);
      const names = urls.map((_, no) => `m-${no}.gguf`);
      const tell = ({ model, found }) => ({
        found, joined: model.report.set.joined, digests: model.report.shards.map(({ digests }) => digests.sha256),
      });
      const first = await worker.admitStored(names, urls, { sink: 'resident' });
      const told = [tell(first), tell(await worker.admitStored(names, urls))];
      const tensor = await first.model.tensor('blk.2.weight');
      await kit.removeStored('m-1.gguf', {});
      await first.model.release();
      told.push(tell(await worker.admitStored(names, urls)));
      const fault = await kit.fault(worker.admitStored(['a', 'b', 'c'], [urls[0], urls[2], urls[2]]));
      await worker.close();
      for (const name of [...names, 'a', 'b', 'c']) await kit.removeStored(name);
      return { told, length: tensor.length, last: tensor[5], fault: [fault.code, fault.shard] };
    }, all[1].url);
    const digests = files.map(sha256);
    assert.deepEqual(result.told, [false, true, false].map(found => ({ found, joined: [0, 1, 2], digests })));
    assert.deepEqual([result.length, result.last], [3 * MIB, (5 * 7 + 2) & 0xff]);
    assert.deepEqual(result.fault, ['set', 2]);
    assert.equal(all[0].requests.length, 2, 'its name in the second set is another');
    assert.equal(all[1].requests.length, 2);
  }, { needs: ['private files'] });

  for (const thread of ['worker', 'page']) {
    test(`several files, picked at once, are one model, with the guest in the ${thread}`, async given => {
      await onDemoPage(given, `index.html${thread === 'page' ? '?thread=page' : ''}`, async page => {
        const paths = files.map((_, no) => join(tmpdir(), `${process.pid}-${nameOf(no)}`));
        await Promise.all(paths.map((path, no) => writeFile(path, files[no])));
        await page.pickAll([paths[2], paths[0], paths[1]]);
        await page.appears('#decision');
        assert.match(await page.text('#decision-text'), /2 more files, 3 tensors in all/);
        assert.match(await page.text('#numbers'), /^64\.0 KiB of 9\.0\d MiB/);
        assert.match(await page.text('#run-title'), /00001-of-00003\.gguf and 2 more/);
        await page.click('#go');
        await page.appears('#result');
        assert.equal(await page.run(() => document.querySelectorAll('#set tbody tr').length), 3);
        for (const file of files) assert.ok((await page.text('#set')).includes(sha256(file)));
        assert.match(await page.text('#facts'), /3 files, headers \d+ B, tensors 9\.00 MiB/);
        assert.equal(await page.shows('#digests-title'), false);
        assert.match(await page.text('#tensors'), /blk\.2\.weight/);
        assert.match(await page.text('#numbers'), /^9\.0\d MiB/);
        assert.deepEqual([await page.overflow(), await page.spills(), await page.audit()], [[], [], []]);
        await page.pick(paths[1]);
        await page.appears('#decision');
        await page.click('#go');
        await page.appears('#result');
        assert.equal(await page.shows('#set'), false, 'one file of a set is admitted as the file that it is');
      });
    });
  }

  test('the address of one shard stands for all; a set that is none is told with its file', async given => {
    const all = served(given.server, files);
    const mixed = served(given.server, [files[0], shard(1, { count: 4 }), files[2]]);
    await onDemoPage(given, 'index.html', async page => {
      await page.click('#ask');
      await page.load(all[0].url);
      await page.appears('#result');
      assert.equal(await page.run(() => document.querySelectorAll('#set tbody tr').length), 3);
      await page.load(mixed[2].url);
      await page.appears('#failure');
      assert.match(await page.text('#failure-title'), /Not admitted: set/);
      assert.match(await page.text('#failure-facts'), /File2.*Path.*metadata\[1\]\.value/);
    });
  });

  test('what the next reader would trip over is shown at the header, as text', async given => {
    await onDemoPage(given, 'index.html', async page => {
      await page.pickBytes(llama());
      await page.appears('#decision');
      assert.match(await page.text('#findings-list'), /L6, error.*merges/s);
      assert.match(await page.text('#findings-text'), /finding/);
      await page.click('#go');
      await page.appears('#result');
      assert.equal(await page.shows('#findings'), true);
      await page.click('#profile');
      await page.pickBytes(gguf());
      await page.appears('#decision');
      assert.equal(await page.shows('#findings'), false);
    });
  });
});
