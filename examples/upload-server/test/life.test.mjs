// How a server ends, and what the next one finds.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Upload } from 'tus-js-client';
import { freshFolder, model, raw, start, until } from './server.mjs';

const TUS = { 'Tus-Resumable': '1.0.0' };
const created = (server, name) =>
  fetch(`${server.url}/uploads`, {
    method: 'POST',
    headers: {
      ...TUS,
      'Upload-Length': model.length,
      'Upload-Metadata': `name ${Buffer.from(name).toString('base64')}`,
    },
  });

test('killed at any byte: the next start cleans up, and stored models are whole', async t => {
  const folder = await freshFolder(t);
  for (const at of [0, 1, 28_770, 5_000_000, model.length - 1]) {
    const server = await start(t, { folder });
    assert.deepEqual(server.files('quarantine'), []);
    const clients = [await raw(t, server.port), await raw(t, server.port)];
    for (const [index, client] of clients.entries()) {
      await client.write(client.head('PUT', `/models/${at}-${index}.gguf`, { 'Content-Length': model.length }));
      await client.write(model.bytes.subarray(0, at));
    }
    await until(
      async () =>
        (await server.metric('gguf_upload_bytes_total')) === 2 * at && server.files('quarantine').length === 2,
    );
    await server.kill('SIGKILL');
    // What was left is no model, and lies where no model does.
    assert.deepEqual([server.files('quarantine').length, server.files('models')], [2, []]);
  }
  // In the middle of many that end: whatever is under models/ is whole.
  const server = await start(t, { folder });
  const sending = Array.from({ length: 12 }, (_, index) =>
    fetch(`${server.url}/models/m${index}.gguf`, { method: 'PUT', body: model.bytes }).catch(() => {}),
  );
  await until(() => server.files('models').length >= 3);
  await server.kill('SIGKILL');
  await Promise.all(sending);
  const next = await start(t, { folder });
  assert.deepEqual(next.files('quarantine'), []);
  assert.ok(next.files('models').length >= 3);
  for (const name of next.files('models'))
    assert.ok(readFileSync(join(folder, 'models', name)).equals(model.bytes), name);
});

test('after a restart an unfinished tus upload is gone, and tus-js-client begins anew', async t => {
  const folder = await freshFolder(t);
  const server = await start(t, { folder });
  const path = (await created(server, 'a.gguf')).headers.get('location');
  await fetch(server.url + path, {
    method: 'PATCH',
    body: model.bytes.subarray(0, 1000),
    headers: { ...TUS, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' },
  });
  await server.kill('SIGKILL');
  const next = await start(t, { folder });
  assert.equal((await fetch(next.url + path, { method: 'HEAD', headers: TUS })).status, 404);
  await new Promise((resolve, reject) => {
    const upload = new Upload(createReadStream(model.path), {
      endpoint: `${next.url}/uploads`,
      uploadUrl: next.url + path,
      uploadSize: model.length,
      metadata: { filename: 'a.gguf' },
      storeFingerprintForResuming: false,
      retryDelays: [],
      onSuccess: resolve,
      onError: reject,
    });
    upload.start();
  });
  assert.deepEqual([next.files('models'), next.files('quarantine')], [['a.gguf'], []]);
});

test('SIGTERM: what runs may end, nothing new begins, and nothing unfinished stays', async t => {
  const server = await start(t);
  await created(server, 'tus.gguf');
  const client = await raw(t, server.port);
  await client.write(client.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
  await client.write(model.bytes.subarray(0, 1000));
  await until(() => server.files('quarantine').length === 2);
  process.kill(server.pid, 'SIGTERM');
  await until(() => server.log().includes('shutting down'));
  await assert.rejects(fetch(`${server.url}/health`));
  await client.write(model.bytes.subarray(1000));
  assert.equal((await client.answer()).status, 201);
  assert.deepEqual(await server.ended, [0, null]);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [['a.gguf'], []]);
});

test('SIGTERM: what does not end in time is cut', async t => {
  const server = await start(t, { options: ['--shutdown-seconds', '0.5'] });
  const client = await raw(t, server.port);
  await client.write(client.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
  await client.write(model.bytes.subarray(0, 1000));
  await until(() => server.files('quarantine').length === 1);
  assert.equal(await server.kill('SIGTERM'), 0);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
});

test('two servers do not share a quarantine', async t => {
  const server = await start(t);
  await assert.rejects(start(t, { folder: server.folder }), /another server/);
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
});

test('a full disk is answered, and leaves nothing', async t => {
  // /dev/full cannot stand in for a file in a folder: a limit on the size of files of this process can.
  const server = await start(t, { limit: 8 << 20 });
  const answer = await fetch(`${server.url}/models/a.gguf`, { method: 'PUT', body: model.bytes });
  assert.deepEqual([answer.status, (await answer.json()).code], [507, 'storage']);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
  assert.equal(await server.metric('gguf_uploads_total{way="put",outcome="storage"}'), 1);
});
