// A name in the store is one file, and no file but its own: whatever an engine or a disk makes of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, admitStored, findStored, opfsTee, removeStored } from '../index.js';
import { faultOf } from './support/guest.js';
import { assertNothingLeft, file, guest } from './support/store.js';

const REFUSED = [
  '', '.', '..', 'a/b', 'a\\b', '/', 5, null, undefined, {}, ['x'],
  // An engine cuts or replaces these.
  'a\0', 'a\0x', '\0', 'x.part\0', 'a\nb', 'a\rb', 'a\tb', 'a\u007f', 'a\u0085b', 'z\ud800', 'z\udc00', '\ud83dx',
  // The store's own ends, in whatever case, and with what a disk drops.
  'm.part', 'm.digests', 'm.PART', 'm.Digests', 'm.part.', 'm.part ', 'm.digests . .', 'm.p\uff41rt', 'm.part\u200b',
  'm.journal', 'm.evidence', 'm.used', 'm.pin', '.part',
  // Too long for a companion beside it.
  'x'.repeat(241), 'ä'.repeat(121), '\u{1f600}'.repeat(61),
];

test('a name that is none, or that may be another\'s, is misuse in every call, and nothing is touched', async () => {
  for (const name of /** @type {any[]} */ (REFUSED)) {
    const why = JSON.stringify(name);
    for (const call of [
      () => admitStored(guest, name, file), () => findStored(name), () => removeStored(name),
      () => admit(guest, file, { tee: opfsTee(name) }),
    ]) {
      const fault = await faultOf(call);
      assert.deepEqual([fault.code, fault.kind, fault.path], ['argument', 'misuse', 'name'], `${why}: ${call}`);
      assert.ok(!/[\p{Cc}\p{Cs}]/u.test(fault.message), why);
    }
  }
  assertNothingLeft();
});

test('any other name is a file', async () => {
  const names = [
    'm.gguf',
    'x'.repeat(240),
    'ä'.repeat(120),
    '\u{1f600}'.repeat(60),
    'with blanks',
    'a:b',
    '%2e%2e',
    '~',
    'part',
    'm.parts',
    'm.part.gguf',
    'digests',
    'é',
    'e\u0301',
    '\u202ex',
  ];
  for (const name of names) {
    (await admitStored(guest, name, file)).model.release();
    assert.equal((await findStored(name))?.length, file.length, name);
    const { model, found } = await admitStored(guest, name, file);
    assert.ok(found, name);
    model.release();
    await removeStored(name);
  }
  assertNothingLeft();
});
