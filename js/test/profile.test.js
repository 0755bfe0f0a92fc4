import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { beforeEach, test } from 'node:test';
import { Guest, admit, readHeader } from '../index.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { withGuestWorker } from './support/thread.js';

/** @type {Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

/** @param {Record<string, string | number | string[]>} [more] */
const modelOf = more =>
  gguf({
    metadata: {
      'general.architecture': 'llama', 'llama.block_count': 1, 'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>'], ...more,
    },
  });
const sound = modelOf();
/** Its last token is number 2. */
const broken = modelOf({ 'tokenizer.ggml.padding_token_id': 3 });

test('a profile by its name reports what it finds, and the file is admitted', async () => {
  for (const profile of /** @type {const} */ (['llama', { name: 'llama' }, { name: 'llama', level: 'report' }])) {
    const { report } = await admit(guest, broken, { profile });
    assert.equal(report.findingsCount, 1);
    const [finding] = report.findings ?? [];
    assert.deepEqual({ ...finding, message: '' }, {
      rule: 'L4', level: 'error', path: 'metadata[4].value', offset: finding.offset, message: '',
    });
    assert.equal(new DataView(broken.buffer).getUint32(finding.offset ?? 0, true), 3);
  }
});

test('nothing found is an empty list, and no profile is no list', async () => {
  const { report } = await admit(guest, sound, { profile: { name: 'llama', level: 'refuse' } });
  assert.deepEqual([report.findings, report.findingsCount], [[], 0]);
  const plain = (await admit(guest, broken)).report;
  assert.ok(!('findings' in plain) && !('findingsCount' in plain));
});

test('a profile that refuses rejects at the header: the error begins with the rule', async () => {
  /** @type {import('../index.js').Report[]} */ const asked = [];
  const fault = await faultOf(admit(guest, broken, {
    profile: { name: 'llama', level: 'refuse' },
    onHeader: report => void asked.push(report),
  }));
  assert.deepEqual([fault.code, fault.kind, fault.status], ['profile', 'rejected', -41]);
  assert.equal(fault.path, 'metadata[4].value');
  assert.match(fault.message, /^L4: /);
  assert.deepEqual(asked, [], 'no consent is asked for');
  assertNoSession(guest);
});

test('onHeader and readHeader see what was found before any data', async () => {
  /** @type {number | undefined} */ let found;
  await admit(guest, broken, { profile: 'llama', onHeader: report => void (found = report.findings?.length) });
  assert.equal(found, 1);
  const header = await readHeader(guest, broken, { profile: 'llama' });
  assert.equal(header.report.findings?.[0].rule, 'L4');
});

test('through a worker', () =>
  withGuestWorker(async worker => {
    assert.equal((await worker.admit(broken, { profile: 'llama' })).report.findingsCount, 1);
    assert.equal((await worker.readHeader(broken, { profile: 'llama' })).report.findingsCount, 1);
    const fault = await faultOf(worker.admit(broken, { profile: { name: 'llama', level: 'refuse' } }));
    assert.deepEqual([fault.code, fault.path], ['profile', 'metadata[4].value']);
  }));

test('a guest of an older ABI is good until a profile is asked for', async () => {
  const module = new WebAssembly.Module(readFileSync(new URL('../guest.wasm', import.meta.url)));
  const { profile: _, ...older } = new WebAssembly.Instance(module, {}).exports;
  const old = new Guest(older);
  (await admit(old, broken)).release();
  const fault = await faultOf(admit(old, broken, { profile: 'llama' }));
  assert.deepEqual([fault.code, fault.kind], ['guest', 'misuse']);
  assertNoSession(old);
});
