// What the table of the demo exits with: 0 for a file that is admitted, 1 for one that is rejected.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { smallFile } from '../node/support/gguf.mjs';
import { project } from '../node/support/modules.mjs';

const folder = mkdtempSync(join(tmpdir(), 'gguf-demo-'));
after(() => rmSync(folder, { recursive: true }));

/** @returns {Promise<{ code: number, text: string }>} */
const demo = contents => {
  const path = join(folder, 'model.gguf');
  writeFileSync(path, contents);
  return new Promise(resolve => {
    execFile(process.execPath, [project('tests/demo/demo.mjs'), path], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), text: stdout + stderr }));
  });
};

test('an admitted file ends with 0', async () => {
  const { code, text } = await demo(smallFile(1));
  assert.match(text, /reports identical: yes/);
  assert.equal(code, 0);
});

test('a rejected file ends with 1, and all ways in say the same', async () => {
  const broken = smallFile(1);
  broken[0] ^= 1;
  const { code, text } = await demo(broken);
  assert.match(text, /rejections identical: yes .*"code":"magic"/);
  assert.equal(code, 1);
});
