// NAME.digests and NAME.evidence: what a disk spoils in them never costs the file that they speak of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, findStored } from '../index.js';
import { faultOf, freshGuest, olderGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { assertNothingLeft, bytesOf, directory, file, guest, other, sha256Of } from './support/store.js';
import { observed } from './support/streams.js';

const MIB = 2 ** 20;
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
/** Three groups. */
const model = gguf({ tensors: [{ bytes: 2 * MIB + 333 }] });

/** @param {string} name */
const bytes = name => /** @type {Uint8Array} */ (bytesOf(name));

/** @param {string} name @param {Uint8Array | string} by */
function put(name, by) {
  const entry = directory.files.get(name);
  assert.ok(entry);
  entry.bytes = new Uint8Array(typeof by === 'string' ? new TextEncoder().encode(by) : by);
}

/** @param {Uint8Array<ArrayBuffer>} from @param {import('../index.js').AdmitOptions} [options] */
async function stored(from, options) {
  const source = observed(from);
  const { model, found } = await admitStored(guest, 'm.gguf', source.stream, options);
  const { report } = model;
  const evidence = model.evidence();
  model.release();
  return { report, found, evidence, given: source.given };
}

test('whatever byte of a record is flipped: the file is judged anew and found, its record is new', async () => {
  const first = await stored(file);
  const record = bytes('m.gguf.digests').slice();
  const text = new TextDecoder().decode(record).trimEnd();
  assert.ok(text.length > 250 && record.length === 1024);
  for (let at = 0; at < record.length; at += at < text.length ? 1 : 299) {
    const spoilt = record.slice();
    spoilt[at] ^= 1 << at % 8;
    put('m.gguf.digests', spoilt);
    assert.equal(await findStored('m.gguf'), undefined, `byte ${at}`);
    const { found, given, report } = await stored(other);
    assert.deepEqual([found, given, report.digests], [true, 0, first.report.digests], `byte ${at}`);
    assert.deepEqual(bytes('m.gguf'), file);
    assert.deepEqual((await findStored('m.gguf'))?.digests, first.report.digests);
  }
  assertNothingLeft(STORED);
});

test('a record that was cut short, or that is none any more, is written anew by the evidence', async () => {
  for (const [of, by] of [['"blake3":"', '"blake3":"x'], ['"length":', '"length":"'], ['{', ''], [/^[^]*$/, 'x']]) {
    await stored(file);
    put('m.gguf.digests', new TextDecoder().decode(bytes('m.gguf.digests')).replace(of, /** @type {string} */ (by)));
    assert.equal((await stored(other)).found, true, String(by));
    assert.equal((await findStored('m.gguf'))?.length, file.length);
  }
});

test('a file that is spoilt with its record gives way to the source, and stays until that is admitted', async () => {
  await stored(file);
  put('m.gguf.digests', 'x');
  bytes('m.gguf')[file.length - 1] ^= 1;
  const broken = observed(other, { at: offset => { if (offset > 200_000) throw new Error('no more'); } });
  await faultOf(admitStored(guest, 'm.gguf', broken.stream));
  assert.ok(bytes('m.gguf'));
  assert.equal((await stored(other)).found, false);
  assert.deepEqual(bytes('m.gguf'), other);
});

test('whatever byte of the evidence is flipped: it is used for nothing, and written anew', async () => {
  const { evidence, report } = await stored(model);
  assert.equal(evidence.length, 96);
  assert.equal(report.evidence?.groups, 3);
  for (let at = 0; at < evidence.length; at++) {
    const spoilt = evidence.slice();
    spoilt[at] ^= 1 << at % 8;
    put('m.gguf.evidence', spoilt);
    const again = await stored(model);
    assert.deepEqual([again.found, again.evidence, again.report.evidence], [true, evidence, report.evidence]);
    assert.deepEqual(bytes('m.gguf.evidence'), evidence, `byte ${at}`);
  }
  for (const cut of [evidence.subarray(0, 32), evidence.subarray(0, 95), new Uint8Array(0)]) {
    put('m.gguf.evidence', cut);
    assert.equal((await stored(model)).found, true);
    assert.deepEqual(bytes('m.gguf.evidence'), evidence);
  }
});

test('evidence that a disk made longer is written anew, and is as long as it has to be', async () => {
  (await admitStored(guest, 'm.gguf', model)).model.release();
  const values = /** @type {Uint8Array} */ (bytesOf('m.gguf.evidence'));
  const kept = /** @type {{ bytes: Uint8Array }} */ (directory.files.get('m.gguf.evidence'));
  kept.bytes = new Uint8Array([...values, ...values]);
  (await admitStored(guest, 'm.gguf', model)).model.release();
  assert.deepEqual(bytesOf('m.gguf.evidence'), values);
});

test('evidence is required of a stored file: what differs is known at its first wrong MiB', async () => {
  await stored(model);
  bytes('m.gguf')[100] ^= 1;
  let pushed = 0;
  const { pushChunk } = guest;
  guest.pushChunk = (handle, offset, len) => (pushed ||= -1, pushChunk.call(guest, handle, (pushed = offset), len));
  assert.equal((await faultOf(stored(model, { digests: ['blake3'] }))).code, 'damaged');
  assert.ok(pushed >= 0);
});

test('what version 0.2.0 stored stays good, and gets evidence and a check at the next admission', async () => {
  for (const digests of [['sha256', 'blake3'], ['sha256'], ['blake3'], []]) {
    const { report } = await stored(model);
    const evidence = bytes('m.gguf.evidence').slice();
    const known = Object.entries(report.digests).filter(([name]) => digests.includes(name));
    directory.files.delete('m.gguf.evidence');
    put('m.gguf.digests', JSON.stringify({ length: model.length, digests: Object.fromEntries(known), id: 'x' }));
    const again = await stored(model);
    assert.deepEqual([again.found, again.given], [true, 0], String(digests));
    assert.deepEqual(bytes('m.gguf.evidence'), evidence);
    assert.match(new TextDecoder().decode(bytes('m.gguf.digests')), /"check":"[0-9a-f]{64}"\} *$/);
    assert.equal((await findStored('m.gguf'))?.digests.blake3, report.digests.blake3);
  }
});

test('a record of version 0.2.0, without a check, that contradicts itself is written anew', async () => {
  const { report: { digests } } = await stored(file);
  put('m.gguf.digests', JSON.stringify({ length: file.length, digests: { ...digests, blake3: 'ab'.repeat(32) } }));
  const fault = await faultOf(stored(file));
  assert.deepEqual([fault.code, fault.kind], ['changed', 'retry']);
  assert.deepEqual(bytes('m.gguf'), file);
  const again = await stored(other);
  assert.deepEqual([again.found, again.report.digests], [true, digests]);
});

test('a guest of ABI 2.0 stores without evidence, and admits again; a newer one adds it', async () => {
  const older = olderGuest();
  for (const found of [false, true]) {
    const result = await admitStored(older, 'm.gguf', model);
    assert.deepEqual([result.found, result.model.report.digests.sha256], [found, sha256Of(model)]);
    result.model.release();
  }
  assertNothingLeft(STORED.filter(name => !name.endsWith('.evidence')));
  assert.equal((await stored(model)).found, true);
  assertNothingLeft(STORED);
  const again = await admitStored(older, 'm.gguf', model);
  assert.deepEqual([again.found, again.model.report.recorded], [true, ['sha256']]);
  again.model.release();
});

test('a guest of ABI 2.0 does not go on with what is kept: it begins anew', async () => {
  const broken = () => observed(model, { at: offset => { if (offset > 1.5 * MIB) throw new Error(); } }).stream;
  await faultOf(admitStored(guest, 'm.gguf', broken()));
  assertNothingLeft(['m.gguf.journal', 'm.gguf.part']);
  await faultOf(admitStored(olderGuest(), 'm.gguf', broken()));
  assertNothingLeft();
  const { model: { report }, found } = await admitStored(olderGuest(), 'm.gguf', model);
  assert.deepEqual([found, report.digests.sha256], [false, sha256Of(model)]);
  assertNothingLeft(['m.gguf', 'm.gguf.digests']);
});

test('what cannot be written beside a good file is no error', async () => {
  await stored(file);
  directory.files.delete('m.gguf.evidence');
  directory.onCall = call => { if (call === 'write') throw new DOMException('no capacity', 'QuotaExceededError'); };
  const { found } = await stored(file);
  directory.onCall = undefined;
  assert.equal(found, true);
  const guests = [guest, await freshGuest()];
  for (const each of guests) (await admitStored(each, 'm.gguf', file)).model.release();
  assertNothingLeft(STORED);
});
