// An abort at any point cleans up, and the same page admits the same model at the next try.
import assert from 'node:assert/strict';
import { middle, small } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

inEachBrowser(test => {
  for (const place of ['run', 'runInWorker']) {
    for (const type of [undefined, 'bytes']) {
      const what = `a ${type ? 'byte' : 'default'} stream in a ${place === 'run' ? 'page' : 'worker'}`;
      test(`an abort at each pull of ${what}, in it and while it hangs`, async ({ page }) => {
        const result = await page[place](async type => {
          const guest = await kit.guest();
          const bytes = kit.models.small();
          const piece = 150;
          const wrong = [];
          const whole = kit.controlled(bytes, { piece, type });
          kit.seen(await kit.admit(guest, whole.stream));
          for (let at = 0; at < whole.pulls; at++) {
            for (const way of ['at once', 'hanging', 'soon']) {
              for (const sink of ['verify', 'resident']) {
                const abort = new AbortController();
                const reason = new RangeError(`at ${at}`);
                const stop = () => abort.abort(reason);
                const onPull = pull => {
                  if (pull !== at) return undefined;
                  if (way === 'at once') return stop();
                  queueMicrotask(() => queueMicrotask(stop));
                  return way === 'hanging' ? new Promise(() => {}) : undefined;
                };
                const source = kit.controlled(bytes, { piece, type, onPull });
                const error = await kit.admit(guest, source.stream, { sink, signal: abort.signal }).then(
                  model => model.release(),
                  error => error,
                );
                if (error !== reason) wrong.push(`${at} ${way} ${sink}: ${error}`);
                if (source.stream.locked) wrong.push(`${at} ${way} ${sink}: locked`);
                if (!source.isCancelled && source.given < bytes.length)
                  wrong.push(`${at} ${way} ${sink}: not cancelled`);
                if (source.isCancelled && source.cancelled !== reason)
                  wrong.push(`${at} ${way} ${sink}: cancelled with ${source.cancelled}`);
              }
            }
            kit.seen(await kit.admit(guest, kit.controlled(bytes, { piece, type }).stream, { sink: 'resident' }));
          }
          return { wrong, pulls: whole.pulls };
        }, type);
        assert.deepEqual(result.wrong, []);
        assert.ok(result.pulls >= Math.floor(small().length / 150));
      }, { needs: type ? ['byte streams'] : [] });
    }
  }

  test('an abort at each callback: before, in onHeader, in onProgress, in each write and close of a tee', async ({
    page,
  }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const wrong = [];
      /** Runs an admission and aborts at its `at`-th callback, inside it, which then hangs or goes on. */
      const attempt = async (at, hangs) => {
        const abort = new AbortController();
        const reason = new RangeError(`at ${at}`);
        const log = [];
        const callback = name => () => {
          if (log.push(name) - 1 !== at) return undefined;
          if (!hangs) return abort.abort(reason);
          setTimeout(() => abort.abort(reason));
          return new Promise(() => {});
        };
        const told = [];
        const tee = { write: callback('write'), close: callback('close'), abort: reason => void told.push(reason) };
        const source = kit.controlled(bytes, { piece: 500_000 });
        const options = {
          sink: 'resident',
          signal: abort.signal,
          onHeader: callback('onHeader'),
          onProgress: callback('onProgress'),
          tee,
        };
        const error = await kit.admit(guest, source.stream, options).then(
          model => model.release(),
          error => error,
        );
        if (source.stream.locked) wrong.push(`${at}: locked`);
        return { error, reason, log, told };
      };
      const { log: all } = await attempt(Infinity, false);
      for (let at = 0; at < all.length; at++) {
        for (const hangs of [false, true]) {
          const { error, reason, told, log } = await attempt(at, hangs);
          if (log.length <= at) continue; // onProgress goes by the clock
          if (error !== reason) wrong.push(`${at} ${log[at]} hangs ${hangs}: ${error}`);
          if (told.length !== 1 && log[at] !== 'onProgress')
            wrong.push(`${at} ${log[at]}: the tee heard ${told.length} aborts`);
        }
      }
      kit.seen(await kit.admit(guest, new Blob([bytes])));
      return { wrong, all: [...new Set(all)] };
    });
    assert.deepEqual(result.wrong, []);
    assert.deepEqual(result.all.sort(), ['close', 'onHeader', 'onProgress', 'write']);
  });

  for (const name of [
    'a File',
    'a Response of fetch',
    'a Request',
    'a URL',
    'a file handle of the private file system',
    'a Uint8Array',
    'an async iterable',
  ]) {
    test(`an abort after 0 to 40 ms of ${name}`, async ({ page, server }) => {
      const { url } = server.put({ body: middle(), piece: 100_000, rate: 40e6 });
      const result = await page.run(async ({ url, name }) => {
        const guest = await kit.guest();
        const bytes = kit.models.middle();
        let aborted = 0;
        const wrong = [];
        for (const sink of ['verify', 'resident']) {
          for (let time = 0; time <= 40; time += 5) {
            const abort = new AbortController();
            const source = await kit.sources[name]({ bytes, url, piece: 100_000 });
            const running = kit.admit(guest, source, { sink, signal: abort.signal });
            if (time === 0) abort.abort();
            else setTimeout(() => abort.abort(), time);
            const outcome = await running.then(model => (model.release(), 'admitted'), error => error.name);
            if (outcome === 'AbortError') aborted++;
            else if (outcome !== 'admitted') wrong.push(`${time}: ${outcome}`);
          }
          kit.seen(await kit.admit(guest, await kit.sources[name]({ bytes, url }), { sink }));
        }
        return { wrong, aborted };
      }, { url, name });
      assert.deepEqual(result.wrong, []);
      assert.ok(result.aborted >= 2, `only ${result.aborted} were aborted in time`);
    }, { needs: name.includes('private') ? ['private files'] : [] });
  }

  test('an abort of a synchronous handle in a worker leaves the handle open and usable', async ({ page }) => {
    const result = await page.runInWorker(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const handle = await kit.workerSources['a synchronous handle']({ bytes });
      const abort = new AbortController();
      const fault = await kit.fault(
        kit.admit(guest, handle, { signal: abort.signal, onProgress: () => abort.abort() }),
      );
      const size = handle.getSize();
      const state = kit.seen(await kit.admit(guest, handle)).state;
      handle.close();
      return [fault.name, size === bytes.length, state];
    });
    assert.deepEqual(result, ['AbortError', true, 'admitted']);
  }, { needs: ['private files'] });

  test('a signal that is aborted already reads and fetches nothing, and gives the source back unlocked', async ({
    page,
    server,
  }) => {
    const served = server.put({ body: small() });
    const result = await page.run(async ({ url }) => {
      const guest = await kit.guest();
      const signal = AbortSignal.abort(new RangeError('too late'));
      const found = [];
      for (const make of Object.entries(kit.sources)) {
        if (make[0] === 'a Response of fetch') continue;
        const source = await make[1]({ bytes: kit.models.small(), url });
        found.push((await kit.fault(() => kit.admit(guest, source, { signal }))).message);
      }
      return [...new Set(found)];
    }, { url: served.url });
    assert.deepEqual(result, ['too late']);
    assert.equal(served.requests.length, 0);
  });

  test('an abort while the server has not answered, or stopped sending, ends the request', async ({ page, server }) => {
    const never = new Promise(() => {});
    const silent = server.put({ body: middle(), hold: never });
    const stuck = server.put({ body: middle(), hold: never, holdAt: 1_000_000 });
    const faults = await page.run(async urls => {
      const guest = await kit.guest();
      const found = [];
      for (const url of urls) found.push(await kit.fault(kit.admit(guest, url, { signal: AbortSignal.timeout(300) })));
      return found.map(({ name }) => name);
    }, [silent.url, stuck.url]);
    assert.deepEqual(faults, ['TimeoutError', 'TimeoutError']);
    for (let tries = 0; tries < 50 && ![...silent.requests, ...stuck.requests].every(({ isOver }) => isOver); tries++)
      await new Promise(resolve => setTimeout(resolve, 50));
    assert.deepEqual(
      [silent, stuck].map(({ requests }) => requests.map(({ isOver }) => isOver)),
      [[true], [true]],
    );
  });

  test('an abort while a broken download waits to go on ends the wait', async ({ page, server }) => {
    const served = server.put({ body: middle(), etag: '"1"', breakAt: 500_000 });
    const result = await page.run(async ({ url }) => {
      const guest = await kit.guest();
      return kit.fault(kit.admit(guest, url, { retryDelay: 20_000, signal: AbortSignal.timeout(1000) }));
    }, { url: served.url });
    assert.equal(result.name, 'TimeoutError');
    assert.equal(served.requests.length, 1);
  });
});
