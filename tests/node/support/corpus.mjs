// The named cases of tests/corpus: their bytes and the verdicts written by hand.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { project } from './modules.mjs';

const FOLDER = 'target/corpus';

function lines(name = 'cases.json') {
  if (!existsSync(project(`${FOLDER}/${name}`))) {
    execFileSync('python3', [project('tests/corpus/generate.py'), project(FOLDER)], { stdio: 'pipe' });
  }
  return JSON.parse(readFileSync(project(`${FOLDER}/${name}`), 'utf8'));
}

const bytesOf = file => readFileSync(project(`${FOLDER}/${file}`));

/** Every case, with its `bytes`. */
export const cases = () =>
  lines().map(entry => ({ ...entry, bytes: bytesOf(entry.file) }));

/** For each admitted case the report and the values as the oracle reads them, by name. */
export function reports() {
  lines();
  const text = readFileSync(project(`${FOLDER}/reports.jsonl`), 'utf8');
  return new Map(text.trim().split('\n').map(line => JSON.parse(line)).map(entry => [entry.name, entry]));
}

/** Every case of a profile, with its `bytes` and what is to be found. */
export const profiles = () => lines('profiles.json').map(entry => ({ ...entry, bytes: bytesOf(entry.file) }));

/** Every set, with the bytes of its `shards`. */
export const sets = () => lines('sets.json').map(entry => ({ ...entry, shards: entry.files.map(bytesOf) }));
