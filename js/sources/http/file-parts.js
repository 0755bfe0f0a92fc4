// Parts of a file on a server, each fetched by itself.
import { follow } from '../../core/waiting.js';
import { isAdmissionError, messageOf, sourceFault } from '../../core/errors.js';
import { shown } from '../../core/text.js';
import { contentType, httpFault, isPage, isPassing, pageFault } from './answer.js';
import { bodyOf, lookedInto } from './body.js';
import { contentRange, isEncoded, retryAfter } from './headers.js';
import { Line, drop } from './line.js';
import { isRequest, isResponse, requestOf, requestTo } from './request.js';
import { STALL_TIMEOUT, Tries } from './tries.js';

/** @typedef {import('../source.js').SourceOptions} SourceOptions */

/**
 * @param {any} from
 * @param {SourceOptions} options
 * @returns {FileParts | undefined} of what can be asked again: an address, a Request, a Response that has one
 */
export function filePartsOf(from, options) {
  const request = requestFor(from);
  if (request?.method !== 'GET' || !/^https?:/.test(request.url)) return undefined;
  return new FileParts(request, options);
}

/** @param {any} from */
function requestFor(from) {
  try {
    if (typeof from === 'string' || from instanceof URL) return requestTo(from);
    const isFetched = typeof from === 'object' && 'headers' in from && typeof from.clone === 'function';
    if (!isFetched) return undefined;
    return isResponse(from) ? requestOf(from) : isRequest(from) ? from : undefined;
  } catch {
    return undefined; // no address, say: nothing can be asked of it
  }
}

/**
 * Whoever asks knows what the bytes have to be: of which version of the file they are does not matter.
 */
class FileParts {
  #request;
  #options;

  /**
   * @param {Request} request
   * @param {SourceOptions} options
   */
  constructor(request, options) {
    this.#request = request;
    this.#options = options;
  }

  /**
   * Some bytes of the file. It is tried as often as a download.
   *
   * @param {number} start
   * @param {number} end  the first byte that is not wanted
   * @returns {Promise<Uint8Array>}
   */
  async read(start, end) {
    const { signal, stallTimeout = STALL_TIMEOUT } = this.#options;
    const over = new AbortController();
    const unhear = [signal, this.#request.signal].map(each => follow(over, each));
    const line = new Line(over.signal, stallTimeout);
    const tries = new Tries(this.#options);
    try {
      for (;;) {
        try {
          return await this.#read(line, start, end);
        } catch (error) {
          over.signal.throwIfAborted();
          const { fault, pause } = error instanceof Busy ? error : { fault: broken(error, start), pause: 0 };
          const isFinal = fault.code !== 'source' && !(error instanceof Busy);
          if (isFinal || tries.isTooLong(pause) || !(await tries.next(pause, over.signal))) throw fault;
        }
      }
    } finally {
      for (const stop of unhear) stop();
      line.close();
    }
  }

  /**
   * @param {Line} line
   * @param {number} start
   * @param {number} end
   */
  async #read(line, start, end) {
    const response = await line.fetch(this.#request, { range: `bytes=${start}-${end - 1}` }, start);
    const { status, headers } = response;
    const range = contentRange(headers);
    // Across origins Content-Range may be hidden.
    const isOther = range && (range.start !== start || range.end !== end - 1);
    if (status !== 206 || isOther || isEncoded(headers)) {
      const type = contentType(headers);
      const { isModel, body } = response.ok && isPage(type) ? await line.heard(lookedInto(bodyOf(response))) : NO_PAGE;
      await (body ? body.close() : drop(response));
      if (isPassing(status)) throw new Busy(httpFault(response), retryAfter(headers));
      if (!response.ok) throw httpFault(response);
      if (!isModel) throw pageFault(type, 'a part of the file', { offset: start });
      throw sourceFault('the server does not send a part of the file', {
        code: 'range', offset: start, expected: `bytes ${start}-${end - 1}`,
        found: shown(headers.get('content-range') ?? status),
      });
    }
    const bytes = new Uint8Array(end - start);
    let done = 0;
    const body = bodyOf(response);
    try {
      for (;;) {
        const piece = await line.heard(Promise.resolve(body?.read(bytes.length - done || 1)));
        if (!piece) break;
        if (done + piece.length > bytes.length) throw sourceFault('the part is too long', { code: 'range' });
        bytes.set(piece, done);
        done += piece.length;
      }
    } finally {
      await body?.close();
    }
    if (done < bytes.length) throw sourceFault(`the part ended at byte ${start + done}`, { offset: start + done });
    return bytes;
  }
}

const NO_PAGE = { isModel: true, body: undefined };

/**
 * @param {unknown} error
 * @param {number} offset
 */
const broken = (error, offset) =>
  isAdmissionError(error) ? error : sourceFault(`the part broke: ${messageOf(error)}`, { offset, cause: error });

/** A server that may do better later. */
class Busy extends Error {
  /**
   * @param {import('../../core/errors.js').AdmissionError} fault
   * @param {number} pause  milliseconds that it asks for
   */
  constructor(fault, pause) {
    super(fault.message);
    this.fault = fault;
    this.pause = pause;
  }
}
