// A file over HTTP: what the server says is judged early, and a broken download goes on where it stood.
import { follow, patiently, sleep, unlessAborted } from '../../core/waiting.js';
import { AdmissionError, messageOf, misuse, nameOf, sourceFault } from '../../core/errors.js';
import { contentLength, contentRange, isEncoded, retryAfter, sureBytes } from './headers.js';
import { compared, isProven, versionOf } from './version.js';
import { StreamSource } from '../stream.js';

/** @typedef {import('../source.js').Source} Source */
/** @typedef {import('../source.js').SourceOptions} SourceOptions */
/** @typedef {(why: string, detail?: Partial<import('../../core/errors.js').Detail>) => AdmissionError} Broken  why a download ended */

const RETRIES = 3;
const RETRY_DELAY = 500;
const LONGEST_DELAY = 30_000;
/** Statuses after which the same request may do better. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/**
 * A Response, a Request or a URL.
 *
 * A download that breaks goes on by `Range` from the bytes that were given, under `If-Range`, and only with a rest that
 * names the version of the file that began, so that no model is ever made of two files. Where the server names none that
 * tells two files apart (a strong ETag, a Last-Modified that was old by then), a required digest has to.
 *
 * A Request is asked again as it is, with its headers (Authorization, say). A Response knows neither the headers nor the
 * method that it answers: it goes on by a plain GET of its URL, the one that a redirect led to.
 *
 * @implements {Source}
 */
export class HttpSource {
  /** @type {number | undefined} */ length = undefined;
  /** @type {number | undefined} */ total = undefined;

  #request;
  #response;
  #isGiven;
  /** @type {StreamSource | undefined} */ #body;
  #position = 0;
  #type = '';
  #isEncoded = false;
  /** @type {import('./version.js').Version} */ #version = {};
  /** Whether If-Range may be sent: see #askOn. */ #asksIf = true;

  #aborted = new AbortController();
  #over = new AbortController();
  #unhear;
  #digestRequired;
  #triesLeft;
  #firstDelay;
  #delay;

  /**
   * @param {Response | Request | string | URL} from
   * @param {SourceOptions} options
   */
  constructor(from, { signal, retries = RETRIES, retryDelay = RETRY_DELAY, sha256, blake3 }) {
    this.#response = isResponse(from) ? from : undefined;
    this.#isGiven = this.#response !== undefined;
    this.#request = isResponse(from) ? requestOf(from) : isRequest(from) ? from : requestTo(from);
    this.#digestRequired = Boolean(sha256 ?? blake3);
    this.#triesLeft = retries;
    this.#firstDelay = this.#delay = retryDelay;
    if (this.#response?.bodyUsed) throw sourceFault('the body of this response was read already', { code: 'locked' });
    // Whoever gives a Response gives its body: it is ours from here on.
    if (this.#response) this.#body = bodyOf(this.#response);
    this.#unhear = [follow(this.#aborted, signal), follow(this.#aborted, this.#request?.signal), follow(this.#over, this.#aborted.signal)];
  }

  /** Of the Request; of a Response the one that it was fetched with, as far as its body has shown. */
  get signal() {
    return this.#isGiven ? this.#aborted.signal : this.#request?.signal;
  }

  async open() {
    // Not before: what cannot be done is said when there is somebody to close the body of a Response.
    if (!(this.#triesLeft >= 0 && this.#delay >= 0)) throw misuse('retries and retryDelay must be numbers, 0 or above');
    if (!this.#response) await this.#take((this.#response = await this.#fetch()));
    this.#judgeFirst(this.#response);
  }

  /**
   * @param {number} most
   * @returns {Promise<Uint8Array | null>}
   */
  async read(most) {
    for (;;) {
      if (!this.#body) return null;
      /** @type {unknown} */
      let fault;
      try {
        const bytes = await this.#body.read(most);
        if (bytes) {
          this.#position += bytes.byteLength;
          this.#delay = this.#firstDelay;
          return bytes;
        }
        if (this.length === undefined || this.#position >= this.length || !this.#canGoOn) return null;
        fault = sourceFault(`the body ended at byte ${this.#position} of ${this.length}`);
      } catch (error) {
        fault = error;
        this.#passOnAbort(error);
        // Nothing is missing: the connection broke behind the last byte.
        if (this.length !== undefined && this.#position >= this.length) return null;
      }
      await this.#goOn(fault);
    }
  }

  /** @param {unknown} [reason] */
  async close(reason) {
    const closed = this.#body?.close(reason);
    // Nor is anything to come of a wait or a request that is under way.
    this.#over.abort(reason);
    for (const stop of this.#unhear) stop();
    await closed;
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
    const sent = contentLength(headers) || undefined;
    if (!this.#isEncoded) this.total = sent;
    if (!this.#isEncoded && response.type !== 'cors') this.length = sent;

    if (response.status === 206) {
      const range = contentRange(headers);
      if (range?.start !== 0 || range.end + 1 !== range.total) {
        throw sourceFault('the response holds a part of a file', { code: 'range', found: headers.get('content-range') });
      }
    }
  }

  /** Whether there may be more than a body that ended in good order. */
  get #canGoOn() {
    // A Response that ended before its first byte answers a HEAD, for all that is known of it.
    if (this.#position === 0 && this.#isGiven) return false;
    return this.#request !== undefined && this.#request.method === 'GET' && !this.#isEncoded;
  }

  /**
   * What is no fault of the network is the reason of an abort, by the signal of the caller's own fetch: it ends the source.
   *
   * @param {unknown} fault  of the body
   */
  #passOnAbort(fault) {
    this.#over.signal.throwIfAborted();
    // A Response that was made by hand fails with whatever its maker's stream does.
    if (this.#request ? isNetworkFault(fault) : nameOf(fault) !== 'AbortError') return;
    this.#aborted.abort(fault);
    throw fault;
  }

  /**
   * Asks for the rest of the file.
   *
   * @param {unknown} fault  that ended the download
   */
  async #goOn(fault) {
    const { signal } = this.#over;
    signal.throwIfAborted();
    await this.#body?.close(fault);
    const offset = this.#position;
    /** @type {Broken} */
    const broken = (why, detail) =>
      sourceFault(`the download broke at byte ${offset}: ${messageOf(fault)}; ${why}`, { offset, cause: fault, ...detail });
    if (!this.#request || this.#request.method !== 'GET') throw broken('it cannot be asked for again');
    if (this.#isEncoded) throw broken('a compressed download cannot go on in the middle');
    if (!this.#version.validator && !this.#digestRequired) {
      const names = 'a strong ETag, or a Last-Modified that was old by then';
      throw broken(`the server names no version of the file (${names}) and no digest is required: it cannot go on safely`);
    }

    let pause = 0;
    for (;;) {
      if (this.#triesLeft <= 0) throw broken('no tries are left');
      this.#triesLeft--;
      await sleep(Math.max(this.#delay, pause), signal);
      pause = 0;
      this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY);
      let response;
      try {
        response = await this.#askOn();
      } catch (error) {
        signal.throwIfAborted();
        fault = error;
        continue;
      }
      if (PASSING.has(response.status)) {
        await drop(response);
        pause = retryAfter(response.headers);
        if (pause > Math.max(LONGEST_DELAY, this.#delay)) {
          throw broken(`${told(response)}, to come again in ${Math.ceil(pause / 1000)} s`, statusOf(response));
        }
        fault = httpFault(response);
        continue;
      }
      try {
        const hasMore = this.#judgeNext(response, broken);
        this.#body = undefined;
        if (hasMore) await this.#take(response);
      } catch (error) {
        await drop(response);
        throw error;
      }
      return;
    }
  }

  /**
   * Across origins a server has to allow If-Range, and one that does not lets nothing through. The Range alone it need not
   * allow. That does as well: the rest has to name its version anyway, and one of another file is refused.
   *
   * @returns {Promise<Response>} to a request for the rest
   */
  async #askOn() {
    const range = `bytes=${this.#position}-`;
    const { validator } = this.#version;
    if (!validator || !this.#asksIf) return this.#fetch({ range });
    try {
      return await this.#fetch({ range, 'if-range': validator });
    } catch (error) {
      const isForbidden = this.#response?.type === 'cors' && error instanceof AdmissionError && isNetworkFault(error.cause);
      if (!isForbidden) throw error;
      const response = await this.#fetch({ range });
      this.#asksIf = false;
      return response;
    }
  }

  /**
   * Is this the rest of the same file?
   *
   * @param {Response} response
   * @param {Broken} broken
   * @returns {boolean} false: there is no more
   */
  #judgeNext(response, broken) {
    const { status, headers } = response;
    const offset = this.#position;
    const range = contentRange(headers);
    const changed = (/** @type {string} */ what, /** @type {unknown} */ expected, /** @type {unknown} */ found) =>
      sourceFault(`the file on the server changed during the download: ${what}`, {
        code: 'changed', offset, expected: String(expected ?? ''), found: String(found ?? ''),
      });
    const noRange = (/** @type {string} */ why) =>
      broken(`the server cannot go on there: ${why}`, {
        code: 'range', expected: `bytes ${offset}-`, found: headers.get('content-range') ?? String(status),
      });

    // First of all, as the page that tells of an error may have a version of its own.
    if (!response.ok && status !== 412 && status !== 416) throw broken(told(response), statusOf(response));
    if (status === 412) throw changed('its version is another', '', 'status 412');
    if (status === 416) {
      if (range?.total === offset && (this.length ?? offset) === offset) return false;
      if (!range && this.length === undefined) throw noRange('it has no more, and does not say how long the file is');
      throw changed('it is shorter', this.length, range?.total);
    }
    const version = versionOf(headers);
    const names = compared(this.#version, version);
    if (names && !names.isSame) throw changed('its version is another', names.expected, names.found);
    if (status !== 206) {
      if (names || !this.#version.validator || !this.#asksIf) throw noRange('it ignores Range');
      throw changed('it sent the whole file anew', 206, status);
    }
    // A 206 names what a 200 would (RFC 9110 15.3.7). A server or a proxy that knows Range, but not If-Range, sends the rest
    // of whatever file is there now.
    if (!this.#digestRequired && !isProven(this.#version, version)) {
      throw noRange('it does not say which version of the file the rest is of, and no digest is required');
    }
    if (isEncoded(headers)) throw noRange('it compresses the rest');

    if (range) {
      if (range.start !== offset) throw noRange('it sent another part');
      this.length ??= range.total;
      if ((range.total ?? this.length) !== this.length) throw changed('its length is another', this.length, range.total);
    } else if (response.type !== 'cors' || this.total === undefined || contentLength(headers) !== this.total - offset) {
      // Across origins Content-Range may be hidden; then the length of the rest has to fit.
      throw noRange('it does not say which part it sent');
    }
    return true;
  }

  /**
   * @param {Record<string, string>} [headers]  in the place of the request's own
   * @returns {Promise<Response>}
   */
  async #fetch(headers) {
    const { signal } = this.#over;
    const asked = /** @type {Request} */ (this.#request);
    // Whoever gives any of these resets the referrer and its policy, if they are not among them.
    const init = { signal, referrer: asked.referrer, referrerPolicy: asked.referrerPolicy };
    const request = headers ? new Request(asked, { ...init, headers: { ...Object.fromEntries(asked.headers), ...headers } }) : asked;
    try {
      const fetched = fetch(request, init);
      // One that comes all the same when nobody waits any more.
      fetched.then(late => void (signal.aborted && drop(late)), () => {});
      return await unlessAborted(signal, fetched);
    } catch (cause) {
      signal.throwIfAborted();
      const why = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
      throw sourceFault(`could not fetch ${asked.url}: ${why}`, { offset: this.#position, cause });
    }
  }

  /**
   * Takes hold of a body, unless the source was closed before it came.
   *
   * @param {Response} response
   */
  async #take(response) {
    const { signal } = this.#over;
    if (signal.aborted) await drop(response);
    signal.throwIfAborted();
    this.#body = bodyOf(response);
  }
}

/**
 * The type tells a response that was fetched from one that was made by hand, of a stream perhaps. One without a body is an
 * empty file.
 *
 * @param {Response} response
 */
function bodyOf(response) {
  const { body, type } = response;
  return body ? new StreamSource(body, { isOwn: type !== 'default', sure: sureBytes(response) }) : undefined;
}

/** @param {Response} response */
const httpFault = response => sourceFault(told(response), statusOf(response));

/** @param {Response} response */
const told = ({ status, statusText, type, url }) =>
  type.startsWith('opaque') ? 'the response is opaque: it was fetched without CORS' : `the server answered ${status} ${statusText} for ${url}`;

/** @param {Response} response */
const statusOf = ({ status }) => ({ code: 'http', status, expected: '200', found: String(status) });

/**
 * A TypeError to every engine.
 *
 * @param {unknown} fault  of a fetch, or of a body
 */
const isNetworkFault = fault => nameOf(fault) === 'TypeError';

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
    if (hasCredentials(location)) throw misuse('a URL must hold no name and no password: give a Request with the header Authorization');
    throw misuse(`not a URL: ${location} (in Node, a file is { path })`, { cause });
  }
}

/** @param {string | URL} location */
function hasCredentials(location) {
  try {
    const { username, password } = new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href);
    return username !== '' || password !== '';
  } catch {
    return false;
  }
}

/**
 * The request that would fetch this response's file again.
 *
 * @param {Response} response
 */
const requestOf = ({ url }) => (/^https?:/.test(url) && !hasCredentials(url) ? new Request(url) : undefined);
