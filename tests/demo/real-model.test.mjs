// The real model and the 19 vocabularies through ABI v1, v2 verify and v2 resident. `cargo xtask model` fetches them;
// without them these tests are skipped.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { admit, loadGuest } from '../../js/index.js';
import { KINDS, row } from './row.mjs';

const MIB = 2 ** 20;
const MODEL = fileURLToPath(new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url));
const MODEL_BYTES = 253_113_024;
const MODEL_SHA256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';
const VOCABULARIES = new URL('../../target/models/vocab/', import.meta.url);

const withModel = { skip: existsSync(MODEL) ? false : 'the real model was not fetched' };
const withVocabularies = { skip: existsSync(VOCABULARIES) ? false : 'the vocabularies were not fetched' };

test('v1 refuses the real model at alloc, and no memory grew', withModel, async () => {
  const { verdict, peak } = await row('v1', MODEL);
  assert.equal(verdict, 'refused');
  assert.ok(peak <= 2 * MIB, `${peak} bytes`);
});

test('verify admits the real model in at most 16 MiB', withModel, async () => {
  const { verdict, peak, sections } = await row('verify', MODEL);
  assert.equal(verdict, 'admitted');
  assert.ok(peak <= 16 * MIB, `${peak} bytes`);
  isTheModel(sections);
});

test('resident admits the real model in at most its size and 8 MiB', withModel, async () => {
  const { verdict, peak, sections } = await row('resident', MODEL);
  assert.equal(verdict, 'admitted');
  assert.ok(peak <= MODEL_BYTES + 8 * MIB, `${peak} bytes`);
  isTheModel(sections);
});

test('verify and resident report the real model in the same bytes', withModel, async () => {
  assert.deepEqual((await row('verify', MODEL)).sections, (await row('resident', MODEL)).sections);
});

test("every tensor of the resident model is the file's bytes, aligned as the file says", withModel, async () => {
  const guest = await loadGuest();
  const model = await admit(guest, { path: MODEL }, { sink: 'resident', sha256: MODEL_SHA256 });
  const { gguf, tensors } = model.report;
  const fd = openSync(MODEL, 'r');
  try {
    for (const { name, offset, bytes } of tensors) {
      const expected = Buffer.alloc(bytes);
      assert.equal(readSync(fd, expected, 0, bytes, offset), bytes);
      const tensor = model.tensor(name);
      assert.equal(tensor.byteOffset % gguf.alignment, 0, name);
      assert.ok(expected.equals(tensor), `${name} differs from the file`);
    }
  } finally {
    closeSync(fd);
  }
  model.release();
});

test('the real model with another digest expected of it is rejected', withModel, async () => {
  const guest = await loadGuest();
  const wrong = MODEL_SHA256.replace(/^a/, 'b');
  await assert.rejects(admit(guest, { path: MODEL }, { sink: 'verify', sha256: wrong }), {
    code: 'digest',
    kind: 'rejected',
  });
});

test('all 19 vocabularies are admitted by v1 and v2 with the same report', withVocabularies, async () => {
  const files = readdirSync(VOCABULARIES).filter(name => name.endsWith('.gguf'));
  assert.equal(files.length, 19);
  for (const name of files) {
    const file = fileURLToPath(new URL(name, VOCABULARIES));
    const [v1, ...v2] = await Promise.all(KINDS.map(kind => row(kind, file)));
    assert.equal(v1.verdict, 'admitted', `${name}: ${v1.message}`);
    for (const other of v2) assert.deepEqual(other.sections, v1.sections, `${basename(file)}, ${other.kind}`);
  }
});

/** What is known of the model from the files that describe it. */
function isTheModel({ gguf, metadata, tensors, digests }) {
  const facts = JSON.parse(gguf);
  assert.deepEqual([facts.version, facts.alignment, facts.dataOffset], [3, 32, 6_525_120]);
  assert.equal(facts.dataOffset + facts.dataBytes, MODEL_BYTES);
  const list = JSON.parse(tensors);
  const entries = JSON.parse(metadata);
  assert.deepEqual([entries.length, list.length], [33, 236]);
  assert.equal(entries.filter(entry => entry.type === 'array' && entry.items === 262_144).length, 3);
  assert.equal(list.find(tensor => tensor.name === 'token_embd.weight').bytes, 178_257_920);
  assert.equal(JSON.parse(digests).sha256, MODEL_SHA256);
}
