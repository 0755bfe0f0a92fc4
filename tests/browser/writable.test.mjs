// `Admission.writable`, the lower way in: `await body.pipeTo(admission.writable, { signal })`.
import assert from 'node:assert/strict';
import { middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const MIDDLE = middle();

inEachBrowser(test => {
  test('a body that is piped in becomes a model', async ({ page, server }) => {
    const { url } = server.put({ body: MIDDLE });
    const result = await page.run(async url => {
      const guest = await kit.guest();
      const found = [];
      for (const sink of ['verify', 'resident']) {
        const calls = [];
        const admission = new kit.Admission(guest, {
          sink,
          onHeader: async report => {
            await kit.sleep(5);
            calls.push(report.state);
          },
        });
        await (await fetch(url)).body.pipeTo(admission.writable, { signal: new AbortController().signal });
        found.push(
          ...calls,
          admission.state,
          kit.seen(admission.model).digests.sha256 === (await kit.sha256(await kit.bytes(url))),
        );
      }
      return found;
    }, url);
    assert.deepEqual(result, ['header_ready', 'admitted', true, 'header_ready', 'admitted', true]);
  });

  test('a pipe through a transform, and pieces of every size, are taken', async ({ page }) => {
    const states = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const piece of [1, 15, 16, 17, 999, 5000]) {
        const admission = new kit.Admission(guest, { sink: 'resident' });
        await kit
          .controlled(kit.models.small(), { piece })
          .stream.pipeThrough(new TransformStream())
          .pipeTo(admission.writable);
        found.push(kit.seen(admission.model).state);
      }
      return found;
    });
    assert.deepEqual(states, Array(6).fill('admitted'));
  });

  test('an abort by signal, before, between and during writes, releases the session and cancels the source', async ({
    page,
  }) => {
    const results = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const found = [];
      for (const at of ['before', 0, 100_000, 1_500_000, bytes.length - 100_000, 'header']) {
        const abort = new AbortController();
        if (at === 'before') abort.abort();
        // A pipe waits for the write under way, and so for the decision, before it aborts.
        const onHeader = () => at === 'header' ? (setTimeout(() => abort.abort(), 10), kit.sleep(30)) : undefined;
        const admission = new kit.Admission(guest, { sink: 'resident', onHeader });
        const source = kit.controlled(bytes, { piece: 50_000, onPull: (_, offset) => offset >= at && abort.abort() });
        const fault = await kit.fault(source.stream.pipeTo(admission.writable, { signal: abort.signal }));
        await kit.sleep(0);
        found.push([at, fault.name, source.isCancelled, admission.handle, source.stream.locked].join(' '));
      }
      const again = new kit.Admission(guest, { sink: 'resident' });
      await new Blob([bytes]).stream().pipeTo(again.writable);
      kit.seen(again.model);
      return found;
    });
    const places = ['before', 0, 100_000, 1_500_000, MIDDLE.length - 100_000, 'header'];
    assert.deepEqual(results, places.map(at => `${at} AbortError true 0 false`));
  });

  test('a wrong or short file, a broken source and a refusing onHeader release the session and fail the pipe', async ({
    page,
  }) => {
    const results = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const cases = {
        magic: [new TextEncoder().encode('<!doctype html>'.repeat(9)), {}],
        truncated: [bytes.slice(0, -10), {}],
        digest: [bytes, { sha256: '00'.repeat(32) }],
        RangeError: [bytes, { onHeader: () => { throw new RangeError('no'); } }],
        TypeError: [bytes, {}, { failAt: 2e6 }],
        budget: [bytes, { sink: 'resident', limits: { memory: 1e5 } }],
      };
      const found = {};
      for (const [name, [file, options, how]] of Object.entries(cases)) {
        const admission = new kit.Admission(guest, options);
        const source = kit.controlled(file, { piece: 100_000, ...how });
        const fault = await kit.fault(source.stream.pipeTo(admission.writable));
        await kit.sleep(0);
        found[name] = [fault.code ?? fault.name, admission.handle, source.stream.locked, admission.model === undefined];
      }
      return found;
    });
    for (const [name, seen] of Object.entries(results)) assert.deepEqual(seen, [name, 0, false, true]);
  });

  test('a chunk that is no bytes fails the pipe', async ({ page }) => {
    const faults = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const chunk of ['text', null, 5, { length: 4 }]) {
        const admission = new kit.Admission(guest);
        const writer = admission.writable.getWriter();
        writer.closed.catch(() => {});
        writer.ready.catch(() => {});
        found.push(await kit.fault(writer.write(chunk)));
        writer.releaseLock();
      }
      return found.map(({ code }) => code);
    });
    assert.deepEqual(faults, ['source', 'source', 'source', 'source']);
  });

  test('an admission that is stepped by hand, and released in any state, leaves nothing', async ({ page }) => {
    const states = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const found = [];
      for (const stop of [0, 10, 400_000, 2_000_000, bytes.length]) {
        const admission = new kit.Admission(guest, { sink: 'resident', length: bytes.length });
        while (admission.position < stop) {
          admission.step((window, offset) => {
            const piece = bytes.subarray(offset, Math.min(stop, offset + window.length));
            window.set(piece);
            return piece.length;
          });
        }
        if (stop === bytes.length) admission.finish();
        found.push(admission.state);
        admission.release();
        admission.release();
      }
      return found;
    });
    assert.deepEqual(states, ['open', 'open', 'receiving', 'receiving', 'admitted']);
  });
});
