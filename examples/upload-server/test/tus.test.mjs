// The tus 1.0.0 core protocol with `creation`: by hand, and with the client that everybody uses.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Upload } from 'tus-js-client';
import { model, raw, start, until } from './server.mjs';

const TUS = { 'Tus-Resumable': '1.0.0' };
const OCTETS = { 'Content-Type': 'application/offset+octet-stream' };
const base64 = text => Buffer.from(text).toString('base64');

/** @returns {Promise<Response>} */
const create = (server, name, length, headers = {}) =>
  fetch(`${server.url}/uploads`, {
    method: 'POST',
    headers: { ...TUS, 'Upload-Length': length, 'Upload-Metadata': `name ${base64(name)}`, ...headers },
  });
const patch = (server, path, offset, body, headers = {}) =>
  fetch(server.url + path, {
    method: 'PATCH',
    body,
    headers: { ...TUS, ...OCTETS, 'Upload-Offset': offset, ...headers },
  });
const head = (server, path, headers = TUS) => fetch(server.url + path, { method: 'HEAD', headers });
const code = async answer => [answer.status, (await answer.json()).code];

test('OPTIONS tells what the server can do, without a version asked for', async t => {
  const server = await start(t, { options: ['--max-bytes', '123456789'] });
  const answer = await fetch(`${server.url}/uploads`, { method: 'OPTIONS' });
  const told = ['tus-resumable', 'tus-version', 'tus-extension', 'tus-max-size'].map(name =>
    answer.headers.get(name),
  );
  assert.deepEqual([answer.status, told], [204, ['1.0.0', '1.0.0', 'creation', '123456789']]);
});

test('an upload in parts: each answer says where it is, and the last one that it is stored', async t => {
  const server = await start(t);
  const created = await create(server, 'a.gguf', model.length);
  const path = created.headers.get('location');
  assert.deepEqual([created.status, created.headers.get('tus-resumable')], [201, '1.0.0']);
  assert.match(path, /^\/uploads\/[0-9a-f]{32}$/);
  for (const [from, to] of [
    [0, 10],
    [10, 100_000],
    [100_000, 100_000],
    [100_000, 9_000_000],
    [9_000_000, model.length],
  ]) {
    const position = await head(server, path);
    const told = ['upload-offset', 'upload-length', 'cache-control', 'tus-resumable'].map(name =>
      position.headers.get(name),
    );
    assert.deepEqual([position.status, told], [200, [String(from), String(model.length), 'no-store', '1.0.0']]);
    const answer = await patch(server, path, from, model.bytes.subarray(from, to));
    assert.deepEqual([answer.status, answer.headers.get('upload-offset')], [204, String(to)]);
  }
  // For a client that did not see the last answer.
  assert.equal((await head(server, path)).headers.get('upload-offset'), String(model.length));
  assert.equal((await patch(server, path, model.length, '')).status, 204);
  assert.ok(readFileSync(join(server.folder, 'models/a.gguf')).equals(model.bytes));
  assert.deepEqual(server.files('quarantine'), []);
  assert.equal(await server.metric('gguf_uploads_total{way="tus",outcome="stored"}'), 1);
});

test("the protocol's own errors harm no upload", async t => {
  const server = await start(t, { options: ['--max-bytes', '20000000'] });
  const path = (await create(server, 'a.gguf', model.length)).headers.get('location');
  assert.equal((await patch(server, path, 0, model.bytes.subarray(0, 1000))).status, 204);

  for (const version of [{}, { 'Tus-Resumable': '0.2.2' }]) {
    const answer = await fetch(server.url + path, {
      method: 'PATCH',
      body: 'x',
      headers: { ...OCTETS, 'Upload-Offset': '1000', ...version },
    });
    assert.deepEqual([answer.status, answer.headers.get('tus-version')], [412, '1.0.0']);
    assert.equal((await head(server, path, version)).status, 412);
  }
  assert.deepEqual(await code(await patch(server, path, 999, 'x')), [409, 'offset']);
  assert.deepEqual(await code(await patch(server, path, 1001, 'x')), [409, 'offset']);
  assert.deepEqual(await code(await patch(server, path, 1000, 'x', { 'Content-Type': 'application/octet-stream' })), [
    415,
    'request',
  ]);
  for (const offset of ['', '-1', '1e3', '0x3e8', '99999999999999999999', ' '])
    assert.deepEqual(await code(await patch(server, path, offset, 'x')), [400, 'request']);
  assert.deepEqual(await code(await patch(server, path, 1000, model.bytes)), [400, 'request']);
  assert.equal((await head(server, `${path.slice(0, -1)}g`)).status, 404);
  assert.equal((await head(server, '/uploads/%ff')).status, 404);
  assert.deepEqual(await code(await patch(server, '/uploads/0', 0, 'x')), [404, 'gone']);
  for (const length of ['', '-1', 'x', '1.5'])
    assert.deepEqual(await code(await create(server, 'b.gguf', length)), [400, 'request']);
  assert.deepEqual(await code(await create(server, 'b.gguf', 20_000_001)), [413, 'too_large']);
  assert.deepEqual(await code(await create(server, '../b.gguf', 5)), [400, 'name']);
  assert.deepEqual(await code(await create(server, 'b.gguf', 5, { 'Upload-Metadata': '' })), [400, 'name']);
  assert.deepEqual(await code(await create(server, 'b.gguf', 5, { 'Upload-Metadata': 'name %%%' })), [
    400,
    'metadata',
  ]);
  assert.deepEqual(await code(await create(server, 'a.gguf', 5)), [503, 'busy']);
  assert.deepEqual(await code(await create(server, 'b.gguf', 0)), [422, 'truncated']);

  assert.equal((await patch(server, path, 1000, model.bytes.subarray(1000))).status, 204);
  assert.deepEqual(await code(await create(server, 'a.gguf', 5)), [409, 'exists']);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [['a.gguf'], []]);
});

test('a bad file is refused with the part that shows it, and is gone', async t => {
  const server = await start(t);
  const path = (await create(server, 'a.gguf', model.length)).headers.get('location');
  const answer = await patch(server, path, 0, 'GGUX');
  assert.deepEqual(await code(answer), [422, 'magic']);
  assert.equal((await head(server, path)).status, 404);

  const wrong = `name ${base64('a.gguf')},sha256 ${base64('00'.repeat(32))}`;
  const digested = (await create(server, 'a.gguf', model.length, { 'Upload-Metadata': wrong })).headers.get(
    'location',
  );
  assert.deepEqual(await code(await patch(server, digested, 0, model.bytes)), [422, 'digest']);
  const right = `sha256 ${base64(model.sha256.toString('hex'))}, filename ${base64('a.gguf')}, other`;
  const good = (await create(server, 'a.gguf', model.length, { 'Upload-Metadata': right })).headers.get('location');
  assert.equal((await patch(server, good, 0, model.bytes)).status, 204);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [['a.gguf'], []]);
});

test('a cut part counts as far as it came, and the upload goes on from there', async t => {
  const server = await start(t);
  const path = (await create(server, 'a.gguf', model.length)).headers.get('location');
  const client = await raw(t, server.port);
  await client.write(
    client.head('PATCH', path, { ...TUS, ...OCTETS, 'Upload-Offset': 0, 'Content-Length': model.length }),
  );
  await client.write(model.bytes.subarray(0, 3_000_000));
  await until(async () => (await server.metric('gguf_upload_bytes_total')) === 3_000_000);
  client.socket.destroy();
  let position;
  await until(async () => (position = Number((await head(server, path)).headers.get('upload-offset'))) === 3_000_000);
  assert.equal((await patch(server, path, position, model.bytes.subarray(position))).status, 204);
  assert.deepEqual(server.files('models'), ['a.gguf']);
});

test('a client that comes back takes over from its own dead connection, at once', async t => {
  const server = await start(t, { options: ['--chunk-seconds', '600'] });
  const path = (await create(server, 'a.gguf', model.length)).headers.get('location');
  const dead = await raw(t, server.port);
  await dead.write(
    dead.head('PATCH', path, { ...TUS, ...OCTETS, 'Upload-Offset': 0, 'Content-Length': model.length }),
  );
  await dead.write(model.bytes.subarray(0, 2_000_000));
  await until(async () => (await server.metric('gguf_upload_bytes_total')) === 2_000_000);
  const position = Number((await head(server, path)).headers.get('upload-offset'));
  assert.equal(position, 2_000_000);
  const old = await dead.answer();
  assert.deepEqual([old.status, old.code], [409, 'superseded']);
  // What the dead one still sends goes nowhere.
  await dead.write(Buffer.alloc(100_000, 0xff));
  assert.equal((await patch(server, path, position, model.bytes.subarray(position))).status, 204);
  assert.ok(readFileSync(join(server.folder, 'models/a.gguf')).equals(model.bytes));
});

test('an upload that nobody goes on with, or that takes too long, expires', async t => {
  const idle = await start(t, { options: ['--idle-seconds', '1'] });
  const path = (await create(idle, 'a.gguf', model.length)).headers.get('location');
  await patch(idle, path, 0, model.bytes.subarray(0, 1000));
  await until(() => idle.files('quarantine').length === 0);
  assert.equal((await head(idle, path)).status, 404);
  assert.equal(await idle.metric('gguf_uploads_total{way="tus",outcome="idle"}'), 1);
  assert.equal(await idle.metric('gguf_uploads_open'), 0);
  assert.equal((await create(idle, 'a.gguf', model.length)).status, 201);

  const late = await start(t, { options: ['--total-seconds', '1'] });
  const second = (await create(late, 'a.gguf', model.length)).headers.get('location');
  const client = await raw(t, late.port);
  await client.write(
    client.head('PATCH', second, { ...TUS, ...OCTETS, 'Upload-Offset': 0, 'Content-Length': model.length }),
  );
  const answer = await client.answer();
  assert.deepEqual([answer.status, answer.code], [408, 'late']);
  assert.deepEqual([late.files('models'), late.files('quarantine')], [[], []]);
});

test('a client that may send POST only', async t => {
  const server = await start(t);
  const path = (await create(server, 'a.gguf', model.length)).headers.get('location');
  const send = (method, headers, body) =>
    fetch(server.url + path, {
      method: 'POST',
      body,
      headers: { ...TUS, 'X-HTTP-Method-Override': method, ...headers },
    });
  assert.equal((await send('PATCH', { ...OCTETS, 'Upload-Offset': '0' }, model.bytes.subarray(0, 500))).status, 204);
  assert.equal((await send('HEAD', {})).headers.get('upload-offset'), '500');
});

/** Uploads with tus-js-client; tells when it is over, and how. */
const upload = (server, input, options) =>
  new Promise((resolve, reject) => {
    const upload = new Upload(input, {
      endpoint: `${server.url}/uploads`,
      uploadSize: model.length,
      retryDelays: [0, 50, 200],
      storeFingerprintForResuming: false,
      metadata: { filename: 'a.gguf' },
      onSuccess: () => resolve(upload),
      onError: reject,
      ...options,
    });
    upload.start();
  });

test('tus-js-client stores a file in one go, and in parts', async t => {
  const server = await start(t);
  await upload(server, createReadStream(model.path), { chunkSize: model.length });
  await upload(server, createReadStream(model.path), { chunkSize: 1_000_000, metadata: { filename: 'b.gguf' } });
  for (const name of ['a.gguf', 'b.gguf'])
    assert.ok(readFileSync(join(server.folder, 'models', name)).equals(model.bytes));
});

test('tus-js-client goes on where it was after an abort', async t => {
  const server = await start(t);
  let url, aborted;
  const stopped = new Promise(resolve => (aborted = resolve));
  const first = new Upload(createReadStream(model.path), {
    endpoint: `${server.url}/uploads`,
    uploadSize: model.length,
    chunkSize: 2_000_000,
    metadata: { filename: 'a.gguf' },
    storeFingerprintForResuming: false,
    onChunkComplete: (_, accepted) =>
      accepted >= 6_000_000 && first.abort().then(() => ((url = first.url), aborted())),
  });
  first.start();
  await stopped;
  const sent = [];
  await upload(server, createReadStream(model.path), {
    uploadUrl: url,
    chunkSize: 2_000_000,
    onChunkComplete: (_, accepted) => sent.push(accepted),
  });
  assert.ok(sent[0] > 6_000_000, `the first part after the abort ends at ${sent[0]}`);
  assert.ok(readFileSync(join(server.folder, 'models/a.gguf')).equals(model.bytes));
});

test('tus-js-client is told why a file is refused', async t => {
  const server = await start(t);
  const bytes = Buffer.concat([Buffer.from('GGUX'), model.bytes.subarray(4)]);
  const refused = await upload(server, bytes, {}).then(
    () => 'stored',
    error => error,
  );
  assert.deepEqual(
    [refused.originalResponse.getStatus(), JSON.parse(refused.originalResponse.getBody()).code],
    [422, 'magic'],
  );
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
});
