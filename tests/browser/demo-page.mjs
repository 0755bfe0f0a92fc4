// A demo page in a tab of its own, as a user has it: nothing of the tests is loaded in it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE = 20_000;

/**
 * @param {import('./suite.mjs').Given} given
 * @param {string} name  of a page in js/demo
 * @param {(page: DemoPage) => Promise<unknown>} use
 */
export async function onDemoPage({ browser, server, page: blank }, name, use) {
  const tab = await browser.open(`${server.origin}/pages/blank.html`);
  const folder = await mkdtemp(join(tmpdir(), 'gguf-page-'));
  const page = new DemoPage(tab, folder);
  try {
    await tab.go(`${server.origin}/js/demo/${name}`);
    await use(page);
    assert.deepEqual(page.problems, [], 'the page has errors');
  } catch (error) {
    const status = await page.text('#status').catch(() => 'unreadable');
    throw new Error(
      `${/** @type {Error} */ (error).message}\n` +
        `(the page says: ${status}; errors: ${page.problems.join('; ') || 'none'})`,
      { cause: error },
    );
  } finally {
    await tab.close();
    await rm(folder, { recursive: true, force: true });
    // A busy browser takes a moment to end the worker of a closed tab, and so to free its lock.
    const end = Date.now() + PATIENCE;
    while (Date.now() < end && (await blank.run(async () => (await navigator.locks.query()).held?.length)))
      await sleep(30);
  }
}

export class DemoPage {
  #tab;
  #folder;
  /** @type {string[]} what the page threw and did not catch */ problems = [];

  /**
   * @param {import('./drive.mjs').Page} tab
   * @param {string} folder
   */
  constructor(tab, folder) {
    this.#tab = tab;
    this.#folder = folder;
    tab.native.on('pageerror', (/** @type {Error} */ error) => this.problems.push(error.message));
  }

  /** @param {(arg: any) => unknown} fn  @param {unknown} [arg]  @returns {Promise<any>} */
  run(fn, arg) {
    return this.#tab.native.evaluate(fn, arg);
  }

  /** @param {string} selector  @returns {Promise<string>} with every space a plain one */
  text(selector) {
    return this.run(
      selector => document.querySelector(selector)?.textContent?.replaceAll('\u00a0', ' ') ?? '',
      selector,
    );
  }

  /** @param {string} selector  @returns {Promise<boolean>} */
  shows(selector) {
    return this.run(selector => Boolean(document.querySelector(selector)?.getClientRects().length), selector);
  }

  /** @param {string} selector */
  click(selector) {
    return this.run(selector => /** @type {HTMLElement} */ (document.querySelector(selector)).click(), selector);
  }

  /** @param {string} key  @param {number} [times] */
  async press(key, times = 1) {
    for (let time = 0; time < times; time++) await this.#tab.native.keyboard.press(key);
  }

  /** @param {string} text */
  type(text) {
    return this.#tab.native.keyboard.type(text);
  }

  /** @returns {Promise<string>} id or name of what has the focus */
  focused() {
    return this.run(
      () =>
        document.activeElement?.id ||
        document.activeElement?.getAttribute('name') ||
        document.activeElement?.tagName.toLowerCase() ||
        '',
    );
  }

  /** @param {string} what  @param {() => Promise<unknown>} isSo */
  async until(what, isSo) {
    const end = Date.now() + PATIENCE;
    while (!(await isSo())) {
      if (Date.now() > end) throw new Error(`it never came: ${what}`);
      await sleep(30);
    }
  }

  /** @param {string} selector */
  appears(selector) {
    return this.until(selector, () => this.shows(selector));
  }

  /** @param {string} path  of a file on this disk, @param {string} [selector] */
  pick(path, selector = '#file') {
    return this.#tab.pick(selector, [path]);
  }

  /** @param {string[]} paths  of files on this disk, all at once */
  pickAll(paths) {
    return this.#tab.pick('#file', paths);
  }

  /** @param {Uint8Array} bytes  @param {string} [name] */
  async pickBytes(bytes, name = 'model.gguf') {
    const path = join(this.#folder, name);
    await writeFile(path, bytes);
    await this.pick(path);
  }

  /** @param {string | URL} url */
  async load(url) {
    await this.run(url => { /** @type {any} */ (document.querySelector('#url')).value = url; }, String(url));
    await this.click('#load');
  }

  /** @param {number} width  @param {number} height */
  resize(width, height) {
    return this.#tab.resize(width, height);
  }

  get native() {
    return this.#tab.native;
  }

  /** What is wider than the window, if anything makes the page scroll sideways. */
  async overflow() {
    return this.run(() => {
      const width = document.documentElement.clientWidth;
      return document.documentElement.scrollWidth <= width
        ? []
        : [...document.querySelectorAll('body *')]
            .filter(element => element.getBoundingClientRect().right > width + 1)
            .map(element => `${element.tagName} ${element.id} ${element.className}`)
            .slice(0, 5);
    });
  }

  /** What is wider than its card, where nothing lets it be scrolled. */
  async spills() {
    return this.run(() =>
      [...document.querySelectorAll('.card *')]
        .filter(element => {
          const card = /** @type {Element} */ (element.closest('.card'));
          const right = card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight);
          return (
            element.getClientRects().length > 0 &&
            !element.closest('.scroll *, .unseen, svg *') &&
            element.getBoundingClientRect().right > right
          );
        })
        .map(element => `${element.tagName} ${element.id} ${element.className}`),
    );
  }

  /** What a reader who sees nothing, or uses keys only, would trip over. */
  audit() {
    return this.run(() => {
      /** @type {string[]} */ const found = [];
      const named = (/** @type {any} */ element) => {
        const by = element.getAttribute('aria-labelledby');
        const text = by
          ? by
              .split(' ')
              .map((/** @type {string} */ id) => document.getElementById(id)?.textContent ?? '')
              .join(' ')
          : (element.getAttribute('aria-label') ??
            ([...(element.labels ?? [])].map(label => label.textContent).join(' ') || element.caption?.textContent));
        return (
          text || (['INPUT', 'PROGRESS', 'TABLE', 'FIGURE'].includes(element.tagName) ? '' : element.textContent)
        ).trim();
      };
      const what = (/** @type {Element} */ element) =>
        `${element.tagName.toLowerCase()}#${element.id}.${element.className}`;
      const visible = (/** @type {Element} */ element) => element.getClientRects().length > 0;
      const all = [...document.querySelectorAll('*')];
      if (!document.documentElement.lang) found.push('no language');
      if (!document.title) found.push('no title');
      if (document.querySelectorAll('main').length !== 1 || document.querySelectorAll('h1').length !== 1)
        found.push('not one main and one h1');
      for (const element of document.querySelectorAll(
        'button, input, a[href], progress, table, [role="region"], [role="img"], section',
      )) {
        if (visible(element) && !named(element)) found.push(`${what(element)} has no name`);
      }
      for (const element of document.querySelectorAll('button[aria-label]')) {
        const seen = (element.textContent ?? '').trim();
        if (visible(element) && !named(element).includes(seen))
          found.push(`${what(element)} says ${seen} and is called ${named(element)}`);
      }
      for (const element of document.querySelectorAll('button, input[type="text"], input[type="search"]')) {
        const box = element.getBoundingClientRect();
        if (visible(element) && box.width > 0 && (box.height < 17 || box.width < 17))
          found.push(`${what(element)} is too small to hit`);
      }
      const ids = all.map(element => element.id).filter(Boolean);
      for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`two have the id ${id}`);
      for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
        for (const element of document.querySelectorAll(`[${attribute}]`)) {
          for (const id of String(element.getAttribute(attribute)).split(' '))
            if (!document.getElementById(id)) found.push(`${what(element)}: no ${id}`);
        }
      }
      let level = 0;
      for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
        if (!visible(heading)) continue;
        const next = Number(heading.tagName[1]);
        if (next > level + 1) found.push(`${what(heading)} skips a level`);
        level = next;
      }
      for (const element of document.querySelectorAll('[tabindex]'))
        if (Number(element.getAttribute('tabindex')) > 0) found.push(`${what(element)} jumps the order`);
      for (const element of document.querySelectorAll('th'))
        if (!element.getAttribute('scope')) found.push(`${what(element)} has no scope`);
      if (!document.querySelector('[role="status"]')) found.push('nothing is read aloud');

      // Contrast of every text that is shown: 4.5 to 1, or 3 to 1 where it is large.
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      const painted = (/** @type {string[]} */ colors) => {
        if (!canvas) return [0, 0, 0];
        for (const color of colors) {
          canvas.fillStyle = color;
          canvas.fillRect(0, 0, 1, 1);
        }
        return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
      };
      const luminance = (/** @type {number[]} */ rgb) => {
        const [r, g, b] = rgb.map(value =>
          value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      for (const element of all) {
        const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent?.trim());
        if (!own || !visible(element) || element.closest('.unseen, :disabled, svg')) continue;
        const style = getComputedStyle(element);
        const under = [];
        for (let at = /** @type {Element | null} */ (element); at; at = at.parentElement)
          under.unshift(getComputedStyle(at).backgroundColor);
        const [light, dark] = [
          luminance(painted(['white', ...under])),
          luminance(painted(['white', ...under, style.color])),
        ].sort((a, b) => b - a);
        const isLarge =
          parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && Number(style.fontWeight) >= 700);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < (isLarge ? 3 : 4.5))
          found.push(
            `${what(element)} "${element.textContent?.slice(0, 20)}" has a contrast of ${contrast.toFixed(2)}`,
          );
      }
      return found;
    });
  }
}
