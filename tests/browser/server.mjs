// An HTTP server that serves the package and the test pages, and files as badly as a test wants them.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} Behaviour  How one request is answered. All but `body` can be left out.
 * @property {Uint8Array | { file: string }} [body]
 * @property {number} [status]
 * @property {string} [type]
 * @property {Record<string, string | undefined>} [headers]  after all others; undefined takes one away
 * @property {boolean} [range]     honour Range (default true)
 * @property {string} [etag]       honoured in If-Range
 * @property {number | false} [length]  Content-Length as told; false: none (chunked)
 * @property {boolean} [cut]       cut the connection instead of an answer
 * @property {number} [breakAt]    cut the connection when the file's bytes up to here are sent
 * @property {number} [endAt]      end the answer there as if that were all
 * @property {Promise<unknown>} [hold]      wait for this ...
 * @property {number} [holdAt]              ... when the file's bytes up to here are sent (default: before the headers)
 * @property {number} [rate]       bytes a second
 * @property {number} [piece]      bytes sent at once (default 64 KiB)
 */

/**
 * @typedef {object} Request
 * @property {string | undefined} method
 * @property {string | undefined} range
 * @property {string | undefined} ifRange
 * @property {number} sent
 * @property {boolean} isOver
 */

/**
 * A request, the `count`-th for the file, counted from 1.
 *
 * @typedef {object} Asked
 * @property {number} count
 * @property {string | undefined} method
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {URL} url
 */

/** @typedef {(request: Asked) => Behaviour} Answer */

/**
 * @typedef {object} Served
 * @property {string} url
 * @property {Request[]} requests   what was asked for, and how many body bytes went out
 * @property {() => number} sent    over all requests
 */

const PIECE = 64 * 1024;
const FOLDERS = {
  '/js/': '../../js/',
  '/pages/': 'pages/',
  '/files/': '../../target/',
  '/app/': '../../examples/',
  '/packages/': 'node_modules/',
};
const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  wasm: 'application/wasm',
  svg: 'image/svg+xml',
};

export class Server {
  /** @type {Map<string, { answer: Answer, served: Served }>} */
  #files = new Map();
  #http = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy());
  });

  async listen() {
    await new Promise(resolve => this.#http.listen(0, '127.0.0.1', () => resolve(undefined)));
    return this;
  }

  get origin() {
    return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (this.#http.address()).port}`;
  }

  /** The same server under a name that browsers take for another origin. */
  get otherOrigin() {
    return this.origin.replace('127.0.0.1', 'localhost');
  }

  /**
   * @param {Behaviour | Answer} behaviour  for all requests, or for each
   * @param {string} [name]  the end of its address
   * @returns {Served}
   */
  put(behaviour, name = `${this.#files.size}`) {
    const path = `/made/${name}`;
    /** @type {Request[]} */ const requests = [];
    const served = { url: this.origin + path, requests, sent: () => requests.reduce((sum, { sent }) => sum + sent, 0) };
    this.#files.set(path, { answer: typeof behaviour === 'function' ? behaviour : () => behaviour, served });
    return served;
  }

  async close() {
    this.#http.closeAllConnections();
    await new Promise(resolve => this.#http.close(resolve));
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async #answer(request, response) {
    const path = decodeURIComponent(new URL(request.url ?? '/', this.origin).pathname);
    const made = this.#files.get(path);
    if (!made) return this.#answerFromDisk(path, response);
    const { requests } = made.served;
    const { range, 'if-range': ifRange } = request.headers;
    const record = {
      method: request.method,
      range,
      ifRange: /** @type {string | undefined} */ (ifRange),
      sent: 0,
      isOver: false,
    };
    requests.push(record);
    response.on('close', () => (record.isOver = true));
    const url = new URL(request.url ?? '/', this.origin);
    await send(
      made.answer({ count: requests.length, method: request.method, headers: request.headers, url }),
      record,
      response,
    );
  }

  /**
   * @param {string} path
   * @param {import('node:http').ServerResponse} response
   */
  async #answerFromDisk(path, response) {
    const [prefix, folder] = Object.entries(FOLDERS).find(([prefix]) => path.startsWith(prefix)) ?? [];
    const file =
      folder && !path.includes('..') && fileURLToPath(new URL(folder + path.slice(prefix?.length), import.meta.url));
    const found = file && (await stat(file).catch(() => undefined));
    if (!file || !found?.isFile())
      return void response.writeHead(404, { 'content-type': 'text/plain' }).end('not here');
    const type = TYPES[/** @type {keyof TYPES} */ (path.split('.').at(-1))] ?? 'application/octet-stream';
    response.writeHead(200, {
      'content-type': type,
      'content-length': found.size,
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
  }
}

/**
 * @param {Behaviour} behaviour
 * @param {Request} record
 * @param {import('node:http').ServerResponse} response
 */
async function send(behaviour, record, response) {
  const { body = new Uint8Array(0), status = 200, type = 'application/octet-stream', etag, hold, holdAt } = behaviour;
  if (behaviour.cut) return void response.destroy();
  if (hold && holdAt === undefined) await hold;
  const size = body instanceof Uint8Array ? body.length : (await stat(body.file)).size;
  const asked = behaviour.range === false ? undefined : /^bytes=(\d+)-(\d*)$/.exec(record.range ?? '');
  const isSame =
    record.ifRange === undefined || record.ifRange === etag || record.ifRange === behaviour.headers?.['last-modified'];
  const isPart = status === 200 && asked !== null && asked !== undefined && isSame;
  const first = isPart ? Number(asked[1]) : 0;
  const end = isPart && asked[2] ? Math.min(size, Number(asked[2]) + 1) : size;
  /** @type {Record<string, string | number | undefined>} */
  const headers = {
    'content-type': type, 'cache-control': 'no-store', connection: 'close', etag,
    'access-control-allow-origin': '*', 'access-control-allow-headers': '*',
  };
  if (isPart && first >= size) {
    return void response
      .writeHead(416, defined({ ...headers, 'content-range': `bytes */${size}`, ...behaviour.headers }))
      .end();
  }
  if (isPart) headers['content-range'] = `bytes ${first}-${end - 1}/${size}`;
  if (behaviour.length !== false) headers['content-length'] = behaviour.length ?? end - first;
  response.writeHead(isPart ? 206 : status, defined({ ...headers, ...behaviour.headers }));
  response.flushHeaders();

  const file = body instanceof Uint8Array ? undefined : await open(body.file);
  /** @type {Promise<unknown>} */ let written = Promise.resolve();
  const closed = once(response, 'close').catch(() => {});
  try {
    const stop = Math.min(end, behaviour.breakAt ?? end, behaviour.endAt ?? end);
    const stops = [holdAt, stop].filter(at => at !== undefined);
    for (let at = first; at < stop; ) {
      if (at === holdAt) await hold;
      if (response.destroyed) return;
      const count = Math.min(behaviour.piece ?? PIECE, ...stops.filter(next => next > at).map(next => next - at));
      const piece = file
        ? (await file.read(Buffer.alloc(count), 0, count, at)).buffer
        : /** @type {Uint8Array} */ (body).subarray(at, at + count);
      at += count;
      record.sent += count;
      written = new Promise(resolve => response.write(piece, resolve));
      if (response.writableNeedDrain)
        await Promise.race([new Promise(resolve => response.once('drain', resolve)), closed]);
      if (behaviour.rate) await sleep((1000 * count) / behaviour.rate);
    }
    if (hold && holdAt !== undefined && holdAt >= stop) await hold;
    // What was written is to arrive before the connection breaks.
    if (behaviour.breakAt === undefined || stop !== behaviour.breakAt) return void response.end();
    await Promise.race([written, closed]);
    await sleep(50);
    response.destroy();
  } finally {
    await file?.close();
  }
}

/** @param {Record<string, string | number | undefined>} headers */
const defined = headers =>
  /** @type {Record<string, string | number>} */ (
    Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  );

/** @returns {Promise<Server>} */
export const serve = () => new Server().listen();
