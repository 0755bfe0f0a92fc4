// Node's own modules, without an import statement that a browser or a bundler would stumble over.
import { misuse } from './errors.js';

/** @returns {typeof import('node:fs')} */
export function nodeFs() {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs');
  if (!fs) throw misuse('files by path or descriptor need Node 20.16 or later', { code: 'unsupported' });
  return fs;
}
