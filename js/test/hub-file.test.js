// Files of a model hub: what it says of them, where the token goes, and how a download goes on behind signed addresses.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { admit, admitStored, findStored, hubFile, readHeader, shardsOf } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { openHub } from './support/hub.js';
import { shards } from './support/shards.js';
import { assertNothingLeft, guest, sha256Of } from './support/store.js';

const MIB = 2 ** 20;
const model = gguf({ tensors: [{ bytes: 3 * MIB }, { bytes: MIB + 4 * 77_777 }] });
const another = model.slice();
another[4 * MIB + 5] ^= 1;
const REQUIRED = { length: model.length, sha256: sha256Of(model) };
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const TOKEN = 'hf_secretOfThisTest';
const options = { retries: 0, retryDelay: 1 };

/** @type {Awaited<ReturnType<typeof openHub>>[]} */ const hubs = [];
afterEach(async () => void (await Promise.all(hubs.splice(0).map(hub => hub.close()))));

/** @param {Partial<import('./support/hub.js').HubSpec>} [spec] */
async function hubOf(spec) {
  const hub = await openHub({ file: model, ...spec });
  hubs.push(hub);
  return hub;
}

/**
 * @param {import('./support/hub.js').Hub} hub
 * @param {import('../index.js').HubOptions} [more]
 */
const fileOf = (hub, more, repository = hub.repository) =>
  hubFile(repository, hub.path, { endpoint: hub.endpoint, ...more });

test('the length and the SHA-256 are those of the pointer, the address is that of the commit', async () => {
  const hub = await hubOf();
  const { source, required, commit } = await fileOf(hub);
  assert.deepEqual([required, commit, source.cache], [REQUIRED, hub.commit, 'no-store']);
  assert.equal(source.url, `${hub.endpoint}/owner/model/resolve/${hub.commit}/quants/m%20%23q4.gguf`);
  const seen = await admit(guest, source, required);
  assert.equal(seen.report.digests.sha256, REQUIRED.sha256);
  seen.release();
  const sent = hub.requests.map(({ host, sent }) => `${host} ${sent}`);
  assert.deepEqual(sent, ['hub 0', 'hub 0', `content ${model.length}`]);
});

test('what moves to another commit meanwhile is still the file that was asked for', async () => {
  const hub = await hubOf();
  const { source, required } = await fileOf(hub);
  hub.push(another);
  (await admit(guest, source, required)).release();
  assert.equal((await fileOf(hub)).required.sha256, sha256Of(another));
});

test('a repository that was renamed is found, by redirects without a host', async () => {
  const hub = await hubOf();
  const { source, required } = await fileOf(hub, {}, hub.former);
  assert.deepEqual(required, REQUIRED);
  (await admit(guest, source, required)).release();
});

test('a file that lies in git itself has no SHA-256 to require', async () => {
  const hub = await hubOf({ isSmall: true });
  const { source, required, commit } = await fileOf(hub);
  assert.deepEqual([required, commit], [{}, hub.commit]);
  (await admit(guest, source, required)).release();
});

test('the token goes to the hub, and to nobody else, also where a download goes on', async () => {
  const hub = await hubOf({ token: TOKEN, breaks: [2 * MIB] });
  const { source, required } = await fileOf(hub, { token: TOKEN });
  (await admit(guest, source, { ...required, retryDelay: 1 })).release();
  const seen = hub.requests.map(({ host, authorization }) => `${host} ${authorization}`);
  const [asked, sent] = [`hub Bearer ${TOKEN}`, 'content undefined'];
  assert.deepEqual(seen, [asked, asked, sent, asked, sent]);
});

test('an engine that would send the token on to another host gets none', async () => {
  const hub = await hubOf();
  for (const [version, isSafe] of /** @type {const} */ ([[108, false], [118, false], [119, true], [156, true]])) {
    const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0`;
    Object.assign(globalThis.navigator, { userAgent });
    const before = hub.requests.length;
    const { code, path } = await fileOf(hub, { token: TOKEN }).catch(error => error);
    assert.deepEqual([code, path], isSafe ? [undefined, undefined] : ['unsupported', 'token'], `${version}`);
    assert.equal(hub.requests.length, before + (isSafe ? 1 : 0));
    assert.deepEqual((await fileOf(hub)).required, REQUIRED, 'without a token');
  }
});

test('what the hub refuses is told in its words, without the token', async () => {
  const hub = await hubOf({ token: TOKEN });
  for (const token of [undefined, 'hf_wrong']) {
    const fault = await faultOf(fileOf(hub, { token }));
    assert.deepEqual([fault.code, fault.kind, fault.status], ['http', 'source', 401]);
    assert.match(fault.message, /: Access to model owner\/model is restricted\.$/);
    assert.doesNotMatch(fault.message, /hf_/);
  }
  const fault = await faultOf(fileOf(hub, { token: TOKEN, revision: 'refs/pr/1' }));
  assert.deepEqual([fault.status, /Entry not found/.test(fault.message)], [404, true]);
  assert.match(hub.requests.at(-1)?.path ?? '', /\/raw\/refs%2Fpr%2F1\//);
});

test('a download that a call left goes on in the next, behind a new signed address', async () => {
  const hub = await hubOf({ breaks: [2.5 * MIB] });
  const { source, required } = await fileOf(hub);
  await faultOf(admitStored(guest, 'm.gguf', source, { ...required, ...options }));
  hub.expire();
  hub.etag = '"another name for the same bytes"';
  const again = await fileOf(hub);
  const { model: stored } = await admitStored(guest, 'm.gguf', again.source, { ...again.required, ...options });
  stored.release();
  assertNothingLeft(STORED);
  const content = hub.requests.filter(({ host }) => host === 'content');
  assert.match(content[1].range ?? '', /^bytes=(2097152|1048576)-$/);
  assert.ok(content[1].sent <= model.length - MIB);
  // The same Request once more: nothing is fetched, the digest is known.
  const before = hub.requests.length;
  const found = await admitStored(guest, 'm.gguf', source, required);
  found.model.release();
  assert.deepEqual([found.found, hub.requests.length], [true, before]);
});

test('a stored file that the hub has replaced gives way to the new one', async () => {
  const hub = await hubOf();
  for (const file of [model, another]) {
    if (file === another) hub.push(another);
    const { source, required } = await fileOf(hub);
    const { model: stored, found } = await admitStored(guest, 'm.gguf', source, required);
    stored.release();
    assert.deepEqual([found, (await findStored('m.gguf'))?.digests.sha256], [false, sha256Of(file)]);
  }
});

test('a split model: each file with what is required of it', async () => {
  const [first, second] = shards(2);
  const names = shardsOf('m-00001-of-00002.gguf');
  const hub = await hubOf({ others: { [names[0]]: first, [names[1]]: second } });
  const { endpoint, repository } = hub;
  const files = await Promise.all(names.map(name => hubFile(repository, name, { endpoint })));
  const set = await admit(guest, files.map(({ source }) => source), { shards: files.map(({ required }) => required) });
  assert.deepEqual(set.report.shards.map(({ digests }) => digests.sha256), [sha256Of(first), sha256Of(second)]);
  set.release();
  const swapped = files.map(({ required: { sha256 } }) => ({ sha256 })).reverse();
  const fault = await faultOf(admit(guest, files.map(({ source }) => source), { shards: swapped }));
  assert.equal(fault.code, 'digest');
});

test('the header alone is read, too', async () => {
  const hub = await hubOf();
  const { source, required: { length } } = await fileOf(hub);
  const header = await readHeader(guest, source, { length });
  assert.equal(header.report.tensors.length, 2);
  header.release();
});

test('an abort ends the question; arguments that cannot be are told, and a secret among them is not', async () => {
  const hub = await hubOf();
  const reason = new Error('not now');
  const signal = AbortSignal.abort(reason);
  await assert.rejects(fileOf(hub, { signal }), reason);
  const wrong = [
    [() => hubFile('', 'm.gguf'), 'repository'], [() => hubFile('a/b/c', 'm.gguf'), 'repository'],
    [() => hubFile('../b', 'm.gguf'), 'repository'], [() => hubFile('a/b', ''), 'path'],
    [() => hubFile('a/b', '../../m.gguf'), 'path'], [() => hubFile('a/b', '/m.gguf'), 'path'],
    [() => fileOf(hub, { revision: '' }), 'revision'], [() => fileOf(hub, { revision: '..' }), 'revision'],
     [() => fileOf(hub, { token: 'hf_ secret' }), 'token'],
    [() => fileOf(hub, { endpoint: 'hub' }), 'endpoint'],
    [() => fileOf(hub, { endpoint: 'https://me:hf_secret@hub.test' }), 'endpoint'],
    [() => fileOf(hub, /** @type {any} */ ({ revison: 'x' })), 'option'],
  ];
  for (const [act, path] of /** @type {[() => Promise<unknown>, string][]} */ (wrong)) {
    const fault = await faultOf(act);
    assert.deepEqual([fault.code, fault.kind, fault.path], ['argument', 'misuse', path]);
    assert.doesNotMatch(fault.message, /secret/);
  }
  assert.equal(hub.requests.length, 0);
});
