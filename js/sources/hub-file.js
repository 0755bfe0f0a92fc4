// A file of a model hub: where it is, and what it has to be.
import { misuse, sourceFault } from '../core/errors.js';
import { checkOptions, signal } from '../core/options.js';
import { shown } from '../core/text.js';
import { HttpSource } from './http/http.js';

/**
 * @typedef {object} HubOptions
 * @property {string} [revision]  a branch, a tag or a commit; default `main`
 * @property {string} [token]     for what is private or gated. It goes to the hub's own host only
 * @property {string} [endpoint]  the hub; default `https://huggingface.co`
 * @property {AbortSignal} [signal]
 */

/**
 * @typedef {object} HubFile
 * @property {Request} source  to the hub's own address, at the commit: each time that it is made, the hub signs anew
 * @property {{ length?: number, sha256?: string }} required  options for `admit` and its like. Empty where the hub
 *   keeps the file in git itself, as it does with small ones: then it knows no SHA-256 of it
 * @property {string | undefined} commit  of the revision, where the hub says it
 */

/** @type {Readonly<Record<keyof HubOptions, import('../core/options.js').Check>>} */
const HUB_OPTIONS = { revision: revisionIn, token: secretIn, endpoint: hubAt, signal };

/** A name, or an owner and a name. */
const REPOSITORY = /^[\w.-]+(\/[\w.-]+)?$/;
const COMMIT = /^[0-9a-f]{40}$/;
/** A pointer of Git LFS is shorter, by its specification. */
const POINTER_SIZE = 1024;
const POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\n/;

/** The first that leaves Authorization out where a redirect leads to another origin. Other engines did so before. */
const SAFE_CHROMIUM = 119;

/**
 * Asks a hub for what it knows of a file: one small request, for the pointer of Git LFS that stands in the place of
 * every large file. (A page sees nothing of a redirect, so not its `X-Linked-ETag` either.)
 *
 *   const { source, required } = await hubFile('ggml-org/gemma-3-270m-GGUF', 'gemma-3-270m-Q8_0.gguf');
 *   const { model } = await guest.admitStored('gemma.gguf', source, required);
 *
 * @param {string} repository  `owner/name`
 * @param {string} path        of the file in it
 * @param {HubOptions} [options]
 * @returns {Promise<HubFile>}
 */
export async function hubFile(repository, path, options) {
  const { revision = 'main', token, endpoint = hubAt('https://huggingface.co', 'endpoint'), signal } =
    checkOptions(options, HUB_OPTIONS);
  if (token !== undefined && passesTokensOn()) {
    throw misuse(`a token is not safe in this engine, which sends it on to other hosts: Chromium ${SAFE_CHROMIUM} is`, {
      code: 'unsupported', path: 'token',
    });
  }
  if (!isPath(repository) || !REPOSITORY.test(repository)) {
    throw misuse(`not a repository: ${shown(repository)} (owner/name)`, { path: 'repository' });
  }
  if (!isPath(path)) throw misuse(`not a path in a repository: ${shown(path)}`, { path: 'path' });
  const requestFor = (/** @type {'raw' | 'resolve'} */ what, /** @type {string} */ at) => {
    const segments = [...repository.split('/'), what, at, ...path.split('/')];
    const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
    return new Request(`${endpoint}/${segments.map(encodeURIComponent).join('/')}`, { cache: 'no-store', headers });
  };

  const { text, commit } = await beginningOf(requestFor('raw', revision), signal);
  const required = POINTER.test(text) ? pointed(text) : {};
  return { source: requestFor('resolve', commit ?? revision), required, commit };
}

/**
 * @param {Request} request
 * @param {AbortSignal} [signal]
 */
async function beginningOf(request, signal) {
  const from = new HttpSource(request, { signal });
  const bytes = new Uint8Array(POINTER_SIZE);
  let count = 0;
  try {
    await from.open();
    for (let piece; count < POINTER_SIZE && (piece = await from.read(POINTER_SIZE - count)); count += piece.length) {
      bytes.set(piece, count);
    }
    const [commit] = COMMIT.exec(from.headers?.get('x-repo-commit') ?? '') ?? [];
    return { text: new TextDecoder().decode(bytes.subarray(0, count)), commit };
  } finally {
    await from.close();
  }
}

/** @param {string} text  of a pointer */
function pointed(text) {
  const [, sha256] = /^oid sha256:([0-9a-f]{64})$/m.exec(text) ?? [];
  const [, size] = /^size (\d{1,15})$/m.exec(text) ?? [];
  if (!sha256 || !Number(size)) {
    throw sourceFault(`the hub sent a pointer that names no file: ${shown(text)}`, { found: shown(text) });
  }
  return { length: Number(size), sha256 };
}

/** A page sees nothing of a redirect: only the engine can keep a token from where it leads. */
function passesTokensOn() {
  const [, version] = /\bChrome\/(\d+)/.exec(globalThis.navigator?.userAgent ?? '') ?? [];
  return Number(version) < SAFE_CHROMIUM; // false of NaN: another engine
}

/** @param {unknown} path */
const isPath = path =>
  typeof path === 'string' && !/\p{C}/u.test(path) && path.split('/').every(part => !['', '.', '..'].includes(part));

/**
 * Part of an address: one of dots alone would lead elsewhere.
 *
 * @type {import('../core/options.js').Check}
 */
function revisionIn(value, name) {
  if (isPath(value)) return value;
  throw misuse(`${name} must be a branch, a tag or a commit, found ${shown(value)}`, { path: name });
}

/**
 * Without what it is: it may be a secret all the same.
 *
 * @type {import('../core/options.js').Check}
 */
function secretIn(value, name) {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw misuse(`${name} must be a text of visible characters of ASCII, without blanks`, { path: name });
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {string} without a slash at its end
 */
function hubAt(value, name) {
  try {
    const url = new URL(String(value));
    const isPlain = /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
    if (isPlain) return url.href.replace(/\/+$/, '');
  } catch {
    // no address
  }
  // Without the address: it may hold a password.
  throw misuse(`${name} must be an address, http or https, without name, password and query`, { path: name });
}
