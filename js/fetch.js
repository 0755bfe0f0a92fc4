// A file over HTTP: what the server says is judged early, and a broken download goes on where it stood.
import { patiently, sleep, unlessAborted } from './abort.js';
import { AdmissionError, messageOf, misuse, sourceFault } from './errors.js';
import { StreamSource } from './sources/stream.js';

/** @typedef {import('./sources/source.js').Source} Source */
/** @typedef {import('./sources/source.js').SourceOptions} SourceOptions */

const RETRIES = 3;
const RETRY_DELAY = 500;
const LONGEST_DELAY = 30_000;
/** Statuses after which the same request may do better. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/**
 * A Response, a Request or a URL.
 *
 * A download that breaks goes on by `Range` from the bytes that were given, under `If-Range`, so that no model is ever
 * made of two files. Where the server cannot promise that (no ETag, no Last-Modified), a required digest has to.
 *
 * @implements {Source}
 */
export class HttpSource {
  /** @type {number | undefined} */ length = undefined;
  /** @type {number | undefined} */ total = undefined;

  #request;
  #response;
  /** @type {StreamSource | undefined} */ #body;
  #position = 0;
  #type = '';
  #isEncoded = false;
  /** @type {Version} */ #version = {};

  /** The caller's signal, or the request's. */
  signal;
  #digestRequired;
  #triesLeft;
  #firstDelay;
  #delay;

  /**
   * @param {Response | Request | string | URL} from
   * @param {SourceOptions} options
   */
  constructor(from, { signal, retries = RETRIES, retryDelay = RETRY_DELAY, sha256, blake3 }) {
    if (!(retries >= 0 && retryDelay >= 0)) throw misuse('retries and retryDelay must be numbers, 0 or above');
    this.#response = isResponse(from) ? from : undefined;
    this.#request = isResponse(from) ? requestOf(from) : isRequest(from) ? from : requestTo(from);
    this.signal = signal && this.#request ? either(signal, this.#request.signal) : signal ?? this.#request?.signal;
    this.#digestRequired = Boolean(sha256 ?? blake3);
    this.#triesLeft = retries;
    this.#firstDelay = this.#delay = retryDelay;
    if (this.#response?.bodyUsed) throw sourceFault('the body of this response was read already', { code: 'locked' });
    // Whoever gives a Response gives its body: it is ours from here on.
    if (this.#response?.body) this.#body = bodyOf(this.#response);
  }

  async open() {
    const response = (this.#response ??= await this.#fetch());
    this.#body ??= bodyOf(response);
    this.#judgeFirst(response);
  }

  /**
   * @param {number} most
   * @returns {Promise<Uint8Array | null>}
   */
  async read(most) {
    for (;;) {
      /** @type {unknown} */
      let fault;
      try {
        const bytes = (await this.#body?.read(most)) ?? null;
        if (bytes) {
          this.#position += bytes.byteLength;
          this.#delay = this.#firstDelay;
          return bytes;
        }
        if (this.length === undefined || this.#position >= this.length || !this.#canGoOn) return null;
        fault = sourceFault(`the body ended at byte ${this.#position} of ${this.length}`);
      } catch (error) {
        fault = error;
      }
      await this.#goOn(fault);
    }
  }

  /** @param {unknown} [reason] */
  async close(reason) {
    await this.#body?.close(reason);
  }

  /**
   * A page instead of a model is named as such; the guest only sees that it is no GGUF.
   *
   * @param {unknown} error
   */
  explain(error) {
    if (!(error instanceof AdmissionError) || error.path !== 'magic' || !/^(text\/html|application\/xhtml)/.test(this.#type)) return error;
    return sourceFault(`the server sent a web page (${this.#type}), not a GGUF file`, {
      code: 'html', offset: error.offset, expected: 'GGUF', found: this.#type, cause: error,
    });
  }

  /** @param {Response} response */
  #judgeFirst(response) {
    if (!response.ok) throw httpFault(response);
    const { headers } = response;
    this.#type = (headers.get('content-type') ?? '').toLowerCase();
    this.#version = versionOf(headers);
    this.#isEncoded = isEncoded(headers);

    // Content-Length counts what was sent, which is not the file when the body is compressed. Across origins the
    // header that would say so is hidden: then it is good enough for a progress bar only.
    const sent = wholeNumber(headers.get('content-length')) || undefined;
    if (!this.#isEncoded) this.total = sent;
    if (!this.#isEncoded && response.type !== 'cors') this.length = sent;

    if (response.status === 206) {
      const range = contentRange(headers);
      if (range?.start !== 0 || range.end + 1 !== range.total) {
        throw sourceFault('the response holds a part of a file', { code: 'range', found: headers.get('content-range') });
      }
    }
  }

  get #canGoOn() {
    return this.#request !== undefined && this.#request.method === 'GET' && !this.#isEncoded;
  }

  /**
   * Asks for the rest of the file.
   *
   * @param {unknown} fault  that ended the download
   */
  async #goOn(fault) {
    this.signal?.throwIfAborted();
    await this.#body?.close(fault);
    const broken = (/** @type {string} */ why) =>
      sourceFault(`the download broke at byte ${this.#position}: ${messageOf(fault)}; ${why}`, { offset: this.#position, cause: fault });
    if (!this.#request || this.#request.method !== 'GET') throw broken('it cannot be asked for again');
    if (this.#isEncoded) throw broken('a compressed download cannot go on in the middle');
    const validator = this.#version.etag ?? this.#version.modified;
    if (!validator && !this.#digestRequired) {
      throw broken('the server names no version of the file (ETag, Last-Modified) and no digest is required: it cannot go on safely');
    }

    for (;;) {
      if (this.#triesLeft <= 0) throw broken('no tries are left');
      this.#triesLeft--;
      await sleep(this.#delay, this.signal);
      this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY);
      let response;
      try {
        response = await this.#fetch({ range: `bytes=${this.#position}-`, ...(validator && { 'if-range': validator }) });
      } catch (error) {
        this.signal?.throwIfAborted();
        fault = error;
        continue;
      }
      if (PASSING.has(response.status)) {
        await drop(response);
        fault = httpFault(response);
        continue;
      }
      try {
        this.#body = this.#judgeNext(response) ? bodyOf(response) : undefined;
      } catch (error) {
        await drop(response);
        throw error;
      }
      return;
    }
  }

  /**
   * Is this the rest of the same file?
   *
   * @param {Response} response
   * @returns {boolean} false: there is no more
   */
  #judgeNext(response) {
    const { status, headers } = response;
    const offset = this.#position;
    const version = versionOf(headers);
    const range = contentRange(headers);
    const changed = (/** @type {string} */ what, /** @type {unknown} */ expected, /** @type {unknown} */ found) =>
      sourceFault(`the file on the server changed during the download: ${what}`, {
        code: 'changed', offset, expected: String(expected ?? ''), found: String(found ?? ''),
      });
    const noRange = (/** @type {string} */ why) =>
      sourceFault(`the download broke at byte ${offset} and the server cannot go on there: ${why}`, {
        code: 'range', offset, expected: `bytes ${offset}-`, found: headers.get('content-range') ?? String(status),
      });

    for (const key of /** @type {const} */ (['etag', 'weak', 'modified'])) {
      const [old, now] = [this.#version[key], version[key]];
      if (old && now && old !== now) throw changed('its version is another', old, now);
      if (old && now) break; // the strongest that both have decides
    }
    if (status === 412) throw changed('its version is another', '', 'status 412');
    if (status === 416) {
      if (range?.total === offset && (this.length ?? offset) === offset) return false;
      throw changed('it is shorter', this.length, range?.total);
    }
    if (!response.ok) throw httpFault(response);
    if (status !== 206) {
      const isSame = Boolean((version.etag && version.etag === this.#version.etag) || (version.modified && version.modified === this.#version.modified));
      if (isSame || (!this.#version.etag && !this.#version.modified)) throw noRange('it ignores Range');
      throw changed('it sent the whole file anew', 206, status);
    }
    if (isEncoded(headers)) throw noRange('it compresses the rest');

    const rest = wholeNumber(headers.get('content-length'));
    if (range) {
      if (range.start !== offset) throw noRange('it sent another part');
      if (range.total !== undefined && this.length !== undefined && range.total !== this.length) throw changed('its length is another', this.length, range.total);
      this.length ??= range.total;
    } else if (response.type !== 'cors' || this.total === undefined || rest !== this.total - offset) {
      // Across origins Content-Range may be hidden; then the length of the rest has to fit.
      throw noRange('it does not say which part it sent');
    }
    return true;
  }

  /**
   * @param {Record<string, string>} [headers]
   * @returns {Promise<Response>}
   */
  async #fetch(headers) {
    const asked = /** @type {Request} */ (this.#request);
    const request = headers ? new Request(asked, { headers: [...asked.headers, ...Object.entries(headers)] }) : asked;
    try {
      return await unlessAborted(this.signal, fetch(request, { signal: this.signal }));
    } catch (cause) {
      this.signal?.throwIfAborted();
      const why = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
      throw sourceFault(`could not fetch ${asked.url}: ${why}`, { offset: this.#position, cause });
    }
  }
}

/**
 * The type tells a response that was fetched from one that was made by hand, of a stream perhaps.
 *
 * @param {Response} response
 */
const bodyOf = ({ body, type }) => (body ? new StreamSource(body, { isOwn: type !== 'default' }) : undefined);

/** @typedef {{ etag?: string, weak?: string, modified?: string }} Version  what a server calls the file it sends */

/**
 * @param {Headers} headers
 * @returns {Version}
 */
function versionOf(headers) {
  const etag = headers.get('etag') ?? undefined;
  const modified = headers.get('last-modified') ?? undefined;
  // A weak ETag promises no equal bytes: If-Range must not carry it.
  return etag?.startsWith('W/') ? { weak: etag, modified } : { etag, modified };
}

/** @param {Headers} headers */
const isEncoded = headers => !['', 'identity'].includes((headers.get('content-encoding') ?? '').trim().toLowerCase());

/** @param {string | null} text */
const wholeNumber = text => (text !== null && /^\d+$/.test(text.trim()) ? Number(text) : undefined);

/** @param {Headers} headers */
function contentRange(headers) {
  const found = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i.exec(headers.get('content-range')?.trim() ?? '');
  return found ? { start: Number(found[1]), end: Number(found[2]), total: found[3] === '*' ? undefined : Number(found[3]) } : undefined;
}

/** @param {Response} response */
const httpFault = ({ status, statusText, type, url }) =>
  sourceFault(type.startsWith('opaque') ? 'the response is opaque: it was fetched without CORS' : `the server answered ${status} ${statusText} for ${url}`, {
    code: 'http', status, expected: '200', found: String(status),
  });

/** @param {Response} response */
const drop = response => patiently(() => response.body?.cancel());

/**
 * @param {unknown} value
 * @returns {value is Response}
 */
const isResponse = value => typeof value === 'object' && value !== null && 'ok' in value;

/**
 * @param {unknown} value
 * @returns {value is Request}
 */
const isRequest = value => typeof value === 'object' && value !== null && 'method' in value;

/** @param {string | URL} location */
function requestTo(location) {
  try {
    return new Request(location);
  } catch (cause) {
    throw misuse(`not a URL: ${location} (in Node, a file is { path })`, { cause });
  }
}

/**
 * The request that would fetch this response's file again.
 *
 * @param {Response} response
 */
const requestOf = response => (/^https?:/.test(response.url) ? new Request(response.url) : undefined);

/**
 * @param {AbortSignal} first
 * @param {AbortSignal} second
 */
const either = (first, second) => (AbortSignal.any ? AbortSignal.any([first, second]) : first);
