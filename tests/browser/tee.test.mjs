// Those who see the bytes as they pass: good, slow and failing ones.
import assert from 'node:assert/strict';
import { NEEDS } from './pages/sources.js';
import { inEachBrowser } from './suite.mjs';

inEachBrowser(test => {
  for (const name of [
    'a File',
    'a URL as a string',
    'a byte stream',
    'a default stream',
    'an async iterable',
    'a Uint8Array',
    'a file handle of the private file system',
  ]) {
    test(`a tee sees each byte of ${name} once, in order, and the report at the end`, async ({ page, server }) => {
      const body = (await import('./pages/models.js')).middle();
      const { url } = server.put({ body });
      const result = await page.run(
        async ({ name, url }) => {
          const guest = await kit.guest();
          const bytes = await kit.bytes(url);
          const copies = [new Uint8Array(bytes.length), new Uint8Array(bytes.length)];
          const wrong = [];
          const closes = [];
          const tee = copies.map(copy => {
            let next = 0;
            return {
              write(piece, offset) {
                if (offset !== next || piece.length === 0) wrong.push([offset, next, piece.length]);
                copy.set(piece, offset);
                next = offset + piece.length;
              },
              close: report => closes.push([next, report.digests.sha256]),
              abort: reason => wrong.push(['abort', String(reason)]),
            };
          });
          const model = await kit.admit(guest, await kit.sources[name]({ bytes, url, piece: 70_000 }), { tee });
          const { digests } = kit.seen(model);
          return {
            wrong,
            closes,
            expected: [bytes.length, digests.sha256],
            same: copies.every(copy => kit.same(copy, bytes)),
          };
        },
        { name, url },
      );
      assert.deepEqual(result.wrong, []);
      assert.deepEqual(result.closes, [result.expected, result.expected]);
      assert.ok(result.same);
    }, { needs: name in NEEDS ? [NEEDS[name]] : [] });
  }

  test('a slow tee holds the source back, and its bytes stay as they were until it has settled', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const found = [];
      for (const type of [undefined, 'bytes']) {
        const source = kit.controlled(bytes, { piece: 400_000, type });
        let writing = 0;
        let ahead = 0;
        let changed = 0;
        const tee = {
          async write(piece, offset) {
            if (++writing > 1) changed++;
            const given = source.given;
            await kit.sleep(20);
            ahead = Math.max(ahead, source.given - given);
            if (!kit.same(piece, bytes.subarray(offset, offset + piece.length))) changed++;
            writing--;
          },
        };
        kit.seen(await kit.admit(guest, source.stream, { tee }));
        found.push({ ahead, changed });
      }
      return found;
    });
    for (const { ahead, changed } of result) {
      assert.equal(changed, 0);
      // A byte stream may fill its own queue by one piece.
      assert.ok(ahead <= 400_000, `the source was ${ahead} bytes ahead`);
    }
  }, { needs: ['byte streams'] });

  test('a tee that fails, at once or later, in any write or in close, fails the admission and aborts all tees', async ({
    page,
  }) => {
    const results = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const found = [];
      for (const failAt of ['first', 'middle', 'close']) {
        for (const isAsync of [false, true]) {
          const log = [];
          const fail = () => {
            const error = new RangeError(`disk full ${failAt}`);
            if (isAsync) return kit.sleep(5).then(() => Promise.reject(error));
            throw error;
          };
          const failing = {
            write: (_, offset) =>
              (offset === 0 && failAt === 'first') || (offset > 1e6 && failAt === 'middle') ? fail() : undefined,
            close: () => (failAt === 'close' ? fail() : undefined),
            abort: reason => void log.push(`failing ${reason.message}`),
          };
          const other = {
            write() {},
            close: () => void log.push('other closed'),
            abort: reason => void log.push(`other ${reason.message}`),
          };
          const source = kit.controlled(bytes, { piece: 300_000 });
          const fault = await kit.fault(kit.admit(guest, source.stream, { sink: 'resident', tee: [failing, other] }));
          found.push({ failAt, fault: `${fault.name} ${fault.message}`, log, isCancelled: source.isCancelled });
        }
      }
      return found;
    });
    for (const { failAt, fault, log, isCancelled } of results) {
      assert.equal(fault, `RangeError disk full ${failAt}`);
      assert.deepEqual(log, [`failing disk full ${failAt}`, `other disk full ${failAt}`]);
      assert.equal(isCancelled, failAt !== 'close');
    }
  });

  test('a tee is told of a wrong file, a broken source, a refused header and an abort', async ({ page }) => {
    const results = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const wrong = bytes.slice();
      wrong[bytes.length - 2 ** 20 - 1] = 1; // padding before the last tensor
      const cases = {
        layout: [() => new Blob([wrong]), {}],
        digest: [() => new Blob([bytes]), { sha256: '00'.repeat(32) }],
        source: [() => kit.controlled(bytes, { failAt: 2e6 }).stream, {}],
        refused: [
          () => new Blob([bytes]),
          {
            onHeader: () => {
              throw Object.assign(new Error(), { code: 'refused' });
            },
          },
        ],
        aborted: [
          () => kit.controlled(bytes, { hangAt: 2e6, piece: 100_000 }).stream,
          () => ({ signal: AbortSignal.timeout(200) }),
        ],
      };
      const found = {};
      for (const [name, [make, options]] of Object.entries(cases)) {
        const log = [];
        const tee = {
          write: () => void (log[0] ??= 'write'),
          close: () => log.push('close'),
          abort: reason => log.push(reason.code ?? reason.name),
        };
        await kit.fault(kit.admit(guest, make(), { ...(typeof options === 'function' ? options() : options), tee }));
        found[name] = log;
      }
      return found;
    });
    assert.deepEqual(results, {
      layout: ['write', 'layout'],
      digest: ['write', 'digest'],
      source: ['write', 'source'],
      refused: ['write', 'refused'],
      aborted: ['write', 23],
    });
  });

  test('a tee whose own abort throws or hangs does not hide the error', async ({ page }) => {
    const faults = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const abort of [() => { throw new Error('worse'); }, async () => { throw new Error('worse'); }]) {
        found.push(await kit.fault(kit.admit(guest, new Blob(['not a model']), { tee: { write() {}, abort } })));
      }
      return found.map(({ code }) => code);
    });
    assert.deepEqual(faults, ['magic', 'magic']);
  });

  test('a tee can store the file in the private file system, and the copy is admitted too', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const root = await navigator.storage.getDirectory();
      const handle = await root.getFileHandle('copy.gguf', { create: true });
      const writable = await handle.createWritable();
      const tee = {
        write: (piece, position) => writable.write({ type: 'write', position, data: piece }),
        close: () => writable.close(),
        abort: reason => writable.abort(reason),
      };
      const first = kit.seen(await kit.admit(guest, new Blob([bytes]), { tee, digests: ['blake3'] }));
      const second = kit.seen(await kit.admit(guest, handle, { blake3: first.digests.blake3 }));
      return JSON.stringify(first) === JSON.stringify(second);
    });
    assert.ok(result);
  }, { needs: ['private files'] });
});
