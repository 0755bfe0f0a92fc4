// examples/node/server.mjs as it stands: what clients are answered, and what is kept.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { sha256 } from './support/digest.mjs';
import { fileOf, smallFile } from './support/gguf.mjs';
import { project } from './support/modules.mjs';

const folder = mkdtempSync(join(tmpdir(), 'gguf-server-'));
const models = join(folder, 'models');
let child;
let address;

before(async () => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(project('js'), join(folder, 'node_modules/gguf-admission'), 'dir');
  cpSync(project('examples/node/server.mjs'), join(folder, 'server.mjs'));
  child = spawn(process.execPath, ['server.mjs', models, '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  address = String(line).trim();
});
after(async () => {
  child.kill();
  await once(child, 'exit');
  rmSync(folder, { recursive: true });
});

const put = async (name, body) => {
  const response = await fetch(`${address}/${name}`, { method: 'PUT', body });
  return { status: response.status, ...(await response.json()) };
};
const kept = () => readdirSync(models).filter(name => name !== 'incoming');
const incoming = () => readdirSync(join(models, 'incoming'));

/** Begins to send `length` bytes, and sends `bytes` of them. */
function begin(name, length, bytes) {
  const sending = request(`${address}/${name}`, { method: 'PUT', headers: { 'Content-Length': length } });
  sending.on('error', () => {});
  sending.write(bytes);
  return sending;
}

test('a good file is kept as it is under its name, once', async () => {
  const good = smallFile(1);
  const told = { name: 'good.gguf', sha256: sha256(good), tensors: 3 };
  assert.deepEqual(await put('good.gguf', good), { status: 201, ...told });
  assert.deepEqual(readFileSync(join(models, 'good.gguf')), Buffer.from(good));
  assert.deepEqual(await put('good.gguf', smallFile(2)), { status: 409, code: 'exists' });
  assert.deepEqual(readFileSync(join(models, 'good.gguf')), Buffer.from(good));
});

test('a bad file is refused with its place, and nothing of it stays', async () => {
  const good = fileOf(200_000);
  const cut = await put('cut.gguf', good.subarray(0, -1));
  assert.deepEqual([cut.status, cut.code], [422, 'truncated']);
  assert.deepEqual(kept().filter(name => name !== 'good.gguf'), []);
  assert.deepEqual(incoming(), []);
});

test('a client that is still sending gets its answer', async () => {
  const sending = begin('zeros.gguf', 2 ** 30, Buffer.alloc(2 ** 20));
  const [response] = await once(sending, 'response', { signal: AbortSignal.timeout(10_000) });
  const [body] = await once(response, 'data');
  assert.deepEqual([response.statusCode, JSON.parse(body).code], [422, 'magic']);
  sending.destroy();
});

test('of an upload that breaks nothing stays, and the server goes on', async () => {
  const file = fileOf(3_000_000);
  const sending = begin('broken.gguf', file.length, file.subarray(0, 2_000_000));
  while (incoming().length === 0) await pause(10);
  sending.destroy();
  while (incoming().length > 0) await pause(10);
  assert.equal((await put('broken.gguf', file)).status, 201);
});

test('uploads come in side by side', async () => {
  const files = Array.from({ length: 8 }, (_, index) => smallFile(index + 1));
  const told = await Promise.all(files.map((file, index) => put(`side-${index}.gguf`, file)));
  assert.deepEqual(told.map(({ status, sha256 }) => [status, sha256]), files.map(file => [201, sha256(file)]));
});

test('other names, other methods and a body of unknown length are refused', async () => {
  for (const name of ['model.txt', '.gguf', 'a/b.gguf', '..%2fb.gguf', 'incoming']) {
    assert.deepEqual(await put(name, smallFile(1)), { status: 404, code: 'not_found' }, name);
  }
  assert.equal((await fetch(`${address}/good.gguf`)).status, 404);
  const sending = request(`${address}/unknown.gguf`, { method: 'PUT' });
  sending.on('error', () => {});
  sending.write('GGUF');
  const [response] = await once(sending, 'response');
  assert.equal(response.statusCode, 411);
  sending.destroy();
});

test('without a folder it says how it is used', () => {
  const { status, stderr } = spawnSync(process.execPath, ['server.mjs'], { cwd: folder, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [2, 'usage: node server.mjs FOLDER [PORT]\n']);
});
