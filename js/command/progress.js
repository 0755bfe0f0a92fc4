// How far a file is, on a terminal.
import process from 'node:process';

const EVERY = 200;
const CLEAR = '\r\x1b[K';

/** On standard error, where that is a terminal. */
export class Progress {
  #name;
  #next = 0;
  #isShown = false;

  /** @param {string} name  escaped */
  constructor(name) {
    this.#name = name;
  }

  /**
   * @param {number} bytes
   * @param {number | undefined} total
   */
  show(bytes, total) {
    if (!process.stderr.isTTY || Date.now() < this.#next) return;
    this.#next = Date.now() + EVERY;
    this.#isShown = true;
    const far = total ? `${Math.floor((100 * bytes) / total)} %` : `${Math.floor(bytes / 1e6)} MB`;
    process.stderr.write(`${CLEAR}${this.#name}  ${far}`);
  }

  end() {
    if (this.#isShown) process.stderr.write(CLEAR);
  }
}
