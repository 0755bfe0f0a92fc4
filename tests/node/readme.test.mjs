// The README's JavaScript example, as it stands.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { smallFile } from './support/gguf.mjs';

const root = new URL('../../', import.meta.url);

test('the JavaScript example of the README runs', () => {
  const [, example] = /^```js\n(.*?)^```/ms.exec(readFileSync(new URL('README.md', root), 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'gguf-readme-'));
  try {
    const [script, model] = [join(folder, 'example.mjs'), join(folder, 'model.gguf')];
    writeFileSync(script, example.replace("'gguf-admission'", JSON.stringify(new URL('js/index.js', root).href)));
    writeFileSync(model, smallFile(1));
    const printed = execFileSync(process.execPath, [script, model], { encoding: 'utf8' });
    assert.match(printed, /[0-9a-f]{64}/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
