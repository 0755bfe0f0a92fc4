// A guest or a worker that is not where it should be: what is there instead, and at which address.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadGuest, loadGuestWorker } from '../index.js';
import { faultOf } from './support/guest.js';
import { serve } from './support/server.js';

const page = new TextEncoder().encode('<!doctype html><p>Not found');

test('a web page in the place of the module is told with its address, without the query', async () => {
  const server = await serve(page, { headers: { 'content-type': 'text/html; charset=utf-8' } }, { status: 404 });
  try {
    const fault = await faultOf(loadGuest(`${server.url}?key=SECRET`));
    assert.deepEqual([fault.code, fault.kind, fault.found], ['guest', 'misuse', 'text/html; charset=utf-8']);
    assert.match(fault.message, /at http:\/\/127\.0\.0\.1:\d+\/model\.gguf there is a web page .*bundler/);
    assert.doesNotMatch(fault.message, /SECRET/);
    const missing = await faultOf(loadGuest(server.url));
    assert.deepEqual([missing.code, missing.found], ['guest', '404']);
    assert.match(missing.message, /404 for http:\/\/127\.0\.0\.1:\d+\/model\.gguf$/);
  } finally {
    await server.close();
  }
  const gone = await faultOf(loadGuest(`${server.url}?key=SECRET`));
  assert.deepEqual([gone.code, gone.kind], ['guest', 'misuse']);
  assert.match(gone.message, /http:\/\/127\.0\.0\.1:\d+\/model\.gguf could not be fetched: (?!fetch failed)\w/);
});

test('bytes that are no module are told as such, whatever they are called', async () => {
  const typed = new Response(page, { headers: { 'content-type': 'application/wasm' } });
  const cut = readFileSync(new URL('../guest.wasm', import.meta.url)).subarray(0, 1000);
  for (const from of [page, page.buffer, typed, new Response(page), cut]) {
    const fault = await faultOf(loadGuest(from));
    assert.deepEqual([fault.code, fault.kind], ['guest', 'misuse']);
    assert.match(fault.message, /could not be compiled: /);
    assert.ok(fault.cause instanceof WebAssembly.CompileError);
  }
});

test('a module that is not the one whose hash is required is not loaded', async () => {
  const module = readFileSync(new URL('../guest.wasm', import.meta.url));
  const integrity = `sha384-${createHash('sha384').update(module).digest('base64')}`;
  const server = await serve(module, { headers: { 'content-type': 'application/wasm' } });
  const other = await serve(module.subarray(0, -1), { headers: { 'content-type': 'application/wasm' } });
  try {
    assert.equal((await loadGuest(await fetch(server.url, { integrity }))).abi, 2);
    await assert.rejects(fetch(other.url, { integrity }), TypeError);
  } finally {
    await server.close();
    await other.close();
  }
});

test('a file that is not there, and a Response that was read, are told as such', async () => {
  const read = new Response(page);
  await read.text();
  for (const from of [new URL('./nothing.wasm', import.meta.url), read]) {
    const fault = await faultOf(loadGuest(from));
    assert.deepEqual([fault.code, fault.kind], ['guest', 'misuse']);
    assert.ok(fault.cause instanceof Error);
  }
});

test('no memory for the guest is a retry, as it is later', async t => {
  t.mock.method(WebAssembly, 'instantiate', async () => {
    throw new RangeError('Out of memory: Cannot allocate Wasm memory for new instance');
  });
  const fault = await faultOf(loadGuest());
  assert.deepEqual([fault.code, fault.kind], ['memory', 'retry']);
  assert.match(fault.message, /no memory for the guest: Out of memory/);
});

test('where there are no workers of the web, as in Node, it is said what to do', async () => {
  const fault = await faultOf(loadGuestWorker());
  assert.deepEqual([fault.code, fault.kind], ['unsupported', 'misuse']);
  assert.match(fault.message, /loadGuest.*admit.*gguf-admission\/worker\/entry\.js/);
});
