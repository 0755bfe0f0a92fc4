// A real browser behind one interface, whichever it is.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childOf, kill } from './processes.mjs';
import { startWebKit } from './webkit.mjs';

/**
 * @typedef {object} Page
 * @property {(fn: (arg: any) => unknown, arg?: unknown) => Promise<any>} run  calls `fn` in the page; JSON in, JSON out
 * @property {(fn: (arg: any) => unknown, arg?: unknown) => Promise<any>} runInWorker  the same in a worker of the page
 * @property {(fn: (arg: any) => unknown, arg?: unknown) => Promise<any>} evaluate  as `run`, in a page without the kit
 * @property {(selector: string, paths: string[]) => Promise<void>} pick  chooses files in an `<input type="file">`
 * @property {(width: number, height: number) => Promise<void>} resize
 * @property {(path: string) => Promise<unknown>} screenshot
 * @property {(url: string) => Promise<unknown>} go
 * @property {() => Promise<void>} close  as a user closes a tab
 * @property {any} native  the driver's own page
 */

/**
 * @typedef {object} Browser
 * @property {string} name
 * @property {(url: string) => Promise<Page>} open  a new tab
 * @property {(page: Page, origin: string, bytes: number) => Promise<() => Promise<void>>} [limitStorage]  until the
 * answer is called; where it can be done later than at the start
 * @property {(page: Page) => Promise<() => Promise<number>>} [mainThread]  starts to measure its work; the answer ends
 * that: seconds
 * @property {() => Promise<void>} close  ends the browser and deletes its profile
 * @property {() => Promise<void>} [kill]  ends all its processes by SIGKILL; the profile stays, if it was given
 */

/**
 * @typedef {object} StartOptions
 * @property {number} [storage]  bytes that the pages of this browser may store, where that is said at the start
 * @property {string} [profile]  a folder that outlives this browser: the next one finds in it what this one stored
 */

/**
 * @typedef {object} Kind
 * @property {string[]} programs
 * @property {string[]} packages
 * @property {string[]} [lacks]  what the tests may ask for and this browser has not
 * @property {string} [display]  the program that makes a screen for a browser that needs one
 * @property {(program: string, profile: string, options: StartOptions) => Promise<Omit<Browser, 'name'>>} start
 */

/** @type {Record<string, Kind>} */
const KINDS = {
  chromium: {
    programs: ['/usr/bin/chromium', '/usr/bin/google-chrome'],
    packages: ['playwright-core'],
    start: startChromium,
  },
  firefox: {
    programs: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
    packages: ['puppeteer-core'],
    lacks: ['WebGPU'],
    start: startFirefox,
  },
  webkit: {
    programs: ['/usr/bin/WebKitWebDriver'],
    packages: [],
    display: '/usr/bin/Xvfb',
    // Isolated pages: a worker whose script has the header and imports another does not start.
    // Broken bodies: a body of unknown length that breaks ends as if it were whole. Small chunks: a file's are larger.
    lacks: [
      'byte streams', 'private files', 'emulated media', 'broken bodies', 'small chunks', 'isolated pages', 'WebGPU',
    ],
    start: async program => startWebKit(program, running),
  },
};

/** Names of the browsers that are asked for, in the order in which they are tested. */
export const names = (process.env.GGUF_BROWSERS ?? Object.keys(KINDS).join(','))
  .split(',')
  .map(name => name.trim())
  .filter(Boolean);

/**
 * @param {string} name
 * @returns {string | undefined} why this browser cannot be driven here
 */
export function whyNot(name) {
  const kind = KINDS[name];
  if (!kind) return `GGUF_BROWSERS: no such browser: ${name} (known: ${Object.keys(KINDS).join(', ')})`;
  const { display } = kind;
  if (!programOf(name) || (display && !existsSync(display)))
    return `${name} is not installed: \`cargo xtask test --browser\` installs it where it may`;
  const missing = kind.packages.find(
    name => !existsSync(new URL(`node_modules/${name}/package.json`, import.meta.url)),
  );
  return missing && `${missing} is not installed: run \`npm ci\` in tests/browser`;
}

/**
 * @param {string} name
 * @param {string[]} needs
 * @returns {string | false} why a test that needs this is skipped
 */
export function lacking(name, needs) {
  const missing = needs.filter(need => KINDS[name].lacks?.includes(need));
  return missing.length > 0 && `${name} has no ${missing.join(', no ')}`;
}

/**
 * @param {string} name
 * @param {StartOptions} [options]
 * @returns {Promise<Browser>}
 */
export async function start(name, options = {}) {
  // On disk: a browser without a profile keeps the private file system in memory, where it behaves otherwise.
  const profile = options.profile ?? (await newProfile(name));
  const remove = async () => (options.profile === undefined ? removeProfile(profile) : undefined);
  try {
    const browser = await KINDS[name].start(/** @type {string} */ (programOf(name)), profile, options);
    const { close, kill } = browser;
    return { ...browser, name, close: () => close().finally(remove), kill: kill && (() => kill().finally(remove)) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @param {string} name */
export const newProfile = name => mkdtemp(join(tmpdir(), `gguf-${name}-`));

/** @param {string} profile */
export const removeProfile = profile =>
  rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

/** @param {string} name */
const programOf = name => KINDS[name].programs.find(existsSync);

/**
 * @param {string} executablePath
 * @param {string} profile
 */
async function startChromium(executablePath, profile) {
  const { chromium } = await import('playwright-core');
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--js-flags=--expose-gc', '--enable-precise-memory-info',
      // WebGPU on a machine without a GPU.
      '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader',
    ],
  });
  return {
    /** @param {string} url */
    async open(url) {
      const page = await context.newPage();
      await page.goto(url);
      return {
        ...running((fn, arg) => page.evaluate(fn, arg)),
        pick: (/** @type {string} */ selector, /** @type {string[]} */ paths) => page.setInputFiles(selector, paths),
        resize: (/** @type {number} */ width, /** @type {number} */ height) => page.setViewportSize({ width, height }),
        screenshot: (/** @type {string} */ path) => page.screenshot({ path }),
        go: (/** @type {string} */ url) => page.goto(url),
        close: () => page.close(),
        native: page,
      };
    },
    /**
     * @param {Page} page
     * @param {string} origin
     * @param {number} quotaSize
     */
    async limitStorage(page, origin, quotaSize) {
      const session = await context.newCDPSession(page.native);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
      return () => session.detach();
    },
    /** @param {Page} page */
    async mainThread(page) {
      const session = await context.newCDPSession(page.native);
      await session.send('Performance.enable', { timeDomain: 'threadTicks' });
      const worked = async () =>
        (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')?.value ??
        NaN;
      const before = await worked();
      return async () => {
        const after = await worked();
        await session.detach();
        return after - before;
      };
    },
    close: () => context.close(),
    kill: async () => kill(await childOf(profile)),
  };
}

/**
 * @param {string} executablePath
 * @param {string} userDataDir
 * @param {StartOptions} options
 */
async function startFirefox(executablePath, userDataDir, { storage }) {
  const { default: puppeteer } = await import('puppeteer-core');
  const browser = await puppeteer.launch({
    browser: 'firefox', executablePath, userDataDir, headless: true, args: ['--headless'],
    // In KiB, of which one site gets a part, but never less than 10 MiB.
    extraPrefsFirefox:
      storage === undefined ? {} : { 'dom.quotaManager.temporaryStorage.fixedLimit': Math.floor(storage / 1024) },
  });
  return {
    /** @param {string} url */
    async open(url) {
      const page = await browser.newPage();
      await page.goto(url);
      return {
        ...running((fn, arg) => page.evaluate(fn, arg)),
        async pick(/** @type {string} */ selector, /** @type {string[]} */ paths) {
          const input = await page.waitForSelector(selector);
          await /** @type {import('puppeteer-core').ElementHandle<HTMLInputElement>} */ (input).uploadFile(...paths);
        },
        resize: (/** @type {number} */ width, /** @type {number} */ height) => page.setViewport({ width, height }),
        screenshot: (/** @type {string} */ path) => page.screenshot({ path: /** @type {`${string}.png`} */ (path) }),
        go: (/** @type {string} */ url) => page.goto(url),
        close: () => page.close(),
        native: page,
      };
    },
    close: () => browser.close(),
    kill: () => kill(/** @type {number} */ (browser.process()?.pid)),
  };
}

/**
 * The two ways to run a function in a page. The page has to be one that loads pages/kit.js.
 *
 * @param {(fn: (arg: any) => unknown, arg: unknown) => Promise<any>} evaluate
 */
function running(evaluate) {
  /** @param {{ fn: string, arg: unknown, where: 'here' | 'worker' }} call */
  const call = async ({ fn, arg, where }) =>
    JSON.stringify(await /** @type {any} */ (globalThis).kit.call(fn, arg, where)) ?? 'null';
  const run =
    (/** @type {'here' | 'worker'} */ where) => async (/** @type {Function} */ fn, /** @type {unknown} */ arg) =>
      JSON.parse(await evaluate(call, { fn: String(fn), arg, where }));
  return { run: run('here'), runInWorker: run('worker'), evaluate };
}
