// The package from its tarball in a page: bundled by Vite, and without any bundler. The page runs the README's example.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before } from 'node:test';
import { Project, exampleOf, shell, vite, whyNot } from '../package/project.mjs';
import { onDemoPage } from './demo-page.mjs';
import { middle, small } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const TARGET = fileURLToPath(new URL('../../target/', import.meta.url));
const DIGESTS = [small(), middle()].map(bytes => createHash('sha256').update(bytes).digest('hex'));
const bundler = whyNot ? undefined : await vite();
const noBundler = whyNot ?? (bundler ? false : 'vite is not installed and could not be: run `npm ci` in tests/package');
/** @type {Project} */ let project;

const page = (/** @type {string} */ head) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>A fresh page</title><link rel="icon" href="data:,">
  ${head}<input type="file" id="file"><output id="status"></output></html>`;

if (!whyNot) {
  before(async () => {
    project = await Project.create(join(TARGET, 'package'));
    const example = await exampleOf('loadGuestWorker');
    await project.write('main.js', example);
    await project.write(
      'plain.html',
      page(
        `<script type="importmap">{ "imports": { "gguf-admission": "./node_modules/gguf-admission/index.js" } }</script>
        <script type="module" src="main.js"></script>`,
      ),
    );
    // Not from the example's server, which is nobody's.
    const storing = (await exampleOf('findStored')).replace('https://example.org/model.gguf', './model.gguf');
    await project.write('storing.js', storing);
    await writeFile(join(project.folder, 'model.gguf'), middle());
    await project.write(
      'storing.html',
      page(
        `<script type="importmap">{ "imports": { "gguf-admission": "./node_modules/gguf-admission/index.js" } }</script>
        <script type="module" src="storing.js"></script>`,
      ),
    );
    await project.write('index.html', page('<script type="module" src="./main.js"></script>'));
    if (!bundler) return;
    await shell(
      process.execPath,
      [join(bundler, 'bin/vite.js'), 'build', '--base', './', '--outDir', 'dist', '--logLevel', 'warn'],
      project.folder,
    );
  });
  after(() => project?.remove());
}

inEachBrowser(test => {
  /** @param {import('./suite.mjs').Given} given  @param {string} name */
  const admitsFiles = (given, name) =>
    onDemoPage(given, `../../files/${relative(TARGET, project.folder)}/${name}`, async page => {
      await page.until('the page', () => page.shows('#file'));
      for (const [index, bytes] of [small(), middle()].entries()) {
        // The example listens once its guest is loaded.
        await page.until('the digest', async () => {
          await page.pickBytes(bytes, `model-${index}-${Date.now()}.gguf`);
          await new Promise(resolve => setTimeout(resolve, 300));
          return (await page.text('#status')) === DIGESTS[index];
        });
      }
    });

  test('without a bundler', given => admitsFiles(given, 'plain.html'), { skip: whyNot ?? false });

  test('a page that stores a file finds it when it is opened again', async given => {
    const name = `../../files/${relative(TARGET, project.folder)}/storing.html`;
    for (const said of ['stored: ', 'found: ']) {
      await onDemoPage(given, name, page =>
        page.until('the end', async () => (await page.text('#status')).startsWith(said)));
    }
  }, { skip: whyNot ?? false, needs: ['private files'] });

  test('bundled by Vite', async given => {
    assert.ok(existsSync(join(project.folder, 'dist/index.html')));
    await admitsFiles(given, 'dist/index.html');
  }, { skip: noBundler });
});
