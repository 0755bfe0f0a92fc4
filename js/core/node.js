// Node's own modules, without an import statement that a browser or a bundler would stumble over.
import { misuse } from './errors.js';

/** @returns {typeof import('node:fs')} */
export const nodeFs = () => builtin('node:fs');

/** @returns {typeof import('node:net')} */
export const nodeNet = () => builtin('node:net');

/**
 * @param {string} name
 * @returns {any}
 */
function builtin(name) {
  const found = globalThis.process?.getBuiltinModule?.(name);
  if (!found) throw misuse('files by path or descriptor need Node 20.16 or later', { code: 'unsupported' });
  return found;
}
