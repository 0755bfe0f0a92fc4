// The real model, 253 MB, as users have it: a picked file, a download, a stored copy; in a page and in a worker.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inEachBrowser } from './suite.mjs';

const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const skip = !existsSync(MODEL) && 'the real model is not here: run `cargo xtask model`';

/** @type {Promise<string> | undefined} */
let digest;
async function sha256() {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(MODEL, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest('hex');
}

inEachBrowser(test => {
  test(
    'the real model is admitted when it is picked, verify and resident, and its tensors are those of the file',
    async ({ page }) => {
      await page.pick('#file', [MODEL]);
      const result = await page.run(async () => {
        const guest = await kit.guest();
        const [file] = document.querySelector('#file').files;
        const verify = await kit.admit(guest, file);
        const verifyMemory = guest.memoryBytes;
        const resident = await kit.admit(guest, file, { sink: 'resident', digests: [] });
        let wrong = 0;
        for (const index of [0, 1, 100, resident.report.tensors.length - 1]) {
          const { offset, bytes } = resident.report.tensors[index];
          if (!kit.same(new Uint8Array(await file.slice(offset, offset + bytes).arrayBuffer()), resident.tensor(index)))
            wrong++;
        }
        const alike =
          JSON.stringify([verify.report.metadata, verify.report.tensors]) ===
          JSON.stringify([resident.report.metadata, resident.report.tensors]);
        const { digests } = kit.seen(verify);
        resident.release();
        return { wrong, alike, digests, verifyMemory };
      });
      assert.deepEqual(
        [result.wrong, result.alike, result.digests],
        [0, true, { sha256: await (digest ??= sha256()) }],
      );
      assert.ok(result.verifyMemory <= 24 * 2 ** 20, `the guest's memory is ${result.verifyMemory}`);
    },
    { skip, timeout: 120_000 },
  );

  test(
    'the real model is admitted by a worker from a server that breaks on the way',
    async ({ page, server }) => {
      const served = server.put(({ count }) => ({
        body: { file: MODEL },
        etag: '"1"',
        breakAt: count === 1 ? 100_000_000 : undefined,
      }));
      const seen = await page.runInWorker(
        async url => kit.seen(await kit.admit(await kit.guest(), url, { retryDelay: 5 })),
        served.url,
      );
      assert.deepEqual(seen.digests, { sha256: await (digest ??= sha256()) });
      assert.equal(served.requests.length, 2);
    },
    { skip, timeout: 120_000 },
  );
});
