import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shardsOf } from '../index.js';
import { faultOf } from './support/guest.js';

test('one name gives all names of its set, in order, whichever it is', () => {
  const all = ['m-00001-of-00003.gguf', 'm-00002-of-00003.gguf', 'm-00003-of-00003.gguf'];
  for (const name of all) assert.deepEqual(shardsOf(name), all);
  assert.equal(shardsOf('a/b-00017-of-00120.gguf')[119], 'a/b-00120-of-00120.gguf');
  // A server may tell them apart.
  assert.deepEqual(shardsOf('M-00002-OF-00002.GGUF'), ['M-00001-OF-00002.GGUF', 'M-00002-OF-00002.GGUF']);
});

test('of an address only the file changes: not the host, the folder or what stands behind', () => {
  const place = 'https://h.example/a-00002-of-00002.gguf/';
  for (const from of [`${place}m-00002-of-00002.gguf?sig=x-00002-of-00002.gguf`, `${place}m-00001-of-00002.gguf#f`]) {
    const rest = from.slice(from.indexOf('.gguf', place.length));
    const all = [`${place}m-00001-of-00002${rest}`, `${place}m-00002-of-00002${rest}`];
    assert.deepEqual(shardsOf(from), all);
    assert.deepEqual(shardsOf(new URL(from)), all);
  }
});

test('any other name is one file', () => {
  for (const name of ['m.gguf', 'm-1-of-3.gguf', 'm-00001-of-00003.bin', '', 'm.gguf?x-00001-of-00003.gguf']) {
    assert.deepEqual(shardsOf(name), [name]);
  }
});

test('a number that its set does not have is misuse, and so is what is no name', async () => {
  for (const name of ['m-00000-of-00003.gguf', 'm-00004-of-00003.gguf', 'm-00000-of-00000.gguf', null, 5, {}]) {
    const fault = await faultOf(() => shardsOf(/** @type {any} */ (name)));
    assert.deepEqual([fault.code, fault.kind], ['argument', 'misuse'], String(name));
  }
});
