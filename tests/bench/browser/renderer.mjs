// What a page costs, by the kernel's books of its renderer process (Linux).
import { readFileSync, readdirSync } from 'node:fs';

/** Milliseconds. */
const SAMPLE = 5;

const read = path => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a thread or a process that has just ended
  }
};
const list = path => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

export class Renderer {
  #pid;
  #beside;

  /**
   * The renderer of the only page with a worker in this browser.
   *
   * @param {import('playwright-core').Page} page
   * @param {{ withGpu?: boolean }} [options]  withGpu: CPU time counts the process for the GPU too
   */
  static async of(page, { withGpu = false } = {}) {
    const session = await page.context().browser().newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    await session.detach();
    const found = processInfo.filter(
      ({ type, id }) =>
        type === 'renderer' &&
        list(`/proc/${id}/task`).some(task => read(`/proc/${id}/task/${task}/comm`).startsWith('DedicatedWorker')),
    );
    if (found.length !== 1) throw new Error(`${found.length} renderers have a worker, not one`);
    const beside = withGpu ? processInfo.filter(({ type }) => type === 'GPU').map(({ id }) => id) : [];
    if (withGpu && beside.length !== 1) throw new Error(`${beside.length} processes do the GPU's work, not one`);
    return new Renderer(found[0].id, beside);
  }

  /**
   * @param {number} pid
   * @param {number[]} beside  processes whose CPU time counts too
   */
  constructor(pid, beside) {
    this.#pid = pid;
    this.#beside = beside;
  }

  /**
   * Bytes of memory. `resident`: the most that there ever was, with the pages of the browser's own program that were
   * touched. `private`: the most of what is not mapped from files, seen while `work` ran; the kernel keeps no peak of
   * it.
   */
  async memory(work) {
    let most = 0;
    const look = () => (most = Math.max(most, this.#status('RssAnon') + this.#status('RssShmem')));
    const timer = setInterval(look, SAMPLE);
    try {
      const value = await work();
      look();
      return { ...value, private: most, resident: this.#status('VmHWM') };
    } finally {
      clearInterval(timer);
    }
  }

  /** @param {string} name */
  #status(name) {
    return 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(read(`/proc/${this.#pid}/status`))?.[1] ?? 0);
  }

  /** CPU seconds of all its threads while `work` ran. */
  async cpu(work) {
    const before = this.#threads();
    const value = await work();
    let nanoseconds = 0;
    for (const [thread, time] of this.#threads()) nanoseconds += time - (before.get(thread) ?? 0);
    return { ...value, cpu: nanoseconds / 1e9 };
  }

  #threads() {
    return new Map([this.#pid, ...this.#beside].flatMap(pid => {
      const path = `/proc/${pid}/task`;
      return list(path).map(thread => [thread, Number(read(`${path}/${thread}/schedstat`).split(' ')[0])]);
    }));
  }
}
