import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Guest, hostFor } from '../index.js';
import { assertNoSession, faultOf, v1Exports } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { never, observed, recorder } from './support/streams.js';

const file = gguf({ metadata: { 'general.architecture': 'test', n: 7 }, tensors: [{ name: 'a', bytes: 200_000 }] });
const next = gguf({ metadata: { 'general.architecture': 'next' } });
const sha256 = createHash('sha256').update(file).digest('hex');
const combined = () =>
  new WebAssembly.Instance(new WebAssembly.Module(readFileSync(new URL('../guest.wasm', import.meta.url))), {});

/** @type {Record<string, () => any>} */
const guests = { 'ABI v1': v1Exports, 'ABI v2': () => combined().exports };

for (const [name, exports] of Object.entries(guests)) {
  test(`${name}: one interface loads from any source, replaces, unloads`, async () => {
    const host = hostFor(exports());
    assert.equal(host.abi, Number(name.at(-1)));
    assert.equal(host.model, null);
    for (const source of [
      file,
      new Blob([file]),
      new Response(file),
      observed(file).stream,
      observed(file, { type: 'bytes' }).stream,
    ]) {
      /** @type {string[]} */ const phases = [];
      const tee = recorder();
      const model = await host.load(source, { sha256, tee, onProgress: ({ phase }) => void phases.push(phase) });
      assert.equal(host.model, model);
      assert.equal(model.isActive, true);
      assert.equal(model.metadata('general.architecture'), 'test');
      assert.equal(model.metadata(1), 7);
      assert.equal(model.metadata('none'), undefined);
      assert.equal(model.report.digests?.sha256, sha256);
      assert.equal(phases.at(-1), 'done');
      assert.equal(Buffer.compare(tee.bytes, file), 0);
      assert.equal(tee.closed.length, 1);
    }
    const first = /** @type {import('../index.js').LoadedModel} */ (/** @type {unknown} */ (host.model));
    const second = await host.load(next);
    assert.equal(first.isActive, false);
    first.release();
    assert.equal(second.isActive, true);
    host.unload();
    host.unload();
    assert.equal(second.isActive, false);
    assert.equal(host.model, null);
  });

  test(`${name}: what is refused leaves the model that was loaded`, async () => {
    const guest = new Guest(exports());
    const host = hostFor(guest);
    const model = await host.load(file);
    const mine = new Error('mine');
    const fail = () => { throw mine; };
    assert.equal((await faultOf(host.load(new Uint8Array(90)))).code, 'magic');
    assert.equal((await faultOf(host.load(next.slice(0, -40)))).code, 'truncated');
    assert.equal((await faultOf(host.load(next, { sha256: '0'.repeat(64) }))).code, 'digest');
    assert.equal((await faultOf(host.load(observed(next).stream, { length: 50 }))).kind, 'rejected');
    assert.equal((await faultOf(host.load(observed(next).stream, { length: 50_000 }))).kind, 'rejected');
    assert.equal((await faultOf(host.load(next, { length: 50_000 }))).code, 'length');
    assert.equal((await faultOf(host.load(observed(next, { at: fail }).stream))).cause, mine);
    assert.equal(await faultOf(host.load(next, { tee: { write: fail } })), mine);
    assert.equal(await faultOf(host.load(next, { signal: AbortSignal.abort(mine) })), mine);
    const abort = new AbortController();
    const hanging = observed(next, { at: () => (setImmediate(() => abort.abort(mine)), never()) });
    assert.equal(await faultOf(host.load(hanging.stream, { signal: abort.signal })), mine);
    assert.equal(hanging.stream.locked, false);
    assert.equal(host.model, model);
    assert.equal(model.isActive, true);
    if (host.abi === 2) assertNoSession(guest, 1);
    assert.deepEqual(JSON.parse(guest.diagnostics()).model.gguf, model.report.gguf);
  });
}

test('what fails after the file is loaded: ABI v2 keeps the model of before, ABI v1 is left without', async () => {
  const mine = new Error('mine');
  const fail = () => { throw mine; };
  for (const [name, exports] of Object.entries(guests)) {
    for (const late of [
      { tee: recorder({ close: fail }) },
      { onProgress: (/** @type {any} */ { phase }) => phase === 'done' && fail() },
    ]) {
      const guest = new Guest(exports());
      const host = hostFor(guest);
      const model = await host.load(file);
      assert.equal(await faultOf(host.load(next, late)), mine);
      assert.equal(host.model, name === 'ABI v2' ? model : null);
      assert.equal(model.isActive, name === 'ABI v2');
      assert.equal(
        JSON.parse(guest.diagnostics()).model?.gguf.dataBytes,
        name === 'ABI v2' ? model.report.gguf.dataBytes : undefined,
      );
    }
  }
});

test('the facts of a file are the same through both', async () => {
  const [one, two] = await Promise.all(Object.values(guests).map(exports => hostFor(exports()).load(file)));
  for (const field of /** @type {const} */ (['gguf', 'metadata', 'tensors', 'digests', 'length'])) {
    assert.deepEqual(one.report[field], two.report[field]);
  }
  assert.equal(two.tensor('a')?.length, 200_000);
  assert.equal((await faultOf(() => one.tensor('a'))).code, 'unsupported');
});

test('ABI v1: above 128 MiB is an error of its own, before anything is read where the size is known', async () => {
  const host = hostFor(v1Exports());
  assert.equal(host.ceiling, 134_217_728);
  const blob = new Blob([file]);
  Object.defineProperty(blob, 'size', { value: 134_217_729 });
  assert.deepEqual((({ code, found }) => [code, found])(await faultOf(host.load(blob))), ['ceiling', '134217729']);
  const chunk = new Uint8Array(16 << 20);
  let given = 0;
  const endless = (async function* () { for (;;) { given += chunk.length; yield chunk; } })();
  assert.equal((await faultOf(host.load(endless))).code, 'ceiling');
  assert.equal(given, 9 * chunk.length);
});

test('ABI v1: an option that it cannot keep is refused, not ignored', async () => {
  const host = hostFor(v1Exports());
  for (const options of [{ onHeader() {} }, { limits: { memory: 5 } }, { blake3: '0'.repeat(64) }, { digests: [] }]) {
    assert.equal((await faultOf(host.load(file, options))).code, 'unsupported');
  }
});

test('ABI v2: a host takes exports, an instance or a Guest, and every option', async () => {
  const instance = combined();
  for (const from of [instance, instance.exports, new Guest(instance.exports)]) {
    const host = hostFor(from);
    assert.equal(host.ceiling, Infinity);
    let seen = 0;
    await host.load(file, { onHeader: () => void seen++, limits: { memory: 1 << 20 } });
    assert.equal(seen, 1);
    host.unload();
  }
  assertNoSession(new Guest(instance.exports));
});
