// A fresh project that has the package as npm gives it to its users.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
export const JS = fileURLToPath(new URL('../../js/', import.meta.url));

/** What has to be there before the package can be packed, or undefined. */
export const whyNot = !existsSync(join(JS, 'guest.wasm')) ? 'there is no guest.wasm: run `cargo xtask build`'
  : !existsSync(join(JS, 'node_modules/typescript')) ? 'there is no tsc: run `npm ci` in js'
  : undefined;

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
export async function shell(command, args, cwd) {
  try {
    return (await run(command, args, { cwd, maxBuffer: 2 ** 26, env: { ...process.env, NO_COLOR: '1' } })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {any} */ (error);
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/**
 * @typedef {object} Packed
 * @property {string} path
 * @property {{ path: string, size: number }[]} files
 */

/**
 * @param {string} folder
 * @returns {Promise<Packed>} the tarball
 */
export async function pack(folder) {
  const answer = JSON.parse(
    await shell('npm', ['pack', '--json', '--pack-destination', folder], JS).then(text =>
      text.slice(text.search(/^[[{]/m)),
    ),
  );
  // One entry for each package: a list, or by name.
  const [{ filename, files }] = /** @type {any[]} */ (Object.values(answer));
  return { path: join(folder, filename), files };
}

export class Project {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /** @param {string} [parent] */
  static async create(parent = tmpdir()) {
    await mkdir(parent, { recursive: true });
    const project = new Project(await mkdtemp(join(parent, 'gguf-package-')));
    try {
      const { path, files } = await pack(project.folder);
      project.files = files;
      await project.write(
        'package.json',
        JSON.stringify({ name: 'fresh', version: '1.0.0', private: true, type: 'module' }),
      );
      await project.npm('install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', path);
    } catch (error) {
      await project.remove();
      throw error;
    }
    return project;
  }

  /** @type {Packed['files']} */ files = [];

  /** @param {...string} args */
  npm(...args) {
    return shell('npm', args, this.folder);
  }

  /**
   * @param {string} name
   * @param {string | Uint8Array} content
   */
  async write(name, content) {
    const path = join(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  remove() {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} name
 * @returns {Promise<string>} the first example in the package's README that uses it
 */
export async function exampleOf(name) {
  const readme = await readFile(join(JS, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  const found = examples.find(code => code.includes(name));
  if (found === undefined) throw new Error(`no example uses ${name}`);
  return found;
}

/** @returns {Promise<string | undefined>} the folder of Vite, installed here if it has to be */
export async function vite() {
  const folder = join(HERE, 'node_modules/vite');
  if (!existsSync(folder))
    await shell('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], HERE).catch(() => {});
  return existsSync(folder) ? folder : undefined;
}
