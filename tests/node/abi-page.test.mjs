// The loop of docs/abi-v2.md, as it stands there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileOf } from './support/gguf.mjs';
import { STATE } from './support/host.mjs';
import { guestExports } from './support/modules.mjs';
import { stampedFile } from './support/stamp.mjs';

const page = readFileSync(new URL('../../docs/abi-v2.md', import.meta.url), 'utf8');
const [, loop] = /^```js\n(const handle = .*?)^```/ms.exec(page);
const [, reads] = /reads a slice: `(slice => .*?)`/s.exec(page);
/** @type {(guest: WebAssembly.Exports, file: Uint8Array) => number} */
const run = new Function('guest', 'file', `const text = ${reads};\n${loop}\nreturn handle;`);

test('the loop of the page admits a file', () => {
  const guest = guestExports();
  const file = fileOf(3_000_000);
  const handle = run(guest, file);
  assert.equal(guest.position(handle), BigInt(file.length));
  assert.equal(guest.activate(handle), STATE.admitted);
});

test('the loop of the page admits a file whose data are equal to the stamp', () => {
  const guest = guestExports();
  const { file, at } = stampedFile(guestExports());
  const handle = run(guest, file);
  assert.equal(guest.activate(handle), STATE.admitted);
  // Without the loop's comparison it is refused, so the file is what it should be.
  const careless = loop.replace(/^ {2}if \(len >= 16.*\n/m, '');
  assert.notEqual(careless, loop);
  const hasty = new Function('guest', 'file', `const text = ${reads};\n${careless}`);
  assert.throws(() => hasty(guestExports(), file), error => {
    const { code, offset } = JSON.parse(error.message);
    assert.deepEqual([code, offset], ['unwritten', at]);
    return true;
  });
});

test('the loop of the page throws what last_error says', () => {
  const file = fileOf(3_000_000);
  file[0] ^= 1;
  assert.throws(() => run(guestExports(), file), ({ message }) => JSON.parse(message).code === 'magic');
});
