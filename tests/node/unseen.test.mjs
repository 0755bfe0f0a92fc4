// Text of a file that nothing is shown for, or that turns what stands around it: in no text of ABI v2 as it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gguf } from './support/gguf.mjs';
import { Host } from './support/host.mjs';
import { v1OnlyExports } from './support/modules.mjs';
import { V1Host } from './support/v1.mjs';

/** By the tables of this engine, which may be of an older Unicode than the guest's. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const ASSIGNED = /\P{Cn}/u;

const codes = Array.from({ length: 0x11_0000 }, (_, code) => code).filter(code => code < 0xd800 || code > 0xdfff);
const all = codes.map(code => String.fromCodePoint(code));
const unseen = all.filter(letter => /[\p{Cf}\p{Zl}\p{Zp}]/u.test(letter));
const others = all.filter(letter => !UNSEEN.test(letter) && ASSIGNED.test(letter));

/** Most characters of a string that a report shows in full. */
const SHOWN = 1000;

/** The file with these characters, each between two letters, in a key, in values, and (some) in a tensor's name. */
function fileWith(letters) {
  const entries = [];
  for (let from = 0; from < letters.length; from += SHOWN) {
    entries.push([`value.${from}`, 'string', letters.slice(from, from + SHOWN).join('')]);
  }
  const some = `a${letters[0]}b${letters.at(-1)}c`;
  entries.push([`key ${letters.slice(0, SHOWN).join('-')}`, 'array', ['string', [some, some]]]);
  return { entries, name: some, file: gguf({ entries, tensors: [{ name: some, type: 'F32', dims: [1] }] }) };
}

/** The texts of a file that was admitted: its report, and each value. */
function textsOf(host, file) {
  const { handle } = host.admit(file, {});
  const { metadata } = host.report(handle);
  const values = metadata.map((_, index) => host.text(host.exports.metadata(handle, index)));
  return { report: host.reportText(handle), values };
}

test('every character of the categories Cf, Zl and Zp is escaped, and the values are the same', () => {
  assert.ok(unseen.length > 150);
  const { entries, name, file } = fileWith(unseen);
  const { report, values } = textsOf(new Host(), file);
  for (const text of [report, ...values]) assert.doesNotMatch(text, UNSEEN);
  const { metadata, tensors } = JSON.parse(report);
  assert.deepEqual(metadata.map(({ key }) => key), entries.map(([key]) => key));
  assert.equal(tensors[0].name, name);
  entries.forEach(([, type, value], index) => {
    assert.deepEqual(JSON.parse(values[index]), type === 'array' ? value[1] : value);
    if (type === 'string') assert.equal(metadata[index].value, value);
  });
});

test('no other character is escaped but those that JSON has to', () => {
  const plain = others.filter(letter => !'"\\'.includes(letter));
  for (let from = 0; from < plain.length; from += 40 * SHOWN) {
    const letters = plain.slice(from, from + 40 * SHOWN);
    const { report, values } = textsOf(new Host(), fileWith(letters).file);
    for (const text of [report, ...values]) assert.ok(!text.includes('\\'), `from ${from}`);
    assert.ok(values.join('').includes(letters.at(-1)));
  }
});

test('the texts of ABI v1 have them as they are', () => {
  const { entries, file } = fileWith(unseen);
  const v1 = new V1Host(v1OnlyExports());
  assert.equal(v1.load(file), 0);
  const text = v1.diagnosticsText();
  for (const [key, type, value] of entries) assert.ok(text.includes(type === 'array' ? key : value));
});

test('two keys that look alike are two keys, and the report shows that they are', () => {
  const entries = [['general.name', 'string', 'a'], ['general.\u200bname', 'string', 'b']];
  const { report } = textsOf(new Host(), gguf({ entries, tensors: [] }));
  assert.ok(report.includes('"general.name"') && report.includes('"general.\\u200bname"'));
});
