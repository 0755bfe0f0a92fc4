// `GuestWorker`: the same admissions, with the guest in a worker of the package's own.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { headerBytes, middle, small } from './pages/models.js';
import * as made from './pages/sources.js';
import { inEachBrowser } from './suite.mjs';

const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const noModel = !existsSync(MODEL) && 'the real model is not here: run `cargo xtask model`';
const SHA256 = createHash('sha256').update(middle()).digest('hex');

inEachBrowser((test, browserName) => {
  test('every source is admitted by a guest in a worker, verify and resident', async ({ page, server }) => {
    for (const body of [small(), middle()]) {
      const { url } = server.put({ body });
      const wrong = await page.run(async url => {
        const { guestWorker } = await kit.guestWorker();
        const bytes = await kit.bytes(url);
        const expected = await kit.sha256(bytes);
        const wrong = [];
        for (const [name, make] of Object.entries(kit.sources)) {
          for (const sink of ['verify', 'resident']) {
            try {
              const source = await make({ bytes, url, piece: bytes.length < 10_000 ? 100 : 70_000 });
              kit.bytesTaken();
              const model = await guestWorker.admit(source, { sink });
              const { report } = model;
              const taken = kit.bytesTaken();
              if (taken > 0 && /File|Blob|URL|Request|file handle/.test(name) && !/Response/.test(name))
                wrong.push(`${name}: ${taken} bytes passed the page`);
              if (report.digests.sha256 !== expected || report.length !== bytes.length)
                wrong.push(`${name} ${sink}: ${report.digests.sha256}`);
              const { offset, bytes: size } = report.tensors[1];
              if (sink === 'resident' && !kit.same(bytes.subarray(offset, offset + size), await model.tensor(1)))
                wrong.push(`${name}: tensor`);
              if ((await model.metadata('general.architecture')) !== report.metadata[0].value)
                wrong.push(`${name}: metadata`);
              await model.release();
            } catch (error) {
              wrong.push(`${name} ${sink}: ${error}`);
            }
          }
        }
        return wrong;
      }, url);
      assert.deepEqual(wrong, []);
    }
    assert.ok(Object.keys(made.sources).length > 15);
  });

  test('progress, the decision on the header and tees cross to the page', async ({ page, server }) => {
    const { url } = server.put({ body: middle(), rate: 4e6 });
    const result = await page.run(async url => {
      const { guestWorker } = await kit.guestWorker();
      const bytes = await kit.bytes(url);
      const copy = new Uint8Array(bytes.length);
      const events = [];
      const log = [];
      const tee = {
        write: async (piece, offset) => (copy.set(piece, offset), kit.sleep(5)),
        close: report => log.push(report.digests.sha256),
        abort: () => log.push('abort'),
      };
      const model = await guestWorker.admit(url, {
        sink: 'resident',
        tee,
        onHeader: async report => (await kit.sleep(10), log.push(report.state)),
        onProgress: event => void events.push(event.phase),
      });
      await model.release();
      return {
        same: kit.same(copy, bytes),
        log,
        last: events.at(-1),
        dones: events.filter(phase => phase === 'done').length,
      };
    }, url);
    assert.deepEqual(result, { same: true, log: ['header_ready', SHA256], last: 'done', dones: 1 });
  });

  test('what callbacks and tees throw comes back as it is, and the source is cancelled', async ({ page }) => {
    const result = await page.run(async () => {
      const { guestWorker } = await kit.guestWorker();
      const bytes = kit.models.middle();
      const reason = new RangeError('mine');
      const fail = () => { throw reason; };
      const found = [];
      for (const options of [
        { onHeader: fail },
        { onHeader: async () => fail() },
        { tee: { write: fail } },
        { tee: { write() {}, close: fail } },
        { onProgress: fail },
      ]) {
        for (const type of [undefined, 'bytes']) {
          const source = kit.controlled(bytes, { type, piece: 100_000 });
          const error = await guestWorker.admit(source.stream, { sink: 'resident', ...options }).then(
            model => model.release(),
            error => error,
          );
          found.push(error === reason && !source.stream.locked);
        }
      }
      return found;
    });
    assert.deepEqual(result, Array(10).fill(true));
  }, { needs: ['byte streams'] });

  test('errors of the guest and of the source arrive with code, kind, offset and path', async ({ page, server }) => {
    const { url } = server.put({ status: 404 });
    const faults = await page.run(async url => {
      const { guestWorker } = await kit.guestWorker();
      const bytes = kit.models.small();
      const sources = [
        new Blob(['no model at all']),
        url,
        kit.controlled(bytes, { failAt: 1000, piece: 100 }).stream,
        new Response('<html>', { headers: { 'content-type': 'text/html' } }),
        bytes.slice(0, -1),
      ];
      const found = [];
      for (const [index, source] of sources.entries())
        found.push(await kit.fault(guestWorker.admit(source, index === 4 ? { length: bytes.length } : {})));
      return found.map(({ name, code, kind, offset, path }) => [name, code, kind, offset, path].join(' '));
    }, url);
    assert.deepEqual(
      faults.map(fault => fault.replace(/ +$/, '')),
      [
        'AdmissionError magic rejected 0 magic',
        'AdmissionError http source',
        'AdmissionError source source 1000',
        'AdmissionError html source 0',
        `AdmissionError length source  length`,
      ],
    );
  });

  test('an abort at each pull cleans up on both sides, and the same worker admits the same model', async ({ page }) => {
    const result = await page.run(async () => {
      const { guestWorker } = await kit.guestWorker();
      const bytes = kit.models.small();
      const wrong = [];
      for (const type of [undefined, 'bytes']) {
        const whole = kit.controlled(bytes, { piece: 400, type });
        await (await guestWorker.admit(whole.stream)).release();
        for (let at = 0; at < whole.pulls; at++) {
          for (const hangs of [false, true]) {
            const abort = new AbortController();
            const reason = new RangeError(`at ${at}`);
            const onPull = pull =>
              pull === at
                ? hangs
                  ? (setTimeout(() => abort.abort(reason)), new Promise(() => {}))
                  : abort.abort(reason)
                : undefined;
            const source = kit.controlled(bytes, { piece: 400, type, onPull });
            const error = await guestWorker.admit(source.stream, { sink: 'resident', signal: abort.signal }).then(
              model => model.release(),
              error => error,
            );
            if (error !== reason || source.stream.locked)
              wrong.push(`${type} ${at} ${hangs}: ${error} ${source.stream.locked}`);
          }
          await (await guestWorker.admit(bytes, { sink: 'resident' })).release();
        }
      }
      return wrong;
    });
    assert.deepEqual(result, []);
  }, { needs: ['byte streams'] });

  test('an abort of a file or a download at any time cleans up', async ({ page, server }) => {
    const { url } = server.put({ body: middle(), rate: 40e6 });
    const result = await page.run(async url => {
      const { guestWorker } = await kit.guestWorker();
      const bytes = kit.models.middle();
      const names = [];
      for (const source of [new File([bytes], 'x'), url, new Request(url)]) {
        for (let time = 0; time <= 30; time += 5) {
          const abort = new AbortController();
          const running = guestWorker.admit(source, { sink: 'resident', signal: abort.signal });
          setTimeout(() => abort.abort(), time);
          names.push(await running.then(model => model.release().then(() => 'admitted'), error => error.name));
        }
        await (await guestWorker.admit(source)).release();
      }
      return [...new Set(names)].sort();
    }, url);
    assert.ok(result.every(name => ['AbortError', 'admitted'].includes(name)), result.join());
    assert.ok(result.includes('AbortError'));
  });

  test('an address is taken as the page means it, and a download that breaks goes on in the worker', async ({
    page,
    server,
  }) => {
    const body = middle();
    const served = server.put(({ count }) => ({ body, etag: '"one"', ...(count === 1 && { breakAt: 1_000_000 }) }));
    const positions = await page.run(async addresses => {
      const { guestWorker } = await kit.guestWorker();
      const found = [];
      for (const address of addresses) {
        const model = await guestWorker.admit(address, { retryDelay: 10 });
        found.push(model.report.position);
        await model.release();
      }
      return found;
    }, [`..${new URL(server.put({ body }).url).pathname}`, new URL(served.url).pathname]);
    assert.deepEqual(positions, [body.length, body.length]);
    assert.equal(served.requests.length, 2);
  });

  test('a worker or a guest that cannot be loaded is an error', async ({ page }) => {
    const codes = await page.run(async () => {
      const worker = new Worker('/js/no-such-file.js', { type: 'module' });
      return [
        (await kit.fault(kit.loadGuestWorker({ worker }))).code,
        (await kit.fault(kit.loadGuestWorker({ guest: '/js/no-such.wasm' }))).code,
      ];
    });
    assert.deepEqual(codes, ['worker', 'guest']);
  });

  test('close while a file is being stored ends the download and leaves nothing', async ({ page, server }) => {
    const served = server.put({ body: middle(), hold: new Promise(() => {}), holdAt: 1_000_000 });
    const result = await page.run(async url => {
      const guest = await kit.loadGuestWorker();
      const told = [];
      const admitted = kit.fault(
        guest.admit(url, {
          tee: [kit.opfsTee('m.gguf'), { write() {}, abort: reason => void told.push(reason.code) }],
        }),
      );
      await kit.sleep(500);
      await guest.close();
      return [told, (await admitted).code];
    }, served.url);
    assert.deepEqual(result, [['worker'], 'worker']);
    for (let wait = 0; !served.requests[0].isOver && wait < 100; wait++)
      await new Promise(resolve => setTimeout(resolve, 20));
    assert.ok(served.requests[0].isOver, 'the download goes on');
  }, { needs: ['private files'] });

  test('close in the middle ends what is under way as dead, unlocks the source and tells the tees', async ({
    page,
  }) => {
    const result = await page.run(async () => {
      const { guestWorker } = await kit.guestWorker();
      const source = kit.controlled(kit.models.middle(), { hangAt: 1e6, piece: 100_000 });
      const log = [];
      const running = kit.fault(
        guestWorker.admit(source.stream, { tee: { write() {}, abort: reason => log.push(reason.kind) } }),
      );
      await kit.sleep(100);
      await guestWorker.close();
      const { kind, code } = await running;
      const later = await kit.fault(guestWorker.admit(kit.models.small()));
      return { kind, code, log, later: later.kind, isCancelled: source.isCancelled, locked: source.stream.locked };
    });
    assert.deepEqual(result, {
      kind: 'dead',
      code: 'worker',
      log: ['dead'],
      later: 'dead',
      isCancelled: true,
      locked: false,
    });
  });

  test('the package may come from another origin than the page', async ({ page, server }) => {
    const result = await page.run(async entry => {
      const { loadGuestWorker } = await import(entry);
      const guestWorker = await loadGuestWorker();
      const model = await guestWorker.admit(new Blob([kit.models.middle()]));
      const { digests } = model.report;
      await guestWorker.close();
      return digests;
    }, `${server.otherOrigin}/js/index.js`);
    assert.deepEqual(result, { sha256: SHA256 });
  });

  test('a worker that crashes ends what is under way as dead', async ({ page }) => {
    const result = await page.run(async () => {
      const { guestWorker, native } = await kit.guestWorker();
      const source = kit.controlled(kit.models.middle(), { hangAt: 1e6, piece: 100_000 });
      const running = kit.fault(guestWorker.admit(source.stream));
      await kit.sleep(100);
      native.terminate();
      const { kind } = await Promise.race([running, kit.sleep(5000).then(() => ({ kind: 'nothing was heard' }))]);
      return { kind, isCancelled: source.isCancelled, locked: source.stream.locked };
    });
    assert.deepEqual(result, { kind: 'dead', isCancelled: true, locked: false });
  });

  test('a wrong file costs little here too', async ({ page }) => {
    const { badTable } = await import('./pages/models.js');
    const results = await page.run(async () => {
      const { guestWorker } = await kit.guestWorker();
      const wrong = kit.models.large(8);
      wrong[0] = 0;
      const table = kit.models.badTable();
      const found = [];
      for (const bytes of [wrong, table]) {
        for (const type of [undefined, 'bytes']) {
          const source = kit.controlled(bytes, { piece: 16_384, type });
          kit.bytesTaken();
          const { code } = await kit.fault(guestWorker.admit(source.stream));
          found.push({ code, taken: kit.bytesTaken(), isCancelled: source.isCancelled });
        }
      }
      return found;
    });
    assert.deepEqual(
      results.map(({ code, isCancelled }) => [code, isCancelled]),
      [
        ['magic', true],
        ['magic', true],
        ['layout', true],
        ['layout', true],
      ],
    );
    for (const [index, { taken }] of results.entries())
      assert.ok(taken <= 65_536 + (index > 1 ? headerBytes(badTable()) : 0), `${taken} bytes`);
  }, { needs: ['byte streams'] });

  test(
    'while the real model is admitted from a file in the worker, the page hears of it and does its own work',
    async ({ page }) => {
      await page.pick('#file', [MODEL]);
      const { length, turns, told } = await page.run(async () => {
        const { guestWorker } = await kit.guestWorker();
        let turns = 0;
        const told = [];
        const timer = setInterval(() => void (turns += 1), 0);
        const onProgress = ({ bytes, phase }) => void told.push([phase, bytes, turns]);
        const model = await guestWorker.admit(document.querySelector('#file').files[0], { onProgress });
        clearInterval(timer);
        const { length } = model.report;
        await model.release();
        return { length, turns, told };
      });
      // How little the page's own thread works meanwhile is a line of `cargo xtask bench --browser`.
      assert.equal(length, 253_113_024);
      assert.ok(turns > 1, `${turns} turns of the page's own`);
      assert.deepEqual(told.at(-1).slice(0, 2), ['done', length]);
      assert.ok(told.every(([, bytes], index) => index === 0 || bytes >= told[index - 1][1]));
    },
    { skip: noModel, timeout: 120_000 },
  );
});
