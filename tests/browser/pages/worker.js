// The same kit in a worker: runs a function that it is sent, and answers.
import './kit.js';

addEventListener('message', async ({ data: { fn, arg, port } }) => {
  try {
    port.postMessage({ value: await /** @type {any} */ (globalThis).kit.call(fn, arg, 'here') });
  } catch (error) {
    port.postMessage({ error: String(/** @type {any} */ (error)?.stack ?? error) });
  }
});
