// The named cases of tests/corpus: their bytes and the verdicts written by hand.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { project } from './modules.mjs';

const FOLDER = 'target/corpus';

function lines() {
  if (!existsSync(project(`${FOLDER}/cases.json`))) {
    execFileSync('python3', [project('tests/corpus/generate.py'), project(FOLDER)], { stdio: 'pipe' });
  }
  return JSON.parse(readFileSync(project(`${FOLDER}/cases.json`), 'utf8'));
}

/** Every case, with its `bytes`. */
export const cases = () =>
  lines().map(entry => ({ ...entry, bytes: readFileSync(project(`${FOLDER}/${entry.file}`)) }));

/** For each admitted case the report and the values as the oracle reads them, by name. */
export function reports() {
  lines();
  const text = readFileSync(project(`${FOLDER}/reports.jsonl`), 'utf8');
  return new Map(text.trim().split('\n').map(line => JSON.parse(line)).map(entry => [entry.name, entry]));
}
