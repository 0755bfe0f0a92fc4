// `onHeader`, `onProgress`, and many sessions at once.
import assert from 'node:assert/strict';
import { headerBytes, middle } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const MIDDLE = middle();

inEachBrowser(test => {
  test('onHeader sees the header once, before data is read, and its consent admits the file', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const source = kit.controlled(kit.models.middle(), { piece: 60_000 });
      const calls = [];
      const model = await kit.admit(guest, source.stream, {
        sink: 'resident',
        onHeader: async report => {
          const given = source.given;
          await kit.sleep(50);
          calls.push({
            state: report.state,
            tensors: report.tensors.length,
            digests: report.digests,
            held: report.memory.held,
            given,
            later: source.given,
          });
        },
      });
      return { calls, state: kit.seen(model).state };
    });
    const header = headerBytes(MIDDLE);
    assert.equal(result.state, 'admitted');
    assert.equal(result.calls.length, 1);
    const [{ state, tensors, digests, held, given, later }] = result.calls;
    assert.deepEqual({ state, tensors, digests }, { state: 'header_ready', tensors: 3, digests: null });
    assert.ok(held < 2_500_000, `${held} bytes are held before the consent`);
    assert.ok(given <= header + 65_536, `${given} bytes were taken for a header of ${header}`);
    assert.equal(later, given, 'the source was read while the question was open');
  });

  test('onHeader refuses by a throw or a rejection: the reason is passed on, the source is cancelled with it', async ({
    page,
  }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      const ways = [
        () => { throw new RangeError('too big'); },
        async () => { await kit.sleep(10); throw new RangeError('too big'); },
        () => Promise.reject('just a string'),
        () => { throw undefined; },
      ];
      for (const onHeader of ways) {
        for (const type of [undefined, 'bytes']) {
          const source = kit.controlled(kit.models.middle(), { piece: 60_000, type });
          const memory = guest.memoryBytes;
          const fault = await kit.fault(kit.admit(guest, source.stream, { sink: 'resident', onHeader }));
          found.push({
            fault,
            isCancelled: source.isCancelled,
            same: String(source.cancelled),
            given: source.given,
            grown: guest.memoryBytes - memory,
          });
        }
      }
      return found;
    });
    for (const { isCancelled, given, grown } of result) {
      assert.ok(isCancelled && given <= headerBytes(MIDDLE) + 2 * 65_536);
      assert.ok(grown < 3e6, `the guest's memory grew by ${grown}`);
    }
    assert.deepEqual(
      result.map(({ fault }) => fault.name ?? fault.thrown ?? 'undefined'),
      [
        'RangeError',
        'RangeError',
        'RangeError',
        'RangeError',
        'just a string',
        'just a string',
        'undefined',
        'undefined',
      ],
    );
    assert.deepEqual(
      [...new Set(result.map(({ same }) => same))],
      ['RangeError: too big', 'just a string', 'undefined'],
    );
  }, { needs: ['byte streams'] });

  test('onHeader is asked about a file whose header and data come in one chunk, too', async ({ page }) => {
    const states = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const sink of ['verify', 'resident']) {
        for (const source of [kit.models.small(), new Blob([kit.models.small()])]) {
          const model = await kit.admit(guest, source, { sink, onHeader: report => void found.push(report.state) });
          found.push(kit.seen(model).state);
        }
      }
      return found;
    });
    assert.deepEqual(states, Array(4).fill(['header_ready', 'admitted']).flat());
  });

  test('onProgress goes up to the last byte, at most ten times a second and once at the end', async ({
    page,
    server,
  }) => {
    const body = middle();
    const { url } = server.put({ body, rate: 2e6, etag: '"1"' });
    const { events, length } = await page.run(
      async ({ url }) => {
        const guest = await kit.guest();
        const events = [];
        const model = await kit.admit(guest, url, {
          onProgress: event => void events.push({ ...event, at: performance.now() }),
        });
        return { events, length: kit.seen(model).length };
      },
      { url },
    );
    const seconds = (events.at(-1).at - events[0].at) / 1000;
    assert.ok(events.length <= seconds * 10 + 2, `${events.length} events in ${seconds} s`);
    for (const [index, { bytes, total, rate }] of events.entries()) {
      assert.equal(total, length);
      assert.ok(bytes <= length && rate >= 0 && Number.isFinite(rate));
      const before = events[index - 1];
      if (!before) continue;
      assert.ok(bytes >= before.bytes);
    }
    assert.deepEqual(
      events.filter(({ phase }) => phase === 'done').map(({ bytes, total }) => [bytes, total]),
      [[length, length]],
    );
    assert.equal(events.at(-1).phase, 'done');
    assert.ok(events[0].phase === 'header' && events.some(({ phase }) => phase === 'data'));
  });

  test('onProgress has no total while none is known', async ({ page }) => {
    const totals = await page.run(async () => {
      const guest = await kit.guest();
      const totals = [];
      const source = kit.controlled(kit.models.middle(), { piece: 100_000, onPull: () => kit.sleep(20) });
      kit.seen(
        await kit.admit(guest, source.stream, {
          onProgress: ({ total, phase }) => void totals.push([phase === 'done', total === undefined]),
        }),
      );
      return totals;
    });
    assert.ok(totals.length > 3);
    for (const [isDone, isUnknown] of totals) assert.notEqual(isDone, isUnknown);
  });

  test('a throw of onProgress, first, in the middle or at the end, is passed on', async ({ page }) => {
    const results = await page.run(async () => {
      const guest = await kit.guest();
      const found = [];
      for (const when of ['header', 'data', 'done']) {
        for (const how of [
          () => {
            throw new RangeError(when);
          },
          async () => {
            throw new RangeError(when);
          },
        ]) {
          const source = kit.controlled(kit.models.middle(), { piece: 100_000, onPull: () => kit.sleep(10) });
          const fault = await kit.fault(
            kit.admit(guest, source.stream, {
              sink: 'resident',
              onProgress: ({ phase }) => (phase === when ? how() : undefined),
            }),
          );
          found.push(`${fault.name} ${fault.message === when} ${source.isCancelled || when === 'done'}`);
        }
      }
      return found;
    });
    assert.deepEqual(results, Array(6).fill('RangeError true true'));
  });

  test('sixty-four sessions can be under way at once, the next is told to wait', async ({ page }) => {
    const result = await page.run(async () => {
      const guest = await kit.guest();
      const sources = Array.from({ length: 64 }, () => {
        let go;
        const gate = new Promise(resolve => (go = resolve));
        return { go, source: kit.controlled(kit.models.small(), { onPull: () => gate }) };
      });
      const running = sources.map(({ source }) =>
        kit.admit(guest, source.stream).then(
          model => kit.seen(model).state,
          error => error.code,
        ),
      );
      await kit.sleep(20);
      for (const { go } of sources) go();
      return Promise.all(running);
    });
    // One of the 64 slots is the other model's.
    assert.deepEqual(result.filter(state => state === 'admitted').length, 63);
    assert.deepEqual(result.filter(state => state === 'sessions').length, 1);
  });
});
