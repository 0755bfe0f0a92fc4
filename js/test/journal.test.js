// The journal of a stored part, against whatever a disk may hold in its place: bytes that are drawn, cut, flipped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VALUE, VALUES_AT, journalHead, journalOf } from '../store/journal.js';

const ROUNDS = 400;

/** Numbers that are the same in every run. @param {number} seed */
const dice = seed => (/** @type {number} */ below) => (seed = (seed * 48_271) % 2_147_483_647) % below;

/** @param {(below: number) => number} roll */
const begun = roll => ({
  ...(roll(3) && { length: roll(2 ** 31) }),
  ...(roll(3) === 0 && { total: roll(2 ** 31) }),
  ...(roll(2) && { identity: /** @type {any} */ ({ etag: `"${'é'.repeat(roll(3) ? roll(40) : roll(4000))}"` }) }),
  required: roll(2) ? { sha256: 'ab'.repeat(32) } : {},
});

/** @param {Uint8Array[]} parts */
const joined = (...parts) => new Uint8Array(Buffer.concat(parts));

test('a journal is what was begun, with the values of whole groups, however it is cut behind its head', async () => {
  const roll = dice(1);
  for (let round = 0; round < ROUNDS; round++) {
    const known = begun(roll);
    const head = await journalHead(known);
    assert.equal(head.length, VALUES_AT);
    const values = Uint8Array.from({ length: roll(5) * VALUE + roll(VALUE) }, () => roll(256));
    const read = await journalOf(joined(head, values));
    assert.ok(read, 'it was written whole');
    // A name that has no room is left out, and nothing else.
    const { identity, ...others } = known;
    assert.deepEqual({ ...read.begun, identity: undefined }, { ...others, identity: undefined });
    if (read.begun.identity !== undefined) assert.deepEqual(read.begun.identity, identity);
    else assert.ok(identity === undefined || JSON.stringify(known).length > VALUES_AT / 2 - 64);
    assert.equal(read.values.length % VALUE, 0);
    assert.deepEqual(read.values, values.subarray(0, values.length - (values.length % VALUE)));
  }
});

test('a head that is cut or changed anywhere is no journal, and no bytes make it throw', async () => {
  const roll = dice(2);
  for (let round = 0; round < ROUNDS; round++) {
    const whole = joined(await journalHead(begun(roll)), Uint8Array.from({ length: 2 * VALUE }, () => roll(256)));
    const cut = whole.slice(0, roll(VALUES_AT));
    assert.equal(await journalOf(cut), undefined);
    // As a file is that was grown and not written.
    const zeros = new Uint8Array(VALUES_AT);
    zeros.set(cut);
    if (cut.length < VALUES_AT && whole.subarray(cut.length, VALUES_AT).some(byte => byte !== 0))
      assert.equal(await journalOf(zeros), undefined);
    const flipped = whole.slice();
    flipped[roll(VALUES_AT)] ^= 1 << roll(8);
    assert.equal(await journalOf(flipped), undefined);
    const drawn = Uint8Array.from({ length: roll(2) ? roll(200) : VALUES_AT + roll(200) }, () => roll(256));
    assert.equal(await journalOf(drawn), undefined);
  }
});
