// Lets a page look into a worker that runs the package's own script: to be imported before it.
import { locked, orphans } from './instruments.js';

/** @type {any[]} */
const guests = [];
const { instantiate } = WebAssembly;
WebAssembly.instantiate = /** @type {any} */ (async (/** @type {any} */ module, /** @type {any} */ imports) => {
  const instance = /** @type {any} */ (await instantiate(module, imports));
  guests.push((instance.instance ?? instance).exports);
  return instance;
});

addEventListener('message', event => {
  const { probe } = event.data;
  if (!probe) return;
  event.stopImmediatePropagation(); // not the package's business
  probe.postMessage({ locked: locked(), orphans: orphans(), live: guests.map(live) });
});

/**
 * @param {any} exports
 * @returns {number} sessions and models in a guest
 */
function live(exports) {
  const handles = [];
  for (let handle; (handle = exports.begin(1n, 1)) > 0; ) handles.push(handle);
  for (const handle of handles) exports.release(handle);
  return 64 - handles.length;
}
