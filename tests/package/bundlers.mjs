// The bundlers that the package's users have, and how each makes a page of it: what js/README.md says under "Bundlers".
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { small } from '../browser/pages/models.js';
import { shell } from './project.mjs';

const HERE = new URL('./', import.meta.url);
const require = createRequire(import.meta.url);

/** @typedef {'vite' | 'vite-7' | 'webpack' | 'esbuild'} Bundler */

/**
 * @param {Bundler} name
 * @returns {Promise<any>} its module, installed here if it has to be; undefined where it cannot
 */
export async function bundler(name) {
  const isThere = () => existsSync(new URL(`node_modules/${name}/package.json`, HERE));
  if (!isThere()) {
    const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
    await shell('npm', args, fileURLToPath(HERE)).catch(() => {});
  }
  if (!isThere()) return undefined;
  const module = await import(pathToFileURL(require.resolve(name)).href);
  return module.build ? module : module.default;
}

/** @param {string} script */
export const pageOf = script =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">` +
  `<output></output><script type="module" src="${script}"></script></html>`;

/**
 * A page's script that admits a file twice and says what came of it.
 *
 * @param {{ from?: string, head?: string, options?: string }} [how]
 */
export const mainOf = ({ from = 'gguf-admission', head = '', options = '{}' } = {}) => `
  import { admit, loadGuest, loadGuestWorker } from ${JSON.stringify(from)};
  ${head}
  const text = '${Buffer.from(small()).toString('base64')}';
  const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
  const told = error => \`\${error.code ?? error.name}: \${error.message}\`;
  const inWorker = async () => {
    const inside = await loadGuestWorker(${options});
    const { report } = await inside.admit(new Blob([bytes]));
    await inside.close();
    return \`\${report.digests.sha256} in a worker\`;
  };
  const onPage = async () => {
    const { report } = await admit(await loadGuest((${options}).guest), bytes);
    return \`\${report.digests.sha256} on the page\`;
  };
  const said = [await inWorker().catch(told), await onPage().catch(told)];
  document.querySelector('output').textContent = said.join(', ');
`;

/**
 * Each answers the folder of the page that it made.
 *
 * @type {Record<string, (project: import('./project.mjs').Project) => Promise<string>>}
 */
export const builds = {
  vite: project => viteBuild(project, 'vite'),
  'vite-7': project => viteBuild(project, 'vite-7'),

  async webpack(project) {
    const webpack = await bundler('webpack');
    await project.write('main.js', mainOf());
    await project.write('webpack/index.html', pageOf('main.js'));
    const path = join(project.folder, 'webpack');
    const output = { path, filename: 'main.js' };
    const stats = await new Promise((resolve, reject) => {
      webpack({ mode: 'production', context: project.folder, entry: './main.js', output }, (error, stats) => {
        if (error) reject(error);
        else resolve(stats);
      });
    });
    if (stats.hasErrors()) throw new Error(stats.toString());
    return path;
  },

  async esbuild(project) {
    const { build } = await bundler('esbuild');
    const head = `
      import guest from 'gguf-admission/guest.wasm';
      const worker = () => new Worker('gguf-worker.js', { type: 'module' });`;
    await project.write('main.js', mainOf({ head, options: '{ guest, worker: worker() }' }));
    await project.write('esbuild/index.html', pageOf('main.js'));
    await build({
      absWorkingDir: project.folder,
      entryPoints: { main: './main.js', 'gguf-worker': 'gguf-admission/worker/entry.js' },
      bundle: true, format: 'esm', outdir: 'esbuild', loader: { '.wasm': 'file' }, logLevel: 'silent',
    });
    return join(project.folder, 'esbuild');
  },
};

/**
 * @param {import('./project.mjs').Project} project
 * @param {'vite' | 'vite-7'} name
 */
async function viteBuild(project, name) {
  const { build } = await bundler(name);
  await project.write('main.js', mainOf());
  await project.write('index.html', pageOf('./main.js'));
  const output = { outDir: name, emptyOutDir: true };
  await build({ root: project.folder, configFile: false, base: './', logLevel: 'silent', build: output });
  return join(project.folder, name);
}
