// The codes of errors: the type, the tables of the docs and what the code throws are one list.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOf } from '../core/errors.js';
import { scriptsOf, textOf } from './support/repository.js';

/** @param {string} text  @param {RegExp} pattern */
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, ...found]) => found);
/** @param {Iterable<string>} names */
const sorted = names => [...new Set(names)].sort();

/** @param {string} type */
const union = type => {
  const [text = ''] = new RegExp(`@typedef \\{'[^}]*\\} ${type}\\b`).exec(textOf('js/core/errors.js')) ?? [];
  return all(text, /'([a-z]+)'/g).map(([code]) => code);
};
const table = textOf('docs/errors.md');
/** Code and kinds of each row. */
const rows = all(table, /^\| `([a-z]+)` \| ([a-z]+(?:, [a-z]+)*) \|/gm);
const [ofGuest, ofPackage] = [union('GuestCode'), union('PackageCode')];
const sources = scriptsOf('js').filter(file => !/^js\/(test|demo|command|core\/errors)/.test(file));

test('the table of docs/errors.md names every code of the type, and no other', () => {
  assert.ok(ofGuest.length > 15 && ofPackage.length > 10);
  assert.deepEqual(rows.map(([code]) => code).sort(), [...ofGuest, ...ofPackage].sort());
  for (const [code, kinds] of rows) {
    for (const kind of kinds.split(', ')) assert.match(kind, /^(misuse|retry|rejected|source|dead)$/, code);
  }
});

test('the guest\'s codes are those of docs/abi-v2.md, each with the kind of its number', () => {
  const statuses = all(textOf('docs/abi-v2.md'), /^\| (-\d+) \| `([a-z]+)` \|/gm);
  assert.deepEqual(sorted(statuses.map(([, code]) => code)), sorted(ofGuest));
  for (const [status, code] of statuses) {
    assert.equal(rows.find(([name]) => name === code)?.[1], kindOf(Number(status)), code);
  }
});

test('every code that the package throws is in the type, and every code of the package is thrown', () => {
  const pattern = /\b(?:code: |code = |retry\()'([a-z]+)'/g;
  const thrown = sources.flatMap(file => all(textOf(file), pattern).map(([code]) => code));
  assert.deepEqual(sorted(thrown).filter(code => ![...ofGuest, ...ofPackage].includes(code)), []);
  // One is the default of its helper.
  assert.deepEqual(ofPackage.filter(code => !thrown.includes(code)), ['source']);
});
