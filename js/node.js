// Node's own modules, without an import statement that a browser or a bundler would stumble over.
import { misuse } from './errors.js';

/**
 * @template {'fs' | 'url'} Name
 * @param {Name} name
 * @returns {Name extends 'fs' ? typeof import('node:fs') : typeof import('node:url')}
 */
export function builtin(name) {
  const found = globalThis.process?.getBuiltinModule?.(`node:${name}`);
  if (!found) throw misuse(`files by path need Node 20.16 or later (node:${name})`, { code: 'unsupported' });
  return /** @type {any} */ (found);
}
