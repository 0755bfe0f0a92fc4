// The processes of a browser, as Linux lists them: its end by SIGKILL is the end of all of them.
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long the system may take to bury them, in milliseconds. */
const PATIENCE = 20_000;

/**
 * Ends a process and all that descend from it, such that none of them gets to do anything more.
 *
 * @param {number} root  a process that this one started
 */
export async function kill(root) {
  const doomed = await family(root);
  // Stopped first: one that sees another go would begin to tidy up.
  for (const signal of /** @type {const} */ (['SIGSTOP', 'SIGKILL'])) for (const { id } of doomed) send(id, signal);
  for (const began = Date.now(); ; await sleep(20)) {
    const alive = await processes();
    const left = doomed.filter(({ id, born }) => alive.some(other => other.id === id && other.born === born));
    if (left.length === 0) return;
    if (Date.now() - began > PATIENCE) throw new Error(`still there: ${left.map(({ id }) => id).join()}`);
  }
}

/**
 * @param {string} text  of its command line
 * @returns {Promise<number>} the child of this process that was started so
 */
export async function childOf(text) {
  for (const { id, parent } of await processes()) {
    if (parent !== process.pid) continue;
    if ((await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')).includes(text)) return id;
  }
  throw new Error(`no child of this process has ${text} in its command line`);
}

/** @typedef {{ id: number, parent: number, born: string }} Process  `born`: ids are used again */

/** @returns {Promise<Process[]>} those that live */
async function processes() {
  const ids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const found = await Promise.all(ids.map(async id => {
    const text = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '');
    // Behind the name, which may hold anything: the state, the parent; as the 20th of these, when it began.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const isOver = text === '' || fields[0] === 'Z' || fields[0] === 'X';
    return isOver ? [] : [{ id: Number(id), parent: Number(fields[1]), born: fields[19] }];
  }));
  return found.flat();
}

/** @param {number} root */
async function family(root) {
  const all = await processes();
  const found = all.filter(({ id }) => id === root);
  for (const { id } of found) found.push(...all.filter(({ parent }) => parent === id)); // grows as it is walked
  return found;
}

/**
 * @param {number} id
 * @param {NodeJS.Signals} signal
 */
function send(id, signal) {
  try {
    process.kill(id, signal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}
