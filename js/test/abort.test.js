import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { admit } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf, joined } from './support/gguf.js';
import { never, observed, recorder } from './support/streams.js';

const file = gguf({ tensors: [{ name: 'a', bytes: 200_000 }, { name: 'b', bytes: 100 }] });

const sha256 = createHash('sha256').update(file).digest('hex');

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

/** @param {(point: string) => unknown} reached  @param {AbortSignal} [signal]  @param {'bytes'} [type] */
function run(reached, signal, type) {
  const source = observed(file, { type, piece: 20_000, at: offset => reached(`read ${offset}`) });
  /** The calls that come whatever the clock says: one for the header, one at the end. @type {Set<string>} */
  const told = new Set(['data']);
  const tee = recorder({ write: offset => reached(`tee ${offset}`), close: () => reached('tee close') });
  const admitted = admit(guest, source.stream, {
    signal, tee, sink: 'resident',
    onHeader: () => reached('header'),
    onProgress: ({ phase }) => {
      if (told.has(phase)) return undefined;
      told.add(phase);
      return reached(`progress ${phase}`);
    },
  });
  return { source, tee, admitted };
}

test('an abort at any point, also one that waits for ever, leaves nothing', async () => {
  for (const type of [undefined, /** @type {const} */ ('bytes')]) {
    /** @type {string[]} */
    const points = [];
    (await run(point => void points.push(point), undefined, type).admitted).release();
    assert.ok(points.length > 15);
    for (const wait of [false, true]) {
      for (let at = 0; at < points.length; at++) {
        const abort = new AbortController();
        const reason = new Error(points[at]);
        let count = 0;
        const { source, tee, admitted } = run(() => {
          if (count++ !== at) return;
          if (wait) setImmediate(() => abort.abort(reason));
          else abort.abort(reason);
          return wait ? never() : undefined;
        }, abort.signal, type);
        assert.equal(await faultOf(admitted), reason, points[at]);
        assert.equal(source.stream.locked, false);
        assert.ok(source.isCancelled || source.given === file.length, points[at]);
        assert.ok(tee.aborted[0] === reason || tee.closed.length === 1, points[at]);
        assertNoSession(guest);
      }
    }
  }
});

test('a signal that fired before cancels the source at once', async () => {
  const source = observed(file);
  const reason = new Error('before');
  assert.equal(await faultOf(admit(guest, source.stream, { signal: AbortSignal.abort(reason) })), reason);
  assert.equal(source.cancelled, reason);
  assert.equal(source.given, 0);
  assertNoSession(guest);
});

test('an abort is heard while a generator hangs, and while bytes come without waiting', async () => {
  const hanging = new AbortController();
  setTimeout(() => hanging.abort(), 2);
  assert.equal(
    (
      await faultOf(
        admit(
          guest,
          (async function* () {
            yield file.subarray(0, 9);
            await never();
          })(),
          { signal: hanging.signal },
        ),
      )
    ).name,
    'AbortError',
  );
  const endless = new AbortController();
  setTimeout(() => endless.abort(), 5);
  const big = gguf({ tensors: [{ bytes: 2_000_000, fill: () => 0 }] });
  await faultOf((async () => {
    for (;;) (await admit(guest, big, { signal: endless.signal })).release();
  })());
  assert.equal(endless.signal.aborted, true);
  assertNoSession(guest);
});

test('the end of a source is waited for, also when all bytes of the declared length are in', async () => {
  const abort = new AbortController();
  /** @type {(value?: unknown) => void} */ let tell = () => {};
  const isAsked = new Promise(resolve => (tell = resolve));
  const held = observed(file, { at: offset => (offset < file.length ? undefined : (tell(), never())) });
  const tee = recorder();
  const admitted = faultOf(admit(guest, held.stream, { length: file.length, signal: abort.signal, tee }));
  const reason = new Error('given up');
  await isAsked;
  assert.equal(await Promise.race([admitted, new Promise(resolve => setTimeout(resolve, 100, 'waits'))]), 'waits');
  assert.equal(tee.bytes.length, file.length);
  abort.abort(reason);
  assert.equal(await admitted, reason);
  // That is how a byte too many is found.
  const longer = observed(joined([file, new Uint8Array(1)]));
  assert.equal((await faultOf(admit(guest, longer.stream, { length: file.length }))).code, 'trailing');
  assertNoSession(guest);
});

test('the same guest admits the same file after an abort', async () => {
  const abort = new AbortController();
  await faultOf(
    admit(guest, observed(file, { at: offset => offset > 90_000 && abort.abort() }).stream, {
      signal: abort.signal,
      sink: 'resident',
    }),
  );
  assert.equal((await admit(guest, file, { sink: 'resident', sha256 })).report.state, 'admitted');
});
