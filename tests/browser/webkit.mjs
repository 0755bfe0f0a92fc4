// WebKitGTK's MiniBrowser by the WebDriver protocol, on a display of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** The protocol's name for the key of an element. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
/** The protocol's letters for keys that write none. */
const KEYS = { 'Tab': '\ue004', 'Enter': '\ue007', 'Escape': '\ue00c', 'ArrowDown': '\ue015', 'Space': ' ' };
const SCRIPT_SECONDS = 600;

/**
 * @param {string} program  WebKitWebDriver
 * @param {(way: (fn: Function, arg: unknown) => Promise<any>) => object} running
 */
export async function startWebKit(program, running) {
  const display = await startDisplay();
  const driver = await startDriver(program, display.name);
  const end = async () => {
    for (const child of [driver.child, display.child]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    }
  };
  try {
    const { sessionId } = await driver.ask('POST', '/session', {
      capabilities: { alwaysMatch: { 'timeouts': { script: 1000 * SCRIPT_SECONDS } } },
    });
    const session = new Session(driver.ask, `/session/${sessionId}`);
    return {
      open: (/** @type {string} */ url) => session.open(url, running),
      async close() {
        await session.call('DELETE', '').catch(() => {});
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The driver comes back before the page's scripts have run. */
const LOADED = () =>
  document.readyState === 'complete' || new Promise(resolve => addEventListener('load', () => resolve(true)));

/** One window has the driver's ear at a time, so calls wait for each other. */
class Session {
  #ask;
  #path;
  /** @type {Promise<unknown>} */ #last = Promise.resolve();
  /** @type {string | undefined} the window that the session began with: new ones come out of it */ #first;

  constructor(ask, path) {
    this.#ask = ask;
    this.#path = path;
  }

  call(method, path, body) {
    return this.#ask(method, this.#path + path, body);
  }

  async open(url, running) {
    const { handle } = await this.#inTurn(async () => {
      this.#first ??= await this.call('GET', '/window');
      await this.call('POST', '/window', { handle: this.#first });
      return this.call('POST', '/window/new', { type: 'tab' });
    });
    const here = work =>
      this.#inTurn(async () => {
        await this.call('POST', '/window', { handle });
        return work();
      });
    const evaluate = (fn, arg) => here(() => this.#evaluate(fn, arg));
    const page = {
      ...running(evaluate),
      pick: (selector, paths) =>
        here(async () => {
          const found = await this.call('POST', '/element', { using: 'css selector', value: selector });
          await this.call('POST', `/element/${found[ELEMENT]}/value`, { text: paths.join('\n') });
        }),
      resize: (width, height) => here(() => this.call('POST', '/window/rect', { width, height })),
      go: url =>
        here(async () => {
          await this.call('POST', '/url', { url });
          await this.#evaluate(LOADED);
        }),
      screenshot: path =>
        here(async () => writeFile(path, Buffer.from(await this.call('GET', '/screenshot'), 'base64'))),
      close: () => here(() => this.call('DELETE', '/window')),
      native: {
        // The protocol tells of no error of a page; what the tests see of the page has to do.
        on() {},
        evaluate,
        url: () => url,
        keyboard: {
          press: key => here(() => this.#keys([KEYS[key] ?? key])),
          type: text => here(() => this.#keys([...text])),
        },
      },
    };
    await page.go(url);
    return page;
  }

  /** A driver's own error leaves out what the page's error says: so it is caught in the page, and thrown here. */
  async #evaluate(fn, arg) {
    const script = `const done = arguments[arguments.length - 1];
      Promise.resolve().then(() => (${fn})(arguments[0])).then(
        value => done({ value: value === undefined ? null : value, isNothing: value === undefined }),
        error => done({ error: String(error && error.stack ? \`\${error}\\n\${error.stack}\` : error) }));`;
    const args = [arg === undefined ? null : arg];
    const answer = await this.call('POST', '/execute/async', { script, args });
    if (answer.error) throw new Error(answer.error);
    return answer.isNothing ? undefined : answer.value;
  }

  #keys(keys) {
    const actions = keys.flatMap(value => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
    return this.call('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  #inTurn(work) {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** A screen that nobody sees; the server says which number it took. */
async function startDisplay() {
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [number] = await once(createInterface(child.stdio[3]), 'line');
  return { child, name: `:${number}` };
}

async function startDriver(program, display) {
  const port = 20_000 + (process.pid % 20_000);
  const child = spawn(program, [`--port=${port}`, '--host=127.0.0.1'], {
    stdio: 'ignore',
    env: { ...process.env, DISPLAY: display, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', LC_ALL: 'C.UTF-8' },
  });
  const ask = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined,
    });
    const { value } = await response.json();
    if (response.ok) return value;
    throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
  };
  for (let tries = 0; ; tries += 1) {
    try {
      await ask('GET', '/status');
      return { child, ask };
    } catch (error) {
      if (tries === 100 || child.exitCode !== null) throw error;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}
