// What the package shows: its types, without words, and its error codes. For the golden lists.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathOf, scriptsOf, textOf } from './repository.js';

/** @typedef {{ text: string, names: string[], from?: string }} Statement  of a declaration file */

const FACES = ['index', 'v1'];

/**
 * The types of the package's faces, and of whatever those name: a change in here is a change for whoever uses them.
 *
 * @returns {string}
 */
export function surfaceOfTypes() {
  const folder = mkdtempSync(path.join(tmpdir(), 'gguf-admission-types-'));
  try {
    const compiler = pathOf('js/node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [compiler, '--project', pathOf('js/tsconfig.types.json'), '--outDir', folder]);
    const files = new Declarations(folder);
    for (const face of FACES) files.takeAll(face);
    return files.text();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns {string} the codes that the package's own errors have, beside those of the guest */
export function errorCodes() {
  const codes = new Set();
  for (const file of scriptsOf('js')) {
    if (/^js\/(test|demo|command)\//.test(file)) continue;
    for (const [, code] of textOf(file).matchAll(/\bcode: '([a-z]+)'/g)) codes.add(code);
    // The helpers that take the code first.
    for (const [, code] of textOf(file).matchAll(/\b(?:retry|otherLength)\('([a-z]+)'/g)) codes.add(code);
  }
  return [...codes].sort().map(code => `${code}\n`).join('');
}

class Declarations {
  #folder;
  /** @type {Map<string, Statement[]>} */ #files = new Map();
  /** @type {Map<string, Set<Statement>>} */ #taken = new Map();

  /** @param {string} folder */
  constructor(folder) {
    this.#folder = folder;
  }

  /** @param {string} file  without its ending, as all files here */
  takeAll(file) {
    for (const statement of this.#statements(file)) this.#take(file, statement);
  }

  /** What was taken, file by file, in the order of the files. */
  text() {
    return [...this.#taken].sort(([one], [other]) => (one < other ? -1 : 1)).map(([file, taken]) => {
      const lines = this.#statements(file).filter(statement => taken.has(statement)).map(({ text }) => text);
      return `// ${file}\n${lines.join('\n')}\n`;
    }).join('\n');
  }

  /**
   * @param {string} file
   * @param {Statement} statement
   */
  #take(file, statement) {
    const taken = this.#taken.get(file) ?? new Set();
    this.#taken.set(file, taken);
    if (taken.has(statement)) return;
    if (!statement.from || FACES.includes(file)) taken.add(statement);
    const named = statement.text.matchAll(/import\('(\.[^']+)\.js'\)\.(\w+)/g);
    for (const [, to, name] of named) this.#takeNamed(beside(file, to), name);
    if (statement.from) {
      for (const name of statement.names) this.#takeNamed(beside(file, statement.from), name);
      return;
    }
    const words = new Set(statement.text.replace(/'[^']*'/g, '').match(/[A-Za-z_]\w*/g));
    for (const other of this.#statements(file)) if (other.names.some(name => words.has(name))) this.#take(file, other);
  }

  /**
   * @param {string} file
   * @param {string} name
   */
  #takeNamed(file, name) {
    const found = this.#statements(file).filter(({ names }) => names.includes(name));
    if (found.length === 0) throw new Error(`${file} declares no ${name}`);
    for (const statement of found) this.#take(file, statement);
  }

  /** @param {string} file */
  #statements(file) {
    const known = this.#files.get(file) ?? statementsOf(readFileSync(path.join(this.#folder, `${file}.d.ts`), 'utf8'));
    this.#files.set(file, known);
    return known;
  }
}

/**
 * @param {string} file
 * @param {string} to
 */
const beside = (file, to) => path.posix.join(path.posix.dirname(file), to);

/**
 * @param {string} text  of a declaration file
 * @returns {Statement[]}
 */
function statementsOf(text) {
  /** @type {Statement[]} */ const statements = [];
  let lines = /** @type {string[]} */ ([]);
  let depth = 0;
  const code = text.replace(/\/\*[^]*?\*\//g, '').split('\n');
  for (const line of code.filter(line => line.trim() !== '' && !/^\s*\/\//.test(line))) {
    lines.push(line);
    for (const character of line) depth += '{(['.includes(character) ? 1 : '})]'.includes(character) ? -1 : 0;
    if (depth !== 0 || !/[;}]$/.test(line)) continue;
    const statement = lines.join('\n');
    lines = [];
    if (statement === 'export {};') continue;
    const [, list, from] = /^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']+)\.js';$/.exec(statement) ?? [];
    const declared = /(?:class|function|type|interface|const|let) (\w+)/.exec(statement)?.[1];
    const names = list ? list.split(',').map(name => name.trim().split(' as ')[0]) : declared ? [declared] : [];
    statements.push({ text: statement, names, from });
  }
  return statements;
}
