// A model hub on this machine, with the answers and headers of the real one: one port for the hub, another for the
// host that it sends to for contents. A page of any origin may ask both.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

/**
 * @typedef {object} Asked
 * @property {'hub' | 'content'} host
 * @property {string} method
 * @property {string} path
 * @property {string | undefined} authorization
 * @property {string | undefined} range
 * @property {number} sent  bytes of its answer
 */

/**
 * @typedef {object} HubSpec
 * @property {Uint8Array} file
 * @property {Record<string, Uint8Array>} [others]  more files, by their paths
 * @property {string} [token]      without which the repository is gated
 * @property {boolean} [isSmall]   the file lies in git itself
 * @property {number[]} [breaks]   the n-th content breaks after so many bytes
 * @property {boolean} [isSilent]  and is silent there, instead of closing the connection
 */

const [REPOSITORY, FORMER] = ['/owner/model', '/owner/former'];
const PATH = 'quants/m%20%23q4.gguf';
/** What the hub lets a page of another origin see. */
const EXPOSED = [
  'X-Repo-Commit', 'X-Request-Id', 'X-Error-Code', 'X-Error-Message', 'X-Total-Count', 'ETag', 'Link', 'Accept-Ranges',
  'Content-Range', 'X-Linked-Size', 'X-Linked-ETag', 'X-Xet-Hash',
].join();
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED };

export class Hub {
  repository = REPOSITORY.slice(1);
  /** Its name before it was renamed. */
  former = FORMER.slice(1);
  path = decodeURIComponent(PATH);
  commit = 'a'.repeat(40);
  /** @type {Asked[]} */ requests = [];
  /** What the contents' host calls the file. */
  etag = '"content"';
  /** @type {Map<string, Uint8Array>} by commit */ #files = new Map();
  /** @type {Set<string>} */ #signatures = new Set();
  #spec;
  #contents = 0;
  #hub = createServer((request, response) => this.#answer(this.#note('hub', request), request, response));
  #content = createServer((request, response) => this.#send(this.#note('content', request), request, response));

  /** @param {HubSpec} spec */
  constructor(spec) {
    this.#spec = spec;
    this.#files.set(this.commit, spec.file);
  }

  async listen() {
    for (const server of [this.#hub, this.#content]) {
      await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    }
    return this;
  }

  get endpoint() {
    return originOf(this.#hub);
  }

  get contentOrigin() {
    return originOf(this.#content);
  }

  /** Another file under the same path, on the branch `main`. */
  push(/** @type {Uint8Array} */ file) {
    this.commit = 'b'.repeat(40);
    this.#files.set(this.commit, file);
  }

  /** No signed address is good any more. */
  expire() {
    this.#signatures.clear();
  }

  async close() {
    for (const server of [this.#hub, this.#content]) {
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
    }
  }

  /**
   * @param {string} commit
   * @param {string} path
   */
  #fileAt(commit, path) {
    const file = this.#files.get(commit);
    return file && (path === PATH ? file : this.#spec.others?.[path]);
  }

  /**
   * @param {Asked['host']} host
   * @param {import('node:http').IncomingMessage} request
   */
  #note(host, { method = '', url = '', headers: { authorization, range } }) {
    const asked = { host, method, path: url, authorization, range, sent: 0 };
    if (method !== 'OPTIONS') this.requests.push(asked);
    return asked;
  }

  /**
   * @param {Asked} asked
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  #answer(asked, request, response) {
    const end = (/** @type {number} */ status, /** @type {Record<string, string>} */ headers, body = '') =>
      void response.writeHead(status, { ...CORS, ...headers }).end(body);
    const allowed = { 'access-control-allow-headers': 'authorization, range', 'access-control-allow-methods': 'GET' };
    if (request.method === 'OPTIONS') return end(204, allowed);
    if (asked.path.startsWith(`${FORMER}/`)) {
      return end(307, { location: asked.path.replace(FORMER, REPOSITORY) }); // relative
    }
    const [, what, revision, path] = new RegExp(`^${REPOSITORY}/(raw|resolve)/([^/]+)/(.+)$`).exec(asked.path) ?? [];
    const commit = revision === 'main' ? this.commit : revision;
    const file = this.#fileAt(commit, path);
    if (!what || !file) return end(404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' });
    if (this.#spec.token && asked.authorization !== `Bearer ${this.#spec.token}`) {
      return end(401, { 'x-error-code': 'GatedRepo', 'x-error-message': 'Access to model owner/model is restricted.' });
    }
    const sha256 = createHash('sha256').update(file).digest('hex');
    const about = { 'x-repo-commit': commit };
    if (this.#spec.isSmall) return this.#sendFile(asked, { ...about, etag: `"${'c'.repeat(40)}"` }, file, response);
    if (what === 'raw') {
      const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${file.length}\n`;
      return end(200, { ...about, 'content-type': 'text/plain; charset=utf-8' }, pointer);
    }
    const signature = String(this.requests.length);
    this.#signatures.add(signature);
    const location = `${this.contentOrigin}/${commit}/${path}?Expires=1&Policy=SECRET&Signature=${signature}`;
    const linked = { 'x-linked-etag': `"${sha256}"`, 'x-linked-size': String(file.length) };
    return end(302, { ...about, ...linked, location });
  }

  /**
   * @param {Asked} asked
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  #send(asked, request, response) {
    // Firefox asks this too, of a request that it had to ask the hub about; it names no header then.
    if (request.method === 'OPTIONS') return void response.writeHead(204, CORS).end();
    const { pathname, searchParams } = new URL(asked.path, this.contentOrigin);
    const [, commit, path] = /^\/([^/]+)\/(.+)$/.exec(pathname) ?? [];
    const file = this.#fileAt(commit, path);
    const isGood = request.method === 'GET' && this.#signatures.has(searchParams.get('Signature') ?? '');
    if (!file || !isGood) return void response.writeHead(403, CORS).end();
    const cached = { etag: this.etag, 'cache-control': 'public, max-age=31536000, immutable' };
    return this.#sendFile(asked, cached, file, response, this.#spec.breaks?.[this.#contents++]);
  }

  /**
   * @param {Asked} asked
   * @param {Record<string, string>} about
   * @param {Uint8Array} file
   * @param {import('node:http').ServerResponse} response
   * @param {number} [breakAfter]
   */
  #sendFile(asked, about, file, response, breakAfter) {
    const start = Number(/^bytes=(\d+)-$/.exec(asked.range ?? '')?.[1] ?? 0);
    const body = file.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      ...CORS, ...about, 'accept-ranges': 'bytes', 'content-length': body.length,
      ...(start > 0 && { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }),
    });
    const part = body.subarray(0, breakAfter);
    asked.sent = part.length;
    if (breakAfter === undefined) return void response.end(part);
    response.write(part);
    if (!this.#spec.isSilent) response.socket?.end(); // behind what was written
  }
}

/** @param {HubSpec} spec */
export const openHub = spec => new Hub(spec).listen();

/** @param {import('node:http').Server} server */
function originOf(server) {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}`;
}
