// PUT /models/NAME: good files, bad files, and clients that are slow, cut or lying.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { freshFolder, headerBytes, model, raw, start, until } from './server.mjs';

const curl = async (...args) => {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-w', '\n%{http_code} %{size_upload}', ...args]);
  const lines = stdout.split('\n');
  const [status, sent] = lines.at(-1).split(' ').map(Number);
  const body = lines.slice(0, -1).join('\n');
  return { status, sent, body: body && JSON.parse(body) };
};
const put = (server, name, body, headers = {}) =>
  fetch(`${server.url}/models/${name}`, { method: 'PUT', body, headers, duplex: 'half' });
const digest = bytes => `sha-256=:${bytes.toString('base64')}:`;

test('a good file is stored as it is, with a length or without, and its digest is told', async t => {
  const server = await start(t);
  const whole = await curl('-T', model.path, `${server.url}/models/a.gguf`);
  assert.deepEqual(
    [whole.status, whole.body],
    [
      201,
      {
        name: 'a.gguf',
        length: model.length,
        digests: { sha256: model.sha256.toString('hex') },
        architecture: 'llama',
        tensors: 40,
      },
    ],
  );
  const chunked = await put(server, 'b.gguf', createReadStream(model.path), { 'Repr-Digest': digest(model.sha256) });
  assert.deepEqual([chunked.status, chunked.headers.get('repr-digest')], [201, digest(model.sha256)]);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [['a.gguf', 'b.gguf'], []]);
  for (const name of server.files('models'))
    assert.ok(readFileSync(join(server.folder, 'models', name)).equals(model.bytes));
  assert.equal(await server.metric('gguf_uploads_total{way="put",outcome="stored"}'), 2);
  assert.equal(await server.metric('gguf_upload_bytes_total'), 2 * model.length);
  assert.equal(await server.metric('gguf_uploads_open'), 0);
});

test('a name is given once', async t => {
  const server = await start(t);
  assert.equal((await put(server, 'a.gguf', model.bytes)).status, 201);
  const again = await put(server, 'a.gguf', model.bytes);
  assert.deepEqual([again.status, (await again.json()).code], [409, 'exists']);
  const first = await raw(t, server.port);
  await first.write(first.head('PUT', '/models/b.gguf', { 'Content-Length': model.length }));
  await until(() => server.files('quarantine').length === 1);
  const second = await put(server, 'b.gguf', model.bytes);
  assert.deepEqual(
    [second.status, second.headers.get('retry-after'), (await second.json()).code],
    [503, '10', 'busy'],
  );
  await first.write(model.bytes);
  assert.equal((await first.answer()).status, 201);
});

test('a name that could mean another place is refused, however it is written', async t => {
  const server = await start(t);
  const names = [
    '..%2fa.gguf',
    '..%2F..%2Fa.gguf',
    '%2e%2e%2fa.gguf',
    'a%00.gguf',
    'a%0a.gguf',
    '.a.gguf',
    '-a.gguf',
    'a.bin',
    'a%5cb.gguf',
    'a%2fb.gguf',
    'lock',
    '%C3%A4.gguf',
    `${'x'.repeat(124)}.gguf`,
    'a%ff.gguf',
  ];
  for (const name of names) {
    const client = await raw(t, server.port);
    await client.write(client.head('PUT', `/models/${name}`, { 'Content-Length': 5 }) + 'GGUF\x03');
    const answer = await client.answer();
    assert.ok(answer.status === 400 || answer.status === 404, `${name}: ${answer.status}`);
  }
  const outside = await raw(t, server.port);
  await outside.write(outside.head('PUT', '/models/../a.gguf', { 'Content-Length': 5 }) + 'GGUF\x03');
  assert.equal((await outside.answer()).status, 404);
  assert.deepEqual(
    [server.files('models'), server.files('quarantine'), server.files('.')],
    [[], [], ['models', 'quarantine']],
  );
});

test('digests: the right one passes, a wrong one refuses, one that cannot be read is no digest at all', async t => {
  const server = await start(t);
  const wrong = await put(server, 'a.gguf', model.bytes, { 'Repr-Digest': digest(Buffer.alloc(32)) });
  const problem = await wrong.json();
  assert.deepEqual(
    [wrong.status, wrong.headers.get('content-type'), problem.code, problem.path],
    [422, 'application/problem+json', 'digest', 'digests.sha256'],
  );
  for (const field of ['sha-256=nonsense', 'sha-256=:AAAA:', '%']) {
    const unread = await put(server, 'a.gguf', model.bytes, { 'Repr-Digest': field });
    assert.deepEqual([unread.status, (await unread.json()).code], [400, 'repr_digest']);
  }
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
});

test('what a file is not: a part, an encoding, empty, too large', async t => {
  const server = await start(t, { options: ['--max-bytes', '1000000'] });
  const part = await put(server, 'a.gguf', 'x', { 'Content-Range': 'bytes 0-0/2' });
  const coded = await put(server, 'a.gguf', 'x', { 'Content-Encoding': 'gzip' });
  const empty = await put(server, 'a.gguf', '');
  const large = await put(server, 'a.gguf', model.bytes);
  const largeOnTheWay = await put(server, 'a.gguf', createReadStream(model.path));
  const elsewhere = await fetch(`${server.url}/models/a.gguf`, { method: 'POST' });
  const answers = [part, coded, empty, large, largeOnTheWay, elsewhere];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [400, 415, 422, 413, 413, 405],
  );
  assert.deepEqual(await Promise.all(answers.map(async answer => (await answer.json()).code)), [
    'request',
    'request',
    'truncated',
    'too_large',
    'too_large',
    'method',
  ]);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
});

test("a bad magic is refused within 64 KiB, a lying table at the header's end, while the client waits", async t => {
  const server = await start(t);
  const bad = await raw(t, server.port);
  await bad.write(bad.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
  await bad.write(Buffer.concat([Buffer.from('GGUX'), model.bytes.subarray(4, 64 * 1024)]));
  const magic = await bad.answer();
  assert.deepEqual([magic.status, magic.code, magic.offset, magic.path, magic.rule], [422, 'magic', 0, 'magic', [1]]);

  const end = headerBytes();
  const lying = await raw(t, server.port);
  await lying.write(lying.head('PUT', '/models/a.gguf', { 'Content-Length': model.length - 100_000 }));
  await lying.write(model.bytes.subarray(0, end - 1));
  await until(async () => (await server.metric('gguf_upload_bytes_total')) >= end - 1);
  assert.equal(lying.text(), '');
  await lying.write(model.bytes.subarray(end - 1, end));
  const table = await lying.answer();
  assert.deepEqual([table.status, table.code, table.rule], [422, 'truncated', [3, 19, 20, 22]]);
  assert.match(table.path, /^tensors\[\d+\]\.offset$/);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
  assert.equal(await server.metric('gguf_refusals_total{code="magic"}'), 1);
  assert.equal(await server.metric('gguf_refusals_total{code="truncated"}'), 1);
});

test('a client that goes on sending gets to see why it was refused', async t => {
  const server = await start(t);
  const bytes = Buffer.concat([Buffer.from('GGUX'), model.bytes.subarray(4)]);
  const path = join(await freshFolder(t), 'bad.gguf');
  writeFileSync(path, bytes);
  for (let times = 0; times < 20; times += 1) {
    // Without Expect: curl sends at once, and does not look first.
    const answer = await curl('-T', path, '-H', 'Expect:', `${server.url}/models/a.gguf`);
    assert.deepEqual([answer.status, answer.body.code], [422, 'magic']);
    const named = await curl('-T', path, '-H', 'Expect:', `${server.url}/models/.gguf`);
    assert.deepEqual([named.status, named.body.code], [400, 'name']);
    const fetched = await put(server, 'a.gguf', bytes);
    assert.deepEqual([fetched.status, (await fetched.json()).code], [422, 'magic']);
  }
  const asking = await curl('-T', path, '-H', 'Expect: 100-continue', `${server.url}/models/.gguf`);
  assert.deepEqual([asking.status, asking.sent], [400, 0]);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
});

test('a body that is cut, or lies about its length, leaves nothing', async t => {
  const server = await start(t);
  for (const [length, sent] of [
    [model.length, 5_000_000],
    [model.length, 10],
    [model.length + 1, model.length],
  ]) {
    const client = await raw(t, server.port);
    await client.write(client.head('PUT', '/models/a.gguf', { 'Content-Length': length }));
    await until(() => server.files('quarantine').length === 1);
    await client.write(model.bytes.subarray(0, sent));
    client.socket.destroy();
    await until(() => server.files('quarantine').length === 0, 'the cut upload is removed');
  }
  const chunked = await raw(t, server.port);
  await chunked.write(
    chunked.head('PUT', '/models/a.gguf', { 'Transfer-Encoding': 'chunked' }) + '4\r\nGGUF\r\nnonsense\r\n',
  );
  await until(() => chunked.socket.readyState !== 'open' || chunked.text() !== '');
  await until(async () => (await server.metric('gguf_uploads_open')) === 0);
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
  assert.ok((await server.metric('gguf_uploads_total{way="put",outcome="cut"}')) >= 2);
  assert.equal((await put(server, 'a.gguf', model.bytes)).status, 201);
});

test('a client that is too slow between bytes, or on the whole, is answered and cleaned up', async t => {
  const server = await start(t, { options: ['--chunk-seconds', '1', '--total-seconds', '4', '--chunk-bytes', '500'] });
  const silent = await raw(t, server.port);
  await silent.write(silent.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
  await silent.write(model.bytes.subarray(0, 1000));
  const slow = await silent.answer();
  assert.deepEqual([slow.status, slow.code], [408, 'slow']);

  // A byte now and then is as good as none; what comes fast enough is cut by the deadline alone.
  for (const [bytes, code] of [
    [10, 'slow'],
    [200, 'late'],
  ]) {
    const dribbling = await raw(t, server.port);
    await dribbling.write(dribbling.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
    let at = 0;
    const drip = setInterval(() => dribbling.socket.write(model.bytes.subarray(at, (at += bytes))), 100);
    t.after(() => clearInterval(drip));
    const cut = await dribbling.answer();
    assert.deepEqual([cut.status, cut.code], [408, code]);
    clearInterval(drip);
    await until(() => server.files('quarantine').length === 0, 'the name is free again');
  }

  // Who asks and never reads an answer keeps no connection either.
  const deaf = await raw(t, server.port);
  deaf.socket.pause();
  const asking = setInterval(() => deaf.socket.write('GET /page.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000)), 10);
  t.after(() => clearInterval(asking));
  await until(() => deaf.socket.destroyed, 'it is cut off');
  clearInterval(asking);

  // Headers that never end: the connection does.
  const headless = await raw(t, server.port);
  await headless.write('PUT /models/a.gguf HTTP/1.1\r\nHost: x\r\n');
  await until(() => headless.socket.readyState !== 'open');
  assert.deepEqual([server.files('models'), server.files('quarantine')], [[], []]);
});

test('a client that says that it sends no more still gets its answer', async t => {
  const server = await start(t);
  const client = await raw(t, server.port);
  await client.write(client.head('PUT', '/models/a.gguf', { 'Content-Length': model.length }));
  client.socket.end(model.bytes);
  const { status, length } = await client.answer();
  assert.deepEqual([status, length, server.files('models')], [201, model.length, ['a.gguf']]);
});
