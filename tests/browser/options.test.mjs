// Every option of `admit`, right and wrong.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { headerBytes, small } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const SMALL = small();
const sha256 = createHash('sha256').update(SMALL).digest('hex');
const pick = ({ code, kind, offset, path }) => ({ code, kind, offset, path });

inEachBrowser(test => {
  test('sink resident keeps the tensors, sink verify does not, and both give the same report', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const resident = await kit.admit(guest, new Blob([bytes]), { sink: 'resident' });
      const { offset, bytes: size } = resident.report.tensors[1];
      const isSame = kit.same(bytes.subarray(offset, offset + size), resident.tensor('tensor.1'));
      const unknown = resident.tensor('tensor.9') === undefined && resident.metadata('no.such') === undefined;
      const tokens = resident.metadata('tokenizer.ggml.tokens').length;
      const verify = await kit.admit(guest, new Blob([bytes]));
      const fault = await kit.fault(() => verify.tensor(0));
      const [a, b] = [kit.seen(resident), kit.seen(verify)];
      return {
        isSame,
        unknown,
        tokens,
        fault,
        sinks: [a.sink, b.sink],
        alike: JSON.stringify({ ...a, sink: '' }) === JSON.stringify({ ...b, sink: '' }),
      };
    });
    const { fault, ...rest } = result;
    assert.deepEqual(rest, { isSame: true, unknown: true, tokens: 20_000, sinks: ['resident', 'verify'], alike: true });
    assert.deepEqual([fault.code, fault.kind], ['state', 'misuse']);
  });

  test('a model can be activated, and released twice', async ({ page }) => {
    const seen = await page.run(async () => {
      const guest = await kit.guest();
      const other = guest.active();
      const model = await kit.admit(guest, kit.models.small(), { sink: 'resident' });
      const before = model.isActive;
      model.activate();
      const after = model.isActive;
      guest.activate(other);
      model.release();
      model.release();
      return [before, after, model.handle, guest.active() === other];
    });
    assert.deepEqual(seen, [false, true, 0, true]);
  });

  test('the right length is taken with every source, a wrong one is an early error where it knows better', async ({
    page,
    server,
  }) => {
    const { url } = server.put({ body: SMALL });
    const result = await page.run(
      async ({ url, length }) => {
        const guest = await kit.guest();
        const bytes = kit.models.small();
        const right = [];
        const wrong = {};
        for (const [name, make] of Object.entries(kit.sources)) {
          right.push(kit.seen(await kit.admit(guest, await make({ bytes, url }), { length })).length);
          for (const declared of [length - 1, length + 1]) {
            kit.bytesTaken();
            const { code, path } = await kit.fault(async () =>
              kit.admit(guest, await make({ bytes, url }), { length: declared }),
            );
            (wrong[`${declared - length} ${code} ${path}`] ??= []).push(name);
          }
        }
        return { right: [...new Set(right)], wrong };
      },
      { url, length: SMALL.length },
    );
    assert.deepEqual(result.right, [SMALL.length]);
    const kinds = Object.keys(result.wrong).sort();
    // The last padding is part of a file whose length is declared.
    assert.deepEqual(
      kinds,
      ['-1 length length', '-1 trailing trailing', '1 length length', '1 trailing trailing'].sort(),
      JSON.stringify(result.wrong),
    );
    assert.deepEqual(result.wrong['-1 length length'], result.wrong['1 length length']);
    for (const name of [
      'a File',
      'a Response of fetch',
      'a URL',
      'a Uint8Array',
      'a file handle of the private file system',
    ]) {
      assert.ok(result.wrong['1 length length'].includes(name), name);
    }
  }, { needs: ['private files'] });

  test('a stream that is shorter or longer than declared is truncated or trailing', async ({ page }) => {
    const faults = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.small();
      const longer = new Uint8Array(bytes.length + 40);
      longer.set(bytes);
      const found = [];
      for (const [file, length] of [
        [bytes.subarray(0, -1), bytes.length],
        [bytes.subarray(0, -1500), bytes.length],
        [bytes.subarray(0, 20), bytes.length],
        [longer, bytes.length],
        [longer, undefined],
      ]) {
        found.push(await kit.fault(kit.admit(guest, kit.controlled(file).stream, { length })));
      }
      return found;
    });
    const end = SMALL.length;
    assert.deepEqual(faults.map(pick), [
      { code: 'truncated', kind: 'rejected', offset: end - 1, path: 'length' },
      { code: 'truncated', kind: 'rejected', offset: headerBytes(SMALL) - 48, path: 'tensors[0].offset' },
      { code: 'truncated', kind: 'rejected', offset: 16, path: 'entryCount' },
      { code: 'trailing', kind: 'rejected', offset: end, path: 'trailing' },
      { code: 'trailing', kind: 'rejected', offset: end, path: 'trailing' },
    ]);
  });

  test('required digests let the right file in and keep a changed one out', async ({ page }) => {
    const result = await page.run(async sha256 => {
      const guest = await kit.guest();
      const bytes = kit.models.small();
      const { digests } = kit.seen(await kit.admit(guest, bytes, { digests: ['sha256', 'blake3'] }));
      const { blake3 } = digests;
      const flipped = bytes.slice();
      flipped[bytes.length - 30] ^= 1;
      const seen = [];
      for (const options of [
        { sha256 },
        { blake3 },
        { sha256, blake3 },
        { sha256: sha256.toUpperCase() },
        { blake3, digests: ['sha256'] },
      ]) {
        seen.push(Object.keys(kit.seen(await kit.admit(guest, new Blob([bytes]), options)).digests).join());
      }
      const faults = [];
      for (const options of [{ sha256 }, { blake3 }, { sha256, blake3 }])
        faults.push(await kit.fault(kit.admit(guest, new Blob([flipped]), { ...options, sink: 'resident' })));
      const other = 'ab'.repeat(32);
      faults.push(await kit.fault(kit.admit(guest, new Blob([bytes]), { sha256, blake3: other })));
      return { sha256: digests.sha256, seen, faults, blake3 };
    }, sha256);
    assert.equal(result.sha256, sha256);
    assert.deepEqual(result.seen, ['sha256', 'blake3', 'sha256,blake3', 'sha256', 'sha256,blake3']);
    assert.deepEqual(
      result.faults.map(({ code, kind, path }) => `${code} ${kind} ${path}`),
      [
        'digest rejected digests.sha256',
        'digest rejected digests.blake3',
        'digest rejected digests.sha256',
        'digest rejected digests.blake3',
      ],
    );
    assert.deepEqual([result.faults[3].expected, result.faults[3].found], ['ab'.repeat(32), result.blake3]);
  });

  test('digests names what is computed, SHA-256 when nothing is said, nothing when the list is empty', async ({
    page,
  }) => {
    const seen = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const digests of [undefined, [], ['sha256'], ['blake3'], ['blake3', 'sha256']]) {
        found.push(
          Object.keys(kit.seen(await kit.admit(guest, kit.models.small(), { digests })).digests)
            .sort()
            .join(),
        );
      }
      return found;
    });
    assert.deepEqual(seen, ['sha256', '', 'sha256', 'blake3', 'blake3,sha256']);
  });

  test('limits reach the guest: a small memory is a budget that can be raised, a short header limit a refusal', async ({
    page,
  }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const budget = await kit.fault(
        kit.admit(guest, new Blob([bytes]), { sink: 'resident', limits: { memory: 100_000 } }),
      );
      const raised = kit.seen(
        await kit.admit(guest, new Blob([bytes]), { sink: 'resident', limits: { memory: 16 * 2 ** 20 } }),
      ).state;
      const faults = [];
      for (const limits of [
        { headerBytes: 1000 },
        { metadataEntries: 1 },
        { tensors: 2 },
        { stringBytes: 6 },
        { arrayItems: 19_999 },
      ]) {
        faults.push(await kit.fault(kit.admit(guest, new Blob([bytes]), { limits })));
      }
      const longer = new Blob([bytes, new Uint8Array(5)]);
      const trailing = kit.seen(await kit.admit(guest, longer, { limits: { trailingBytes: 5, window: 4096 } })).gguf
        .trailingBytes;
      return { budget, raised, faults, trailing };
    });
    assert.deepEqual([result.budget.code, result.budget.kind, result.budget.found], ['budget', 'retry', '100000']);
    assert.equal(result.raised, 'admitted');
    assert.equal(result.trailing, 5);
    assert.deepEqual(result.faults.map(({ code, kind }) => `${code} ${kind}`), Array(5).fill('limit rejected'));
  });

  test('a wrong option is misuse, and nothing is read or fetched for it', async ({ page, server }) => {
    const served = server.put({ body: SMALL });
    const faults = await page.run(
      async ({ url }) => {
        const guest = await kit.guest();
        const found = [];
        const wrong = [
          { sink: 'keep' },
          { length: 0 },
          { length: -1 },
          { length: 1.5 },
          { length: '7' },
          { sha256: 'abc' },
          { blake3: 7 },
          { digests: ['md5'] },
          { limits: { speed: 1 } },
          { limits: { memory: -1 } },
        ];
        for (const options of wrong) {
          const source = kit.controlled(kit.models.small());
          found.push(
            await kit.fault(() => kit.admit(guest, source.stream, options)),
            await kit.fault(() => kit.admit(guest, url, options)),
          );
          if (source.given > 0 || !source.isCancelled) found.push({ code: 'read', kind: JSON.stringify(options) });
        }
        return found.map(({ code, kind }) => `${code} ${kind}`);
      },
      { url: served.url },
    );
    assert.deepEqual([...new Set(faults)], ['argument misuse']);
    assert.equal(served.requests.length, 0);
  });
});
