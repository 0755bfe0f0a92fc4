import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionError } from '../index.js';
import { faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { withGuestWorker } from './support/thread.js';

const file = gguf({ metadata: { 'general.architecture': 'test' }, tensors: [{ name: 'a', bytes: 5_000 }] });
const utf8 = new TextDecoder();

/** @typedef {(use: (guest: any) => Promise<void>) => Promise<void>} WithGuest */

/** The same calls on a guest of this thread and on one in a worker. */
const PLACES = /** @type {[string, WithGuest][]} */ ([
  ['in a worker', withGuestWorker],
  ['on this thread', async use => use(await freshGuest())],
]);

for (const [where, withGuest] of PLACES) {
  test(`${where}: a number that does not fit is no other handle, offset or place`, () => withGuest(async guest => {
    const handle = await guest.call('begin', -1n, 1);
    for (const odd of [handle + 2 ** 32, handle + 0.5, handle - 2 ** 32, NaN, 2 ** 64]) {
      for (const name of ['release', 'position', 'limit', 'join', 'evidence']) {
        const args = name === 'limit' ? [7, 4096n] : name === 'join' ? [handle] : [];
        assert.equal((await faultOf(async () => guest.call(name, odd, ...args))).code, 'argument', `${name} ${odd}`);
      }
    }
    for (const odd of [2n ** 64n, -(2n ** 63n) - 1n]) {
      assert.equal((await faultOf(async () => guest.call('push_chunk', handle, odd, 5))).code, 'argument');
    }
    assert.equal(await guest.call('position', handle), 0n);
    assert.equal(await guest.call('limit', handle, 7, -1n), 1n << 20n);
    assert.equal(await guest.call('release', handle), 0);
    // A slice that is none: the value of a limit.
    const other = await guest.call('begin', -1n, 1);
    assert.equal((await faultOf(async () => guest.callRead('limit', other, 6, -1n))).code, 'argument');
    await guest.call('release', other);
  }));

  test(`${where}: a file goes in by calls of exports alone`, () => withGuest(async guest => {
    assert.equal(await guest.call('active'), 0);
    const handle = await guest.call('begin', BigInt(file.length), 2);
    assert.equal(await guest.call('limit', handle, 7, 4096n), 4096n);
    for (let at = 0, state = 1; at < file.length;) {
      const lent = (await guest.callRead('window', handle)).length;
      const chunk = file.slice(at, at + lent);
      assert.equal(await guest.callWrite('window', chunk, handle), chunk.length);
      // A chunk that holds the end of the header is taken to there.
      state = await guest.call('push_chunk', handle, BigInt(at), chunk.length);
      assert.ok(state > 0);
      at = Number(await guest.call('position', handle));
    }
    assert.equal(await guest.call('finish', handle), 4);
    const tensor = await guest.callRead('tensor', handle, 0);
    assert.deepEqual(Buffer.from(tensor), Buffer.from(file.subarray(file.length - 5_024, file.length - 24)));
    const report = JSON.parse(utf8.decode(await guest.callRead('report', handle)));
    assert.equal(report.state, 'admitted');
    assert.equal(await guest.call('release', handle), 0);
  }));

  test(`${where}: what is refused is an error with its status`, () => withGuest(async guest => {
    const fault = await faultOf(async () => guest.call('finish', 999));
    assert.ok(fault instanceof AdmissionError);
    assert.deepEqual([fault.code, fault.kind], ['handle', 'misuse']);
    for (const [call, says] of /** @type {[() => unknown, RegExp][]} */ ([
      [() => guest.call('no_such_export'), /no_such_export/],
      [() => guest.call('memory'), /no function/],
      [() => guest.call('active', '1'), /takes whole numbers/],
      [() => guest.call('begin', 1, 2), /begin/],
      [() => guest.callRead('active'), /no slice/],
      [() => guest.callWrite('window', [1, 2], 1), /Uint8Array/],
    ])) {
      const { code, kind, message } = await faultOf(async () => call());
      assert.equal(kind, 'misuse', `${code}: ${message}`);
      assert.match(message, says);
    }
    const handle = await guest.call('begin', -1n, 1);
    const { message } = await faultOf(async () => guest.callWrite('window', new Uint8Array(70_000), handle));
    assert.match(message, /lent 65536 bytes for 70000/);
    assert.equal(await guest.call('position', handle), 0n, 'misuse changes nothing');
  }));
}

test('what is read from a worker is a copy, the caller\'s to keep', () => withGuestWorker(async guest => {
  const first = await guest.callRead('last_error');
  await faultOf(() => guest.call('finish', 1));
  assert.equal(utf8.decode(first), 'null');
  assert.match(utf8.decode(await guest.callRead('last_error')), /handle/);
}));

test('calls after the end of the worker fail as all others', () => withGuestWorker(async guest => {
  await guest.close();
  for (const call of [() => guest.call('active'), () => guest.callRead('last_error')]) {
    assert.equal((await faultOf(call)).kind, 'dead');
  }
}));
