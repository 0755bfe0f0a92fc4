// A file that an editor or a script read as UTF-8 text and wrote back: every byte that was no text became EF BF BD.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { gguf, header } from './support/gguf.mjs';
import { Host, STATE } from './support/host.mjs';
import { project } from './support/modules.mjs';

const NAMED = /^no length: the file looks as if it was read as UTF-8 text and written back$/;
const FOLDER = project('target/models/vocab');
const skip = existsSync(FOLDER) ? false : 'no vocabularies: run `cargo xtask model`';

const rewritten = bytes => new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));

/** Admitted as it was; of what became of it the error, whether its length is declared or not. */
function assertNamed(name, bytes) {
  const text = rewritten(bytes);
  for (const length of [text.length, -1]) {
    const host = new Host();
    assert.equal(host.admit(bytes, { length: length < 0 ? -1 : bytes.length }).result, STATE.admitted, name);
    const { handle, result } = host.admit(text, { length });
    assert.ok(result < 0, name);
    const { message, path } = host.report(handle).error;
    // Without a length a name may be waited for until the file ends.
    if (length >= 0) assert.match(message, NAMED, `${name}: ${path}`);
    else assert.match(message, /^no length: |^the file ends at byte /, `${name}: ${path}`);
  }
}

test('nineteen real vocabularies are named for what they look like', { skip }, () => {
  const files = readdirSync(FOLDER).filter(name => name.endsWith('.gguf'));
  assert.equal(files.length, 19);
  for (const name of files) assertNamed(name, readFileSync(`${FOLDER}/${name}`));
});

test('so are small files, by a value in front of a key and by one in front of a name', () => {
  const entries = [['general.architecture', 'string', 'llama'], ['llama.context_length', 'u32', 131072 + 128]];
  const tensors = [{ name: 'w', type: 'F32', dims: [8] }];
  assertNamed('a key', gguf({ entries: [...entries, ['llama.x', 'u32', 1]], tensors }));
  assertNamed('a name', gguf({ entries, tensors }));
});

test('a name that is only too long is told with its limit', () => {
  const { bytes } = header({ tensors: [{ name: 'x'.repeat(64), type: 'F32', dims: [8] }] });
  const host = new Host();
  const { handle } = host.admit(bytes, { length: -1 });
  assert.equal(host.report(handle).error.message, 'a name of 64 bytes, above limit NAME_BYTES');
});
