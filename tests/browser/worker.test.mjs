// The guest in a worker: what it admits, what crosses, and how little the page has to do.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inEachBrowser } from './suite.mjs';
import { middle } from './pages/models.js';
import { sources } from './pages/sources.js';

const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const noModel = !existsSync(MODEL) && 'the real model is not here: cargo xtask model';

inEachBrowser((test, browserName) => {
  test('every source gives the report that it gives on the page, and files and addresses never pass the page', async ({ page, server }) => {
    const { url } = server.put({ body: middle() });
    const results = await page.run(async ({ url, names }) => {
      const here = await kit.guest();
      const there = await kit.loadGuestWorker();
      const bytes = await kit.bytes(url);
      const options = { sink: 'resident', digests: ['sha256', 'blake3'] };
      const facts = ({ gguf, metadata, tensors, digests }) => JSON.stringify([gguf, metadata, tensors, digests]);
      const model = await kit.admit(here, bytes, options);
      const expected = facts(model.report);
      const tensor = model.tensor('tensor.0').slice();
      model.release();
      const found = {};
      for (const name of names) {
        const source = await kit.sources[name]({ bytes, url });
        kit.bytesTaken();
        const model = await there.admit(source, options);
        found[name] = [facts(model.report) === expected && kit.same(tensor, await model.tensor('tensor.0')), kit.bytesTaken()];
        await model.release();
      }
      await there.close();
      return found;
    }, { url, names: Object.keys(sources) });
    for (const [name, [isSame, taken]] of Object.entries(results)) {
      assert.ok(isSame, name);
      if (/File|Blob|URL|Request|file handle/.test(name) && !/Response/.test(name)) assert.equal(taken, 0, name);
    }
  });

  test('an address is taken as the page means it, and a download that breaks goes on in the worker', async ({ page, server }) => {
    const body = middle();
    const served = server.put(({ count }) => ({ body, etag: '"one"', ...(count === 1 && { breakAt: 1_000_000 }) }));
    const [whole, resumed] = await page.run(async ({ path, own }) => {
      const guest = await kit.loadGuestWorker();
      const found = [];
      for (const address of [own, path]) {
        const model = await guest.admit(address, { retryDelay: 10 });
        found.push(model.report.position);
        await model.release();
      }
      await guest.close();
      return found;
    }, { path: new URL(served.url).pathname, own: '..' + new URL(server.put({ body }).url).pathname });
    assert.deepEqual([whole, resumed], [body.length, body.length]);
    assert.deepEqual(served.requests.map(({ range }) => range), [undefined, 'bytes=1000000-']);
  });

  test('errors arrive with their fields, and what a callback, a signal or a tee throws as it is', async ({ page }) => {
    const result = await page.run(async () => {
      const here = await kit.guest();
      const there = await kit.loadGuestWorker();
      const bytes = kit.models.middle();
      const bad = kit.models.badTable();
      const [one, other] = [await kit.fault(kit.admit(here, new Blob([bad]))), await kit.fault(there.admit(new Blob([bad])))];
      const thrown = new RangeError('mine');
      const same = async admitted => (await admitted.then(() => 'admitted', error => error)) === thrown;
      const abort = new AbortController();
      const hanging = kit.controlled(bytes, { hangAt: 1e6, piece: 50_000 });
      setTimeout(() => abort.abort(thrown), 100);
      const found = {
        fields: JSON.stringify(one) === JSON.stringify(other) && other.code,
        header: await same(there.admit(new Blob([bytes]), { onHeader: async () => { throw thrown; } })),
        progress: await same(there.admit(new Blob([bytes]), { onProgress: () => { throw thrown; } })),
        write: await same(there.admit(new Blob([bytes]), { tee: { write: () => { throw thrown; } } })),
        close: await same(there.admit(new Blob([bytes]), { tee: { write() {}, close: () => { throw thrown; } } })),
        signal: await same(there.admit(hanging.stream, { signal: abort.signal })),
      };
      for (let wait = 0; !hanging.isCancelled && wait < 100; wait++) await kit.sleep(10);
      found.cancelled = hanging.isCancelled && !hanging.stream.locked;
      await (await there.admit(new Blob([bytes]))).release();
      await there.close();
      return found;
    });
    assert.deepEqual(result, { fields: 'layout', header: true, progress: true, write: true, close: true, signal: true, cancelled: true });
  });

  test('a tee of the page sees every byte and the report; a slow one holds the worker back', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.loadGuestWorker();
      const bytes = kit.models.middle();
      const copy = new Uint8Array(bytes.length);
      let writing = 0;
      let most = 0;
      let closed;
      const tee = {
        async write(piece, offset) {
          most = Math.max(most, ++writing);
          await kit.sleep(10);
          copy.set(piece, offset);
          writing--;
        },
        close: report => void (closed = report.digests.sha256),
      };
      const model = await guest.admit(new Blob([bytes]), { tee });
      await guest.close();
      return [kit.same(copy, bytes), most, closed === model.report.digests.sha256];
    });
    assert.deepEqual(result, [true, 1, true]);
  });

  test('a worker that is ended from outside: what waits and what follows is dead, tees are told', async ({ page }) => {
    const result = await page.run(async () => {
      const worker = new Worker('/js/worker/entry.js', { type: 'module' });
      const guest = await kit.loadGuestWorker({ worker });
      const model = await guest.admit(kit.models.small());
      const told = [];
      const source = kit.controlled(kit.models.middle(), { hangAt: 1e6 });
      const admitted = guest.admit(source.stream, { tee: { write: () => void worker.terminate(), abort: reason => void told.push(reason.kind) } });
      const faults = [await kit.fault(admitted), await kit.fault(model.metadata(0)), await kit.fault(guest.admit(new Blob(['x'])))];
      await model.release();
      await guest.close();
      return [told, ...faults.map(({ code, kind }) => `${code} ${kind}`)];
    });
    assert.deepEqual(result, [['dead'], 'worker dead', 'worker dead', 'worker dead']);
  });

  test('close ends what is under way, with its clean-up, and the worker is gone', async ({ page, server }) => {
    const served = server.put({ body: middle(), hold: new Promise(() => {}), holdAt: 1_000_000 });
    const result = await page.run(async url => {
      const guest = await kit.loadGuestWorker();
      const told = [];
      const admitted = guest.admit(url, { tee: [kit.opfsTee('m.gguf'), { write() {}, abort: reason => void told.push(reason.code) }] });
      admitted.catch(() => {});
      await kit.sleep(500);
      await guest.close();
      return [told, (await kit.fault(admitted)).code];
    }, served.url);
    assert.deepEqual(result, [['worker'], 'worker']);
    for (let wait = 0; !served.requests[0].isOver && wait < 100; wait++) await new Promise(resolve => setTimeout(resolve, 20));
    assert.ok(served.requests[0].isOver, 'the download goes on');
  });

  test('a worker or a guest that cannot be loaded is an error', async ({ page }) => {
    const codes = await page.run(async () => {
      const worker = new Worker('/js/no-such-file.js', { type: 'module' });
      return [(await kit.fault(kit.loadGuestWorker({ worker }))).code, (await kit.fault(kit.loadGuestWorker({ guest: '/js/no-such.wasm' }))).code];
    });
    assert.deepEqual(codes, ['worker', 'guest']);
  });

  test('while the real model is admitted the page is free', async ({ page, server }) => {
    await page.pick('#file', [MODEL]);
    const meter = browserName === 'chromium' ? await threadMeter(page) : undefined;
    const result = await page.run(async () => {
      const file = document.querySelector('#file').files[0];
      const guest = await kit.loadGuestWorker();
      const longTasks = [];
      const observer = new PerformanceObserver(list => longTasks.push(...list.getEntries().map(({ duration }) => duration)));
      if (PerformanceObserver.supportedEntryTypes.includes('longtask')) observer.observe({ type: 'longtask' });
      await kit.sleep(300);
      longTasks.length = 0;
      let events = 0;
      kit.bytesTaken();
      const began = performance.now();
      const model = await guest.admit(file, { onProgress: () => void events++ });
      const milliseconds = performance.now() - began;
      const taken = kit.bytesTaken();
      await kit.sleep(100);
      observer.takeRecords().forEach(({ duration }) => longTasks.push(duration));
      observer.disconnect();
      const { position, digests: { sha256 } } = model.report;
      const memory = await guest.memoryBytes();
      await guest.close();
      return { milliseconds, events, longTasks, taken, position, sha256, memory };
    });
    const share = meter && (await meter(result.milliseconds));
    console.log(`# ${browserName}: ${Math.round(result.milliseconds)} ms, ${(result.memory / 2 ** 20).toFixed(1)} MiB of guest memory, ${share === undefined ? '' : `main thread at work ${(100 * share).toFixed(2)} % of the time, `}${result.events} progress events`);
    assert.equal(result.position, 253_113_024);
    assert.equal(result.taken, 0);
    assert.deepEqual(result.longTasks, []);
    assert.ok(result.events <= 2 + result.milliseconds / 100);
    if (share !== undefined) assert.ok(share <= 0.02, `the main thread worked ${(100 * share).toFixed(2)} % of the time`);
  }, { timeout: 120_000, skip: noModel });
});

/**
 * Measures how much the page's main thread works, from now on: everything that it does is counted, also the worker's
 * start and the measuring itself.
 *
 * @param {import('./drive.mjs').Page} page
 * @returns {Promise<(milliseconds: number) => Promise<number>>} the share of that time
 */
async function threadMeter(page) {
  const session = await page.native.context().newCDPSession(page.native);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const seconds = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find((/** @type {{ name: string }} */ { name }) => name === 'TaskDuration').value;
  };
  const before = await seconds();
  return async milliseconds => (1000 * ((await seconds()) - before)) / milliseconds;
}
