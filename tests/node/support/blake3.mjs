// What the naive BLAKE3 of tests/corpus says of a file: its digest, and its evidence.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { project } from './modules.mjs';

/** For each file its `blake3` in hex and its `values`, 32 bytes each. Files that share bytes are cheap together. */
export function naive(files) {
  mkdirSync(project('target'), { recursive: true });
  const folder = mkdtempSync(project('target/blake3-'));
  try {
    const paths = files.map((file, index) => {
      const path = join(folder, `${index}`);
      writeFileSync(path, file);
      return path;
    });
    const output = execFileSync('python3', [project('tests/corpus/blake3.py'), ...paths], { encoding: 'utf8' });
    return output.trim().split('\n').map(line => {
      const { blake3, evidence } = JSON.parse(line);
      return { blake3, values: new Uint8Array(Buffer.from(evidence.join(''), 'hex')) };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
