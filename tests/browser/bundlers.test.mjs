// The package from its tarball in Chromium, as each bundler makes it a page, and under a strict security policy. The
// page admits a file in a worker and on its own thread; a page that cannot says why.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { bundler, builds, mainOf, pageOf } from '../package/bundlers.mjs';
import { Project, whyNot } from '../package/project.mjs';
import { start, whyNot as whyNoBrowser } from './drive.mjs';
import { small } from './pages/models.js';

const TARGET = fileURLToPath(new URL('../../target/package/', import.meta.url));
const SHA256 = createHash('sha256').update(small()).digest('hex');
const STRICT = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const TRUSTED = `${STRICT}; require-trusted-types-for 'script'`;
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};
const noBundlers = 'the bundlers are not installed: run `npm ci` in tests/package';
const skip = whyNot ?? whyNoBrowser('chromium') ?? ((await bundler('vite')) ? false : noBundlers);

describe('the package in a page', { skip }, () => {
  /** @type {Project} */ let project;
  /** @type {import('./drive.mjs').Browser} */ let browser;
  before(async () => {
    project = await Project.create(TARGET);
    browser = await start('chromium');
  });
  after(async () => {
    await browser?.close();
    await project?.remove();
  });

  /**
   * What the page at this address says.
   *
   * @param {string} url
   */
  async function said(url) {
    const page = await browser.open(url);
    try {
      for (let tries = 0; tries < 300; tries++) {
        const text = await page.evaluate(() => document.querySelector('output')?.textContent ?? '');
        if (text) return text;
        await new Promise(resolve => setTimeout(resolve, 100));
      }
      return 'nothing';
    } finally {
      await page.close();
    }
  }

  /**
   * Serves a folder; what is not there is a 404, or the page, as a development server has it.
   *
   * @param {string} folder
   * @param {{ csp?: string, fallback?: boolean }} manner
   * @param {(origin: string) => Promise<unknown>} use
   */
  async function serving(folder, { csp, fallback }, use) {
    const server = createServer(async (request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      const isThere = (await stat(join(folder, path)).catch(() => undefined))?.isFile();
      if (!isThere && !fallback) return void response.writeHead(404).end('not here');
      const name = isThere ? path : '/index.html';
      response.writeHead(200, {
        'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
        ...(csp && { 'content-security-policy': csp }),
      });
      createReadStream(join(folder, name)).pipe(response);
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    try {
      return await use(`http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  const good = `${SHA256} in a worker, ${SHA256} on the page`;

  for (const [name, build] of Object.entries(builds)) {
    for (const [what, csp] of [['', undefined], [', under a strict policy', STRICT]]) {
      test(`built by ${name}${what}`, async () => {
        const folder = await build(project);
        await serving(folder, { csp }, async origin => assert.equal(await said(`${origin}/index.html`), good));
      });
    }
  }

  for (const [name, exclude] of [['vite', []], ['vite', ['gguf-admission']], ['vite-7', ['gguf-admission']]]) {
    test(`served by ${name} in development${exclude.length ? ', kept out of its optimizer' : ''}`, async () => {
      await viteDev(name, exclude, async origin => assert.equal(await said(`${origin}/`), good));
    });
  }

  test('served by vite-7 in development as it is: the page is told which address, and what to do', async () => {
    await viteDev('vite-7', [], async origin => {
      const text = await said(`${origin}/`);
      assert.match(text, /^worker: .*\/entry\.js.*bundler.*, guest: .*guest\.wasm.*web page.*bundler/s);
    });
  });

  /**
   * @param {string} name
   * @param {string[]} exclude
   * @param {(origin: string) => Promise<unknown>} use
   */
  async function viteDev(name, exclude, use) {
    const { createServer } = await bundler(name);
    await project.write('index.html', pageOf('./main.js'));
    await project.write('main.js', mainOf());
    const server = await createServer({
      root: project.folder,
      configFile: false,
      logLevel: 'silent',
      cacheDir: join(project.folder, `.${name}-${exclude.length}`),
      optimizeDeps: { exclude },
      server: { host: '127.0.0.1', port: 0, ws: false, hmr: false },
    });
    try {
      await server.listen();
      await use(server.resolvedUrls.local[0].replace(/\/$/, ''));
    } finally {
      await server.close();
    }
  }

  /**
   * A page that imports the package as it is.
   *
   * @param {string} name
   * @param {(path: string) => boolean} isThere
   */
  async function plainPage(name, isThere) {
    await project.write(join(name, 'index.html'), pageOf('/main.js'));
    await project.write(join(name, 'main.js'), mainOf({ from: '/package/index.js' }));
    for (const { path } of project.files.filter(({ path }) => isThere(path))) {
      const to = await project.write(join(name, 'package', path), '');
      await copyFile(join(project.folder, 'node_modules/gguf-admission', path), to);
    }
    return join(project.folder, name);
  }

  test('without a bundler, under a strict policy and under one that asks for Trusted Types', async () => {
    const root = await plainPage('plain', path => /\.(js|wasm)$/.test(path));
    for (const csp of [undefined, STRICT, TRUSTED, `${TRUSTED}; trusted-types gguf-admission`]) {
      await serving(root, { csp }, async origin => assert.equal(await said(`${origin}/index.html`), good, csp));
    }
    // Where a policy forbids it, the page is told by which word.
    await serving(root, { csp: `${TRUSTED}; trusted-types other` }, async origin => {
      assert.match(await said(`${origin}/index.html`), /^worker: .*trusted-types gguf-admission/);
    });
    await serving(root, { csp: "default-src 'self'" }, async origin => {
      assert.match(await said(`${origin}/index.html`), /^guest: .*'wasm-unsafe-eval'.*, guest: .*'wasm-unsafe-eval'/s);
    });
  });

  test('where a server sends its page for every address that it does not know, the address is named', async () => {
    const root = await plainPage('moved', path => /\.js$/.test(path) && path !== 'worker/entry.js');
    const [worker, guest] = ['.*\\/package\\/worker\\/entry\\.js', '.*\\/package\\/guest\\.wasm'];
    await serving(root, { fallback: true }, async origin => {
      const text = await said(`${origin}/index.html`);
      assert.match(text, new RegExp(`^worker: ${worker}.*web page.*, guest: ${guest}.*web page`, 's'));
    });
    await serving(root, {}, async origin => {
      const text = await said(`${origin}/index.html`);
      assert.match(text, new RegExp(`^worker: ${worker}.*404.*, guest: .*404.*${guest}`, 's'));
    });
  });
});
