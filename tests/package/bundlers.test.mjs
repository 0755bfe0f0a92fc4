// What bundlers make of the package, without a browser: the module and the worker's script are found and put out. With
// one, tests/browser/bundlers.test.mjs runs the pages.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bundler, builds } from './bundlers.mjs';
import { JS, Project, whyNot } from './project.mjs';

const noBundlers = 'the bundlers are not installed and could not be: run `npm ci` in tests/package';
const skip = whyNot ?? ((await bundler('vite')) ? false : noBundlers);

describe('bundlers', { skip }, () => {
  /** @type {Project} */ let project;
  before(async () => {
    project = await Project.create();
  });
  after(() => project?.remove());

  for (const name of ['vite', 'webpack', 'esbuild']) {
    test(`${name} puts out the module as it is, and a worker that loads it`, async () => {
      const folder = await builds[name](project);
      const files = readdirSync(folder, { recursive: true }).map(file => join(folder, String(file)));
      const [module, ...others] = files.filter(file => file.endsWith('.wasm'));
      assert.deepEqual(others, []);
      assert.equal(Buffer.compare(readFileSync(module), readFileSync(join(JS, 'guest.wasm'))), 0);
      const scripts = files.filter(file => file.endsWith('.js')).map(file => readFileSync(file, 'utf8'));
      const workers = scripts.filter(script => script.includes('globalThis.onmessage'));
      assert.deepEqual([workers.length, scripts.length > 1], [1, true], 'there is no script of a worker');
    });
  }
});
