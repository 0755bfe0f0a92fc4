// Models in S3: moto's server stands in for it, on this machine.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { model, raw, start, until } from './server.mjs';

const PYTHON = process.env.GGUF_MOTO;
const skip = !PYTHON && 'GGUF_MOTO names no folder with moto: cargo xtask test installs it';

/** A store in memory, with one bucket. */
async function s3(t) {
  const script = `
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()`;
  const child = spawn('python3', ['-c', script], {
    env: { ...process.env, PYTHONPATH: PYTHON },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const [host, port] = (await lines.next()).value.split(' ');
  const url = `http://${host}:${port}`;
  assert.equal((await fetch(`${url}/models-bucket`, { method: 'PUT' })).status, 200);
  const env = {
    AWS_ENDPOINT: url,
    AWS_ALLOW_HTTP: 'true',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_REGION: 'us-east-1',
    UPLOAD_BUCKET: 'models-bucket',
  };
  return {
    env,
    list: async () =>
      [...(await (await fetch(`${url}/models-bucket?list-type=2`)).text()).matchAll(/<Key>(.*?)<\/Key>/g)]
        .map(([, key]) => key)
        .sort(),
    uploads: async () =>
      [...(await (await fetch(`${url}/models-bucket?uploads`)).text()).matchAll(/<UploadId>/g)].length,
    sha256: async key =>
      createHash('sha256')
        .update(new Uint8Array(await (await fetch(`${url}/models-bucket/${key}`)).arrayBuffer()))
        .digest('hex'),
    add: key => fetch(`${url}/models-bucket/${key}`, { method: 'PUT', body: 'x' }),
    stop: async () => (child.kill('SIGKILL'), await ended),
  };
}

test('a good model is an object in the bucket, a bad one never is', { skip }, async t => {
  const store = await s3(t);
  const server = await start(t, { env: store.env });
  const put = (name, body) => fetch(`${server.url}/models/${name}`, { method: 'PUT', body });
  assert.equal((await put('a.gguf', model.bytes)).status, 201);
  assert.equal((await put('b.gguf', model.bytes.subarray(0, 10_000_000))).status, 422);
  const again = await put('a.gguf', model.bytes);
  assert.deepEqual([again.status, (await again.json()).code], [409, 'exists']);
  assert.deepEqual([await store.list(), await store.uploads()], [['models/a.gguf'], 0]);
  assert.equal(await store.sha256('models/a.gguf'), model.sha256.toString('hex'));
  assert.deepEqual([server.files('quarantine'), server.files('models')], [[], []]);
});

test('a name that another writer takes meanwhile stays theirs', { skip }, async t => {
  const store = await s3(t);
  const server = await start(t, { env: store.env });
  const client = await raw(t, server.port);
  await client.write(client.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
  await client.write(model.bytes.subarray(0, 1000));
  await until(() => server.files('quarantine').length === 1);
  await store.add('models/a.gguf');
  await client.write(model.bytes.subarray(1000));
  const answer = await client.answer();
  assert.deepEqual([answer.status, answer.code], [409, 'exists']);
  assert.deepEqual(server.files('quarantine'), []);
});

test('a bucket that cannot be reached is a 507, not a hang, and nothing stays', { skip }, async t => {
  const store = await s3(t);
  const server = await start(t, { env: store.env });
  await store.stop();
  const answer = await fetch(`${server.url}/models/a.gguf`, { method: 'PUT', body: model.bytes });
  assert.deepEqual([answer.status, (await answer.json()).code], [507, 'storage']);
  assert.deepEqual(server.files('quarantine'), []);
});
