// The settings on docs/upload-server.md are those of the program.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { program, root } from './server.mjs';

const UNITS = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** As the program says it: `64 GiB` is `68719476736`. */
function plain(told) {
  const [, number, unit = ''] = /^([\d,]+)(?: (KiB|MiB|GiB))?$/.exec(told) ?? [];
  return number === undefined ? told.replaceAll('`', '') : String(Number(number.replaceAll(',', '')) * UNITS[unit]);
}

test('each default on the page is that of the program, and none is left out', () => {
  const help = execFileSync(program, ['--help'], { encoding: 'utf8', env: {} });
  const options = help.split(/^ +(?:-\w, )?(?=--)/m).slice(1);
  const wanted = options.map(option => [/^--[\w-]+/.exec(option)[0], /\[default: (.*)\]/.exec(option)?.[1]])
    .filter(([, value]) => value !== undefined);
  const page = readFileSync(join(root, 'docs/upload-server.md'), 'utf8');
  const told = [...page.matchAll(/^\| `(--[\w-]+)` \| (.*?) \|/gm)].map(([, option, value]) => [option, plain(value)]);
  assert.ok(told.length > 8);
  assert.deepEqual(new Map(told), new Map(wanted));
});
