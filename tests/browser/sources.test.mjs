// Whatever holds a file is admitted alike, in a page and in a worker.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { large, middle, small } from './pages/models.js';
import * as made from './pages/sources.js';
import { inEachBrowser } from './suite.mjs';

const FILES = { small: small(), middle: middle() };

/** Admits one source, verify and resident, in each size of chunk; answers what differs from the bytes themselves. */
async function admitAll({ url, name }) {
  const guest = await kit.guest();
  const bytes = await kit.bytes(url);
  const make = kit.sources[name] ?? kit.workerSources[name];
  const expected = await kit.sha256(bytes);
  const wrong = [];
  for (const sink of ['verify', 'resident']) {
    for (const piece of bytes.length < 10_000 ? [1, 7, 3000] : [65_536, 1_500_000]) {
      const source = await make({ bytes, url, piece });
      const model = await kit.admit(guest, source, { sink });
      const { report } = model;
      if (report.digests.sha256 !== expected) wrong.push(`${sink}: sha256 ${report.digests.sha256}`);
      if (report.length !== bytes.length) wrong.push(`${sink}: length ${report.length}`);
      for (const [index, { offset, bytes: size }] of report.tensors.entries()) {
        if (sink === 'resident' && !kit.same(bytes.subarray(offset, offset + size), model.tensor(index)))
          wrong.push(`tensor ${index}`);
      }
      model.release();
      // What the caller opened stays the caller's.
      if (source.getSize) {
        if (source.getSize() !== bytes.length) wrong.push('the handle was closed');
        source.close();
      }
    }
  }
  return wrong;
}

inEachBrowser((test, browserName) => {
  const all = Object.keys({ ...made.sources, ...made.workerSources });
  for (const name of all) {
    const places = name in made.workerSources ? ['runInWorker'] : ['run', 'runInWorker'];
    for (const place of places) {
      test(`${name} is admitted in a ${place === 'run' ? 'page' : 'worker'}`, async ({ page, server }) => {
        for (const body of Object.values(FILES)) {
          const { url } = server.put({ body });
          assert.deepEqual(await page[place](admitAll, { url, name }), []);
        }
      }, { needs: name in made.NEEDS ? [made.NEEDS[name]] : [] });
    }
  }

  // In a page without the kit, which holds on to every stream.
  test(
    'a garbage collection takes nothing away that is being read',
    async ({ browser, server }) => {
      const { url } = server.put({ body: large(32) });
      const plain = server.put({
        body: Buffer.from('<!doctype html><link rel="icon" href="data:,"><input type="file" id="file">'),
        type: 'text/html',
      });
      const folder = await mkdtemp(join(tmpdir(), 'gguf-gc-'));
      const tab = await browser.open(plain.url);
      try {
        await writeFile(join(folder, 'picked.gguf'), large(32));
        await tab.pick('#file', [join(folder, 'picked.gguf')]);
        const lengths = await tab.evaluate(
          async ({ entry, url }) => {
            const { Admission, admit, loadGuest } = await import(entry);
            const guest = await loadGuest();
            setInterval(() => /** @type {any} */ (globalThis).gc(), 1);
            const file = /** @type {any} */ (document.querySelector('#file')).files[0];
            const piped = async () => {
              const admission = new Admission(guest, { digests: [] });
              await file.stream().pipeTo(admission.writable);
              return admission.model;
            };
            const found = [];
            for (const make of [
              () => admit(guest, file),
              () => admit(guest, url),
              async () => admit(guest, await fetch(url)),
              piped,
            ]) {
              for (let time = 0; time < 5; time++) {
                const late = new Promise(resolve => setTimeout(resolve, 10_000));
                const model = await Promise.race([make(), late]);
                found.push(model?.report.position ?? 'it never ended');
                model?.release();
              }
            }
            return found;
          },
          { entry: `${server.origin}/js/index.js`, url },
        );
        assert.deepEqual(lengths, Array(20).fill(large(32).length));
      } finally {
        await tab.close();
        await rm(folder, { recursive: true });
      }
    },
    { skip: browserName !== 'chromium' && 'only Chromium lets a page call its collector', timeout: 120_000 },
  );

  test('a file that the user picks is admitted', async ({ page, server }) => {
    const folder = await mkdtemp(join(tmpdir(), 'gguf-pick-'));
    try {
      await writeFile(join(folder, 'picked.gguf'), FILES.middle);
      await page.pick('#file', [join(folder, 'picked.gguf')]);
      const seen = await page.run(async () => {
        const [file] = document.querySelector('#file').files;
        return [file.name, await kit.seen(await kit.admit(await kit.guest(), file)).digests];
      });
      const expected = await page.run(
        async url => kit.sha256(await kit.bytes(url)),
        server.put({ body: FILES.middle }).url,
      );
      assert.deepEqual(seen, ['picked.gguf', { sha256: expected }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('what holds no bytes is refused by name', async ({ page }) => {
    const faults = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const source of [null, undefined, 7, {}, { path: '/etc/hosts' }, [1, 2], ['text'], 'http://['])
        found.push(await kit.fault(() => kit.admit(guest, source)));
      return found.map(({ name, code }) => `${name} ${code}`);
    });
    assert.deepEqual(faults, [
      'AdmissionError unsupported',
      'AdmissionError unsupported',
      'AdmissionError unsupported',
      'AdmissionError unsupported',
      'AdmissionError unsupported',
      'AdmissionError source',
      'AdmissionError source',
      'AdmissionError argument',
    ]);
  });

  test('an empty source is a truncated file, not a file of length 0', async ({ page }) => {
    const faults = await page.run(async () => {
      const guest = await kit.guest();
      const empty = new Uint8Array(0);
      const url = URL.createObjectURL(new Blob([]));
      const found = [];
      for (const make of Object.values(kit.sources))
        found.push(await kit.fault(async () => kit.admit(guest, await make({ bytes: empty, url }))));
      return found.map(({ code, offset, path }) => [code, offset, path].join(' '));
    });
    assert.deepEqual([...new Set(faults)], ['truncated 0 magic']);
  });

  test('a stream that another reader holds is refused and left alone', async ({ page }) => {
    const fault = await page.run(async () => {
      const guest = await kit.guest();
      const stream = new Blob([kit.models.small()]).stream();
      const reader = stream.getReader();
      const result = await kit.admit(guest, stream).catch(error => error.code);
      const read = await reader.read();
      await reader.cancel();
      reader.releaseLock();
      return [result, read.value.length];
    });
    assert.deepEqual(fault, ['locked', small().length]);
  });

  test('a Response whose body was read is refused', async ({ page }) => {
    const fault = await page.run(async () => {
      const response = new Response(kit.models.small());
      await response.arrayBuffer();
      return kit.fault(async () => kit.admit(await kit.guest(), response));
    });
    assert.equal(fault.code, 'locked');
  });

  test('a byte stream that was filled and closed before it is read loses nothing', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.middle();
      const cut = (from, to) => bytes.slice(from, to);
      const found = [];
      for (const parts of [
        [bytes.length],
        [65_536, 65_636, bytes.length],
        [100_000, bytes.length],
        [1, 65_537, bytes.length - 1, bytes.length],
      ]) {
        for (const of of [stream => stream, stream => new Response(stream)]) {
          const stream = new ReadableStream({
            type: 'bytes',
            start(controller) {
              let at = 0;
              for (const end of parts) controller.enqueue(cut(at, (at = end)));
              controller.close();
            },
          });
          found.push(await kit.admit(guest, of(stream)).then(model => kit.seen(model).state, error => error.message));
        }
      }
      const short = kit.models.small();
      for (let extra = 0; extra < 200_000; extra += 23_456) {
        const padded = new Uint8Array(short.length + extra);
        padded.set(short);
        const stream = new ReadableStream({
          type: 'bytes',
          start: controller => (controller.enqueue(padded), controller.close()),
        });
        found.push(
          await kit.admit(guest, stream, { limits: { trailingBytes: 200_000 } }).then(
            model => kit.seen(model).state,
            error => error.message,
          ),
        );
      }
      return [...new Set(found)];
    });
    assert.deepEqual(result, ['admitted']);
  }, { needs: ['byte streams'] });

  test('a Response and its clone are both admitted, at once or one after the other', async ({ page, server }) => {
    const { url } = server.put({ body: FILES.middle });
    const states = await page.run(async url => {
      const guest = await kit.guest();
      const found = [];
      for (const inTurn of [true, false]) {
        const response = await fetch(url);
        const clone = response.clone();
        const first = kit.admit(guest, response).then(model => kit.seen(model).state, error => error.message);
        if (inTurn) await first;
        found.push(
          await kit.admit(guest, clone).then(
            model => kit.seen(model).state,
            error => error.message,
          ),
          await first,
        );
      }
      return found;
    }, url);
    assert.deepEqual(states, Array(4).fill('admitted'));
  });

  for (const type of [undefined, 'bytes']) {
    test(`a ${type ? 'byte' : 'default'} stream that breaks is a source error at its offset, to be retried`, async ({
      page,
    }) => {
      const result = await page.run(async type => {
        const guest = await kit.guest();
        const bytes = kit.models.middle();
        const faults = [];
        for (const failAt of [0, 10, 70_000, bytes.length - 5, bytes.length]) {
          const source = kit.controlled(bytes, { failAt, piece: 50_000, type });
          faults.push(await kit.fault(kit.admit(guest, source.stream, { sink: 'resident' })));
        }
        const { digests } = kit.seen(await kit.admit(guest, bytes));
        return { faults, digests, expected: await kit.sha256(bytes), size: bytes.length };
      }, type);
      for (const [index, at] of [0, 10, 70_000, result.size - 5, result.size].entries()) {
        const { kind, offset, message } = result.faults[index];
        assert.equal(kind, 'source');
        assert.match(message, /the cable was pulled/);
        // A byte stream that breaks takes with it what it has put into the reader's buffer.
        assert.ok(type ? offset <= at && offset > at - 1.1e6 : offset === at, `offset ${offset} for a break at ${at}`);
      }
      assert.equal(result.digests.sha256, result.expected);
    }, { needs: type ? ['byte streams'] : [] });
  }

  test('an async iterable that throws, or gives something else than bytes, is a source error and is closed', async ({
    page,
  }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const bytes = kit.models.small();
      let closed = 0;
      async function* chunks(last) {
        try {
          yield bytes.subarray(0, 100);
          if (last instanceof Error) throw last;
          yield last;
          await new Promise(() => {});
        } finally {
          closed++;
        }
      }
      const faults = [];
      for (const last of [new Error('no more'), 'text', null, 7, { length: 3 }])
        faults.push(await kit.fault(kit.admit(guest, chunks(last))));
      return { closed, faults: faults.map(({ kind }) => kind) };
    });
    assert.deepEqual(result, { closed: 5, faults: ['source', 'source', 'source', 'source', 'source'] });
  });

  test('a File that changed on disk since it was picked is a source error', async ({ page }) => {
    const folder = await mkdtemp(join(tmpdir(), 'gguf-pick-'));
    try {
      await writeFile(join(folder, 'picked.gguf'), FILES.middle);
      await page.pick('#file', [join(folder, 'picked.gguf')]);
      await page.run(async () => void (globalThis.guest = await kit.guest()));
      await new Promise(resolve => setTimeout(resolve, 1100));
      await writeFile(join(folder, 'picked.gguf'), FILES.middle.subarray(0, 1000));
      const fault = await page.run(async () =>
        kit.fault(kit.admit(globalThis.guest, document.querySelector('#file').files[0])),
      );
      assert.ok(['source', 'rejected'].includes(fault.kind), JSON.stringify(fault));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
