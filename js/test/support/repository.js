// The files of the repository, and what they import: for the tests of its order.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Where nothing is written by hand. */
const MADE = /(^|\/)(node_modules|target|types|pkg|\..+)$/;

/**
 * @param {string} folder  from the top of the repository, as all paths here
 * @returns {string[]} its JavaScript files, those of its folders too
 */
export function scriptsOf(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return MADE.test(name) ? [] : scriptsOf(name);
    return /\.m?js$/.test(name) ? [name] : [];
  });
}

/** @param {string} file */
export const textOf = file => readFileSync(path.join(root, file), 'utf8');

/** @param {string} file */
export const pathOf = file => path.join(root, file);

/**
 * What a file imports of its own package, by a statement, a call, or in a type of its comments.
 *
 * @param {string} file
 * @returns {string[]}
 */
export function importsOf(file) {
  const found = textOf(file).matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\1/g);
  return [...new Set([...found].map(([, , to]) => path.posix.join(path.posix.dirname(file), to)))];
}
