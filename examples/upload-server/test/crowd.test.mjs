// Many at once: memory stays bounded, and a slow client holds up nobody.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { model, raw, start, until } from './server.mjs';

const MIB = 1 << 20;
const MANY = 100;

/** Sends the file from disk, so that this process holds little of it. */
const put = (server, name) =>
  new Promise((resolve, reject) => {
    const agent = new Agent();
    const sending = request(
      `${server.url}/models/${name}`,
      { method: 'PUT', agent, headers: { 'Content-Length': model.length } },
      answer => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      },
    );
    sending.on('error', reject).on('close', () => agent.destroy());
    createReadStream(model.path).pipe(sending);
  });

const peak = pid => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

test('100 uploads at once are stored, in memory that is bounded', async t => {
  const server = await start(t);
  const statuses = await Promise.all(Array.from({ length: MANY }, (_, index) => put(server, `${index}.gguf`)));
  assert.deepEqual(
    statuses,
    statuses.map(() => 201),
  );
  assert.equal(server.files('models').length, MANY);
  assert.deepEqual(server.files('quarantine'), []);
  const held = await server.metric('gguf_upload_held_bytes');
  const most = MANY * (held + 1.5 * MIB) + 64 * MIB;
  assert.ok(peak(server.pid) <= most, `${peak(server.pid)} bytes at the peak, ${most} allowed`);
});

test('uploads above the number that is allowed are told to come back, and may once there is a place', async t => {
  const server = await start(t, { options: ['--max-uploads', '2'] });
  const waiting = [await raw(t, server.port), await raw(t, server.port)];
  for (const [index, client] of waiting.entries()) {
    await client.write(client.head('PUT', `/models/${index}.gguf`, { 'Content-Length': model.length }));
  }
  await until(async () => (await server.metric('gguf_uploads_open')) === 2);
  assert.equal(await put(server, 'a.gguf'), 503);
  waiting[0].socket.destroy();
  await until(async () => (await server.metric('gguf_uploads_open')) === 1);
  assert.equal(await put(server, 'a.gguf'), 201);
});

test('a hundred clients that send nothing more hold up nobody', async t => {
  const server = await start(t, { options: ['--chunk-seconds', '600'] });
  for (let index = 0; index < MANY; index += 1) {
    const client = await raw(t, server.port);
    await client.write(client.head('PUT', `/models/slow-${index}.gguf`, { 'Content-Length': model.length }));
    await client.write(model.bytes.subarray(0, 200_000));
  }
  await until(async () => (await server.metric('gguf_upload_bytes_total')) === MANY * 200_000);
  // More threads than these clients could hold would be needed, if a client that waits held one.
  const threads = Number(/Threads:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
  assert.ok(threads < MANY, `${threads} threads`);
  assert.equal(await put(server, 'a.gguf'), 201);
});

test('connections above the number that is allowed wait until one ends', async t => {
  const server = await start(t, { options: ['--max-connections', '1'] });
  const first = await raw(t, server.port);
  await first.write(first.head('PUT', '/models/first.gguf', { 'Content-Length': model.length }));
  await until(async () => (await server.metric('gguf_uploads_open')) === 1);
  const second = put(server, 'second.gguf');
  await new Promise(resolve => setTimeout(resolve, 200));
  assert.equal(await server.metric('gguf_uploads_open'), 1);
  await first.write(model.bytes);
  assert.equal((await first.answer()).status, 201);
  first.socket.destroy();
  assert.equal(await second, 201);
});
