// Facts that the package tells, and another place too: held to the module and to the docs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADER_READ } from '../admit/deliver.js';
import { V1_EXPORTS, V2_EXPORTS } from '../guest/exports.js';
import { Guest } from '../guest/guest.js';
import { ALGORITHMS, LIMIT_IDS, SINKS } from '../guest/settings.js';
import { TRANSFER_CEILING } from '../v1.js';
import { freshGuest, v1Exports } from './support/guest.js';
import { textOf } from './support/repository.js';

test('the first read is what the guest lends first', async () => {
  const guest = await freshGuest();
  const handle = guest.begin(undefined, 'verify');
  assert.equal(guest.window(handle).length, HEADER_READ);
  guest.release(handle);
});

test('the ceiling of ABI v1 is the one of its docs and of its module', () => {
  assert.match(textOf('docs/abi-v1.md'), new RegExp(TRANSFER_CEILING.toLocaleString('en-US')));
  const guest = new Guest(v1Exports());
  assert.equal(guest.alloc(TRANSFER_CEILING + 1), 0);
  const most = guest.alloc(TRANSFER_CEILING);
  assert.notEqual(most, 0);
  guest.dealloc(most, TRANSFER_CEILING);
});

test('the exports that are asked for are exported, by the golden lists', () => {
  for (const [file, names] of /** @type {const} */ ([['v1', V1_EXPORTS], ['combined', V2_EXPORTS]])) {
    const golden = textOf(`tests/golden/exports-${file}.txt`);
    for (const name of names) assert.match(golden, new RegExp(`\\b${name}\\b`), `${file}: ${name}`);
  }
});

test('the version of the ABI that is known is the module\'s', async () => {
  const guest = await freshGuest();
  assert.equal(guest.abi, guest.abiVersion() >>> 16);
  assert.equal(guest.abi, 2);
});

test('the numbers of limits are those of docs/abi-v2.md, and of the guest', async () => {
  const docs = textOf('docs/abi-v2.md');
  const guest = await freshGuest();
  const handle = guest.begin(undefined, 'verify');
  for (const [name, id] of Object.entries(LIMIT_IDS)) {
    const inCapitals = name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase();
    assert.match(docs, new RegExp(`\\| ${id} \\| ${inCapitals} \\|`), name);
    assert.ok(guest.limit(handle, id) >= 0);
  }
  assert.throws(() => guest.limit(handle, Object.keys(LIMIT_IDS).length + 1), { code: 'argument' });
  guest.release(handle);
});

test('the numbers of digests and of sinks are those of the guest', async () => {
  const guest = await freshGuest();
  for (const [name, sink] of Object.entries(SINKS)) {
    const handle = guest.begin(undefined, /** @type {any} */ (name));
    assert.equal(guest.report(handle).sink, name, String(sink));
    guest.release(handle);
  }
  const handle = guest.begin(undefined, 'verify');
  for (const mask of Object.values(ALGORITHMS)) assert.equal(guest.digests(handle, mask), 1);
  guest.release(handle);
});
