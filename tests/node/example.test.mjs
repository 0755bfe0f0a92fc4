// examples/node as it stands: what it prints of good files and bad ones.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileOf, smallFile } from './support/gguf.mjs';
import { sha256 } from './support/digest.mjs';
import { guestExports, project } from './support/modules.mjs';
import { stampedFile } from './support/stamp.mjs';

const folder = mkdtempSync(join(tmpdir(), 'gguf-example-'));
after(() => rmSync(folder, { recursive: true }));
// The package is found by its name, as where it is installed.
mkdirSync(join(folder, 'node_modules'));
symlinkSync(project('js'), join(folder, 'node_modules/gguf-admission'), 'dir');
cpSync(project('examples/node/admit.mjs'), join(folder, 'admit.mjs'));

/** @returns {Promise<{ code: number, lines: string[] }>} */
const run = (...files) =>
  new Promise(resolve => {
    execFile(process.execPath, ['admit.mjs', ...files], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), lines: (stdout + stderr).trim().split('\n') }));
  });

test('good files are admitted, bad ones refused by code, place and reason, each in a line', async () => {
  const good = smallFile(1);
  const { file: stamped } = stampedFile(guestExports());
  const wrong = fileOf(200_000);
  wrong[0] ^= 1;
  writeFileSync(join(folder, 'good.gguf'), good);
  writeFileSync(join(folder, 'stamped.gguf'), stamped);
  writeFileSync(join(folder, 'wrong.gguf'), wrong);
  writeFileSync(join(folder, 'empty.gguf'), '');
  const { code, lines } = await run('good.gguf', 'stamped.gguf', 'wrong.gguf', 'empty.gguf');
  assert.equal(code, 1);
  assert.equal(lines.length, 4, lines.join('\n'));
  assert.equal(lines[0], `good.gguf: admitted, ${good.length} bytes, 3 tensors, sha256 ${sha256(good)}`);
  assert.equal(lines[1], `stamped.gguf: admitted, ${stamped.length} bytes, 1 tensors, sha256 ${sha256(stamped)}`);
  assert.match(lines[2], /^wrong\.gguf: magic at byte 0: not a GGUF file/);
  assert.match(lines[3], /^empty\.gguf: truncated in magic at byte 0: /);
  assert.equal((await run('good.gguf')).code, 0);
});

test('without a file it says how it is used', async () => {
  assert.deepEqual(await run(), { code: 2, lines: ['usage: node admit.mjs FILE...'] });
});
