// What must not be possible, tried in a real engine: its file names, its locks, its workers.
import assert from 'node:assert/strict';
import { inEachBrowser } from './suite.mjs';

inEachBrowser(test => {
  for (const isRemote of [false, true]) {
    const where = isRemote ? 'in a GuestWorker' : 'on the page';

    test(`no name reaches another's file, ${where}`, async ({ page }) => {
      const result = await page.run(async isRemote => {
        const remote = isRemote ? await kit.loadGuestWorker() : undefined;
        const here = remote ? undefined : await kit.guest();
        const store = async (name, file) => {
          const { model } = await (remote ? remote.admitStored(name, file) : kit.admitStored(here, name, file));
          await model.release();
        };
        await store('m.gguf', kit.models.middle());
        const faults = [];
        for (const name of ['m.gguf\0x', 'x.part\0', 'x.PART', 'z\ud800', 'z\udc00', 'a\nb', 'x'.repeat(250)]) {
          const fault = await kit.fault(() => store(name, kit.models.otherSmall()));
          faults.push([fault.code, fault.kind]);
        }
        const { file, length } = await kit.findStored('m.gguf');
        const isWhole = (await file.getFile()).size === length && length === kit.models.middle().length;
        await kit.removeStored('m.gguf');
        await remote?.close();
        const names = [];
        for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
        return { faults, isWhole, names };
      }, isRemote);
      assert.deepEqual(result, { faults: Array(7).fill(['argument', 'misuse']), isWhole: true, names: [] });
    }, { needs: ['private files'] });

    test(`a name that an admission holds is not waited for from its own callbacks, ${where}`, async ({ page }) => {
      const result = await page.run(async isRemote => {
        const remote = isRemote ? await kit.loadGuestWorker() : undefined;
        const here = remote ? undefined : await kit.guest();
        const file = kit.models.otherSmall();
        const admit = options => (remote ? remote.admit(file, options) : kit.admit(here, file, options));
        const store = options =>
          remote ? remote.admitStored('m.gguf', file, options) : kit.admitStored(here, 'm.gguf', file, options);
        const again = async () => (await store()).model.release();
        const frame = document.body.appendChild(document.createElement('iframe')).contentWindow;
        const calls = [
          () => admit({ tee: [kit.opfsTee('m.gguf'), kit.opfsTee('m.gguf')] }),
          () => store({ tee: kit.opfsTee('m.gguf') }),
          () => store({ onHeader: () => kit.removeStored('m.gguf') }),
          () => store({ onHeader: again }),
          () => store({ onHeader: async () => (await new Promise(done => setTimeout(done, 5)), again()) }),
          () => store({ tee: { write() {}, close: again } }),
          // A promise of another realm is one too.
          () => store({ onHeader: () => frame.Promise.resolve(5).then(again) }),
        ];
        const faults = [];
        for (const call of calls) {
          const { code, kind } = await kit.fault(call);
          faults.push([code, kind, Boolean(await kit.findStored('m.gguf'))]);
        }
        await again();
        await kit.removeStored('m.gguf');
        await remote?.close();
        return faults;
      }, isRemote);
      assert.deepEqual(result, Array(7).fill(['locked', 'misuse', false]));
    }, { needs: ['private files'] });
  }

  test('whatever is thrown on the page comes back from a worker as it is, and the worker lives', async ({ page }) => {
    const result = await page.run(async () => {
      const remote = await kit.loadGuestWorker();
      const file = kit.models.otherSmall();
      const other = await remote.admit(file);
      const named = name => Object.assign(new Error('x'), { name });
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      const thrown = [
        named('toString'), named('__proto__'), named(Symbol('x')), proxy, () => {}, Symbol('x'),
        Object.assign(Object.create(null), { retry() {} }),
        new kit.AdmissionError('x', { code: 'mine', kind: 'misuse', found: () => 1 }),
      ];
      const same = [];
      for (const value of thrown) {
        const fail = () => {
          throw value;
        };
        const stop = new AbortController();
        const onHeader = () => (stop.abort(value), new Promise(() => {}));
        for (const options of [{ onHeader: fail }, { tee: { write: fail } }, { signal: stop.signal, onHeader }]) {
          const { error } = await remote.admit(file, options).then(() => ({}), error => ({ error }));
          same.push(Object.is(error, value));
        }
      }
      const isAlive = (await other.metadata(0)) !== undefined;
      await remote.close();
      return { same, isAlive };
    });
    assert.deepEqual(result, { same: Array(24).fill(true), isAlive: true });
  });

  test('options that cannot be, and cannot cross, are misuse in a worker', async ({ page }) => {
    const result = await page.run(async () => {
      const remote = await kit.loadGuestWorker();
      const file = kit.models.otherSmall();
      const wrong = [
        null, { limits: new Proxy({ tensors: () => {} }, {}) }, { retries: () => {} }, { digests: () => {} },
        { tee: null }, { signal: {} }, { onHeader: 'x' }, { sha265: 'x' }, { directory: {} }, { length: 5n },
      ];
      const faults = [];
      for (const options of wrong) {
        const fault = await kit.fault(() => remote.admit(file, options));
        faults.push([fault.name, fault.code, fault.kind]);
      }
      await (await remote.admit(file)).release();
      await remote.close();
      return faults;
    });
    assert.deepEqual(result, Array(10).fill(['AdmissionError', 'argument', 'misuse']));
  });
});
