// A file over HTTP: what the server says is judged early, and a broken download goes on where it stood.
import { follow } from '../../core/waiting.js';
import { isAdmissionError, messageOf, nameOf, sourceFault } from '../../core/errors.js';
import { signal as checkSignal } from '../../core/options.js';
import { contentType, httpFault, isPage, isPassing, pageFault, statusOf, told } from './answer.js';
import { bodyOf, lookedInto } from './body.js';
import { isSameFile, placeOf } from './earlier.js';
import { contentLength, contentRange, isEncoded, retryAfter } from './headers.js';
import { CAUTIOUS_READ, Line, Silence, drop, isNetworkFault } from './line.js';
import { isRequest, isResponse, requestOf, requestTo } from './request.js';
import { judgedRest } from './rest.js';
import { STALL_TIMEOUT, Tries } from './tries.js';
import { versionOf } from './version.js';
import { shown } from '../../core/text.js';

/** @typedef {import('../source.js').Source} Source */
/** @typedef {import('../source.js').SourceOptions} SourceOptions */
/** @typedef {import('./rest.js').Broken} Broken */
/** @typedef {import('./earlier.js').Earlier} Earlier */

/**
 * A Response, a Request or a URL.
 *
 * A download that breaks, or is silent for `stallTimeout`, goes on by `Range` from the bytes that were given, under
 * `If-Range`, and only with a rest that names the version of the file that began, so that no model is ever made of two
 * files. Where the server names none that tells two files apart (a strong ETag, a Last-Modified that was old by then),
 * a required digest has to. `retries` are tries without progress; the first request has them too.
 *
 * A Request is asked again as it is, with its headers (Authorization, say) and its cache mode. A Response knows neither
 * the headers nor the method that it answers: it goes on by a plain GET of its URL, the one that a redirect led to.
 *
 * @implements {Source}
 */
export class HttpSource {
  /** @type {number | undefined} */ length = undefined;
  /** @type {number | undefined} */ total = undefined;

  #request;
  #response;
  #isGiven;
  /** @type {import('./body.js').Body | undefined} */ #body;
  #position = 0;
  /** Bytes of the body that were given before. */ #skip = 0;
  #type = '';
  #isEncoded = false;
  /** @type {import('./version.js').Version} */ #version = {};
  /** Whether If-Range may be sent: see #askOn. */ #asksIf = true;
  /** @type {Earlier | undefined} */ #earlier;

  #aborted = new AbortController();
  #over = new AbortController();
  #unhear;
  #digestRequired;
  #tries;
  #line;

  /**
   * @param {Response | Request | string | URL} from
   * @param {SourceOptions} options
   */
  constructor(from, options) {
    const { signal, sha256, blake3, stallTimeout = STALL_TIMEOUT } = options;
    this.#response = isResponse(from) ? from : undefined;
    this.#isGiven = this.#response !== undefined;
    this.#request = isResponse(from) ? requestOf(from) : isRequest(from) ? from : requestTo(from);
    const own = this.#request?.signal ?? undefined;
    if (own) checkSignal(own, 'signal of a request', () => {});
    this.#digestRequired = Boolean(sha256 ?? blake3);
    this.#tries = new Tries(options);
    // A Response that was made by hand comes over no line: whoever makes it may take any time.
    this.#line = new Line(this.#over.signal, this.#response?.type === 'default' ? 0 : stallTimeout);
    if (this.#response?.bodyUsed) throw sourceFault('the body of this response was read already', { code: 'locked' });
    // Whoever gives a Response gives its body: it is ours from here on.
    if (this.#response) this.#body = bodyOf(this.#response);
    const signals = [signal, own].map(each => follow(this.#aborted, each));
    this.#unhear = [...signals, follow(this.#over, this.#aborted.signal)];
  }

  /** Of the Request; of a Response the one that it was fetched with, as far as its body has shown. */
  get signal() {
    return this.#isGiven ? this.#aborted.signal : this.#request?.signal;
  }

  /** The offset of the next byte: after `open` that of the first. */
  get position() {
    return this.#position;
  }

  /** Of the first answer, after `open`. */
  get headers() {
    return this.#response?.headers;
  }

  /** @returns {import('./earlier.js').Identity | undefined} after `open` */
  get identity() {
    const { method, url } = this.#request ?? {};
    return url === undefined || method !== 'GET' ? undefined : { place: placeOf(url), version: this.#version };
  }

  /**
   * Asks `open` to go on where an earlier download stood. It does if the server shows that it is the same file, or a
   * required digest will. Else the file comes from its first byte on: see `position`.
   *
   * @param {Earlier} earlier
   */
  goOnFrom(earlier) {
    this.#earlier = earlier;
  }

  async open() {
    if (this.#earlier && (await this.#openAt(this.#earlier))) return;
    if (!this.#response) await this.#take((this.#response = await this.#first()));
    this.#judgeFirst(this.#response);
    if (this.#earlier && isPage(this.#type)) await this.#refusePage();
  }

  /**
   * Goes on at another byte than it was opened for, one before it. Not after the first read.
   *
   * @param {number} offset
   */
  async rewind(offset) {
    this.#position = offset;
    await this.#goOn(sourceFault('less of it was kept'), false);
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
        const bytes = await this.#line.heard(this.#body.read(this.#canBeProven ? most : Math.min(most, CAUTIOUS_READ)));
        if (bytes) {
          const seen = Math.min(this.#skip, bytes.byteLength);
          this.#skip -= seen;
          if (seen === bytes.byteLength) continue;
          this.#position += bytes.byteLength - seen;
          this.#tries.refill();
          return bytes.subarray(seen);
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
    this.#line.close();
    await closed;
  }

  /**
   * A page instead of a model is named as such; the guest only sees that it is no GGUF.
   *
   * @param {unknown} error
   */
  explain(error) {
    if (!isAdmissionError(error) || error.path !== 'magic' || !isPage(this.#type)) return error;
    return pageFault(this.#type, 'a GGUF file', { offset: error.offset, cause: error });
  }

  /** @param {Response} response */
  #judgeFirst(response) {
    if (!response.ok) throw httpFault(response);
    const { headers } = response;
    this.#type = contentType(headers);
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
        throw sourceFault('the response holds a part of a file', {
          code: 'range',
          found: shown(headers.get('content-range')),
        });
      }
    }
  }

  /**
   * @param {Earlier} earlier
   * @returns {Promise<boolean>} whether it is the rest that comes
   */
  async #openAt({ offset, length, total, identity, isRequired }) {
    const [given, body] = [this.#response, this.#body];
    if (!this.identity || !(isRequired || isSameFile(identity, this.identity.place, given))) return false;
    if (given && (!given.ok || isEncoded(given.headers))) return false;
    // Where the digest says what file it is, a server may call it what it likes.
    this.#version = isRequired ? {} : (identity?.version ?? {});
    [this.#position, this.length, this.total] = [offset, length, total];
    /** @type {Broken} */
    const ended = (why, detail) => sourceFault(`the download cannot go on: ${why}`, { offset, ...detail });
    const response = await this.#answer(() => this.#askOn(), ended);
    try {
      const rest = judgedRest(response, this.#begun, ended);
      if (!rest) throw ended('nothing is missing');
      this.length = rest.length;
      this.total = rest.length ?? total;
      this.#skip = rest.skip;
      if (isRequired) this.#version = versionOf(response.headers);
    } catch (error) {
      if (!isAdmissionError(error) || error.code === 'http') throw error;
      [this.#position, this.length, this.total, this.#version] = [0, undefined, undefined, {}];
      // A server whose file is another one sends all of it: that is what comes, then.
      if (given || response.status !== 200) await drop(response);
      else await this.#take((this.#response = response));
      return false;
    }
    await body?.close();
    await this.#take((this.#response = response));
    return true;
  }

  /** What is kept is not given up for a page to log in, say: it is there when the file is. */
  async #refusePage() {
    const { isModel, body } = await this.#line.heard(lookedInto(this.#body));
    if (!isModel) throw pageFault(this.#type, 'a GGUF file', { offset: 0 });
    this.#body = body;
  }

  /** Whether there may be more than a body that ended in good order. */
  get #canGoOn() {
    // A Response that ended before its first byte answers a HEAD, for all that is known of it.
    if (this.#position === 0 && this.#isGiven) return false;
    return this.#request !== undefined && this.#request.method === 'GET' && !this.#isEncoded;
  }

  /** @returns {import('./rest.js').Begun} */
  get #begun() {
    return {
      offset: this.#position, length: this.length, total: this.total, version: this.#version, type: this.#type,
      asksIf: this.#asksIf, digestRequired: this.#digestRequired,
    };
  }

  /** Whether a rest can be known to be of the same file. */
  get #canBeProven() {
    return this.#canGoOn && Boolean(this.#version.validator ?? this.#digestRequired);
  }

  /**
   * What is no fault of the network is the reason of an abort, by the signal of the caller's own fetch: it ends the
   * source.
   *
   * @param {unknown} fault  of the body
   */
  #passOnAbort(fault) {
    this.#over.signal.throwIfAborted();
    if (fault instanceof Silence) return;
    // A Response that was made by hand fails with whatever its maker's stream does.
    if (this.#request ? isNetworkFault(fault) : nameOf(fault) !== 'AbortError') return;
    this.#aborted.abort(fault);
    throw fault;
  }

  /** @returns {Promise<Response>} to the first request */
  #first() {
    const request = /** @type {Request} */ (this.#request);
    const ask = () => this.#line.fetch(request, undefined, 0);
    if (request.method !== 'GET' || !/^https?:/.test(request.url)) return ask();
    return this.#answer(ask, (why, detail) => sourceFault(why, { offset: 0, ...detail }));
  }

  /**
   * Asks for the rest of the file.
   *
   * @param {unknown} fault      that ended the download
   * @param {boolean} [isFault]  of the line: then it is one of the tries
   */
  async #goOn(fault, isFault = true) {
    this.#over.signal.throwIfAborted();
    await this.#body?.close(fault);
    const offset = this.#position;
    /** @type {Broken} */
    const broken = (why, detail) =>
      sourceFault(`the download broke at byte ${offset}: ${shown(messageOf(fault), 200)}; ${why}`, {
        offset,
        cause: fault,
        ...detail,
      });
    if (!this.#request || this.#request.method !== 'GET') throw broken('it cannot be asked for again');
    if (this.#isEncoded) throw broken('a compressed download cannot go on in the middle');
    if (!this.#version.validator && !this.#digestRequired) {
      const names = 'a strong ETag, or a Last-Modified that was old by then';
      throw broken(
        `the server names no version of the file (${names}) and no digest is required: it cannot go on safely`,
      );
    }
    if (isFault && !(await this.#tries.next(0, this.#over.signal))) throw broken('no tries are left');
    const response = await this.#answer(() => this.#askOn(), broken);
    try {
      const rest = judgedRest(response, this.#begun, broken);
      this.#body = undefined;
      if (!rest) return;
      this.length = rest.length;
      this.#skip = rest.skip;
      await this.#take(response);
    } catch (error) {
      await drop(response);
      throw error;
    }
  }

  /**
   * Asks until there is an answer that waiting will not change.
   *
   * @param {() => Promise<Response>} ask
   * @param {Broken} ended
   * @returns {Promise<Response>}
   */
  async #answer(ask, ended) {
    const { signal } = this.#over;
    for (;;) {
      let pause = 0;
      /** @type {unknown} */ let fault;
      /** @type {Response | undefined} */ let response;
      try {
        response = await ask();
      } catch (error) {
        signal.throwIfAborted();
        fault = error;
      }
      if (response) {
        if (!isPassing(response.status)) return response;
        await drop(response);
        pause = retryAfter(response.headers);
        if (this.#tries.isTooLong(pause)) {
          throw ended(`${told(response)}, to come again in ${Math.ceil(pause / 1000)} s`, statusOf(response));
        }
        fault = httpFault(response);
      }
      if (await this.#tries.next(pause, signal)) continue;
      throw ended(`${messageOf(fault)}; no tries are left`, response ? statusOf(response) : {});
    }
  }

  /**
   * Across origins a server has to allow If-Range, and one that does not lets nothing through. The Range alone it need
   * not allow. That does as well: the rest has to name its version anyway, and one of another file is refused.
   *
   * @returns {Promise<Response>} to a request for the rest
   */
  async #askOn() {
    const range = `bytes=${this.#position}-`;
    const request = /** @type {Request} */ (this.#request);
    const fetch = (/** @type {Record<string, string>} */ headers) => this.#line.fetch(request, headers, this.#position);
    const { validator } = this.#version;
    if (!validator || !this.#asksIf) return fetch({ range });
    try {
      return await fetch({ range, 'if-range': validator });
    } catch (error) {
      const isForbidden =
        (this.#response?.type ?? 'cors') === 'cors' && isAdmissionError(error) && isNetworkFault(error.cause);
      if (!isForbidden) throw error;
      const response = await fetch({ range });
      this.#asksIf = false;
      return response;
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
