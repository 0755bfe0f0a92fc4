// Sources on their way into a worker. What can cross does, so that its bytes never pass the page; of the rest the page
// is asked piece by piece.
import { sourceOf } from '../sources.js';

/** @typedef {import('../sources.js').Admissible} Admissible */
/** @typedef {import('../sources/source.js').Source} Source */

/**
 * @typedef {object} Parcel
 * @property {unknown} [native]    crosses as it is
 * @property {RequestParts} [request]
 * @property {ResponseParts} [response]
 * @property {true} [isPulled]     the page reads it
 */

/** @typedef {RequestInit & { url: string }} RequestParts */

/**
 * @typedef {Pick<Response, 'ok' | 'status' | 'statusText' | 'type' | 'url' | 'body' | 'bodyUsed'>
 *   & { headers: [string, string][] }} ResponseParts
 */

/**
 * @typedef {object} Packed
 * @property {Parcel} parcel
 * @property {Transferable[]} transfer
 * @property {AbortSignal} [signal]  of a request
 * @property {Source} [source]       the page's own, when it is pulled
 */

/**
 * Takes hold of a source, at once, as `sourceOf` does.
 *
 * @param {Admissible} from
 * @param {import('../sources/source.js').SourceOptions} options
 * @returns {Packed}
 */
export function packed(from, options) {
  const any = /** @type {any} */ (from);
  if (typeof from === 'string' || from instanceof URL) return { parcel: { native: absolute(from) }, transfer: [] };
  if (isA('Blob', from) || isA('FileSystemFileHandle', from)) return { parcel: { native: from }, transfer: [] };
  if (isA('Request', from) && from.method === 'GET') {
    return { parcel: { request: requestParts(from) }, transfer: [], signal: from.signal };
  }
  if (isA('Response', from) && isFree(from.body) && !from.bodyUsed) {
    const response = responseParts(from);
    return { parcel: { response }, transfer: response.body ? [response.body] : [] };
  }
  if (isA('ReadableStream', from) && isFree(from)) return { parcel: { native: from }, transfer: [from] };
  if (isNodeFile(any)) return { parcel: { native: nodeFile(any) }, transfer: [] };
  return { parcel: { isPulled: true }, transfer: [], source: sourceOf(from, options) };
}

/**
 * The source on the worker's side.
 *
 * @param {Parcel} parcel
 * @param {() => Admissible} pulled  makes the source that asks the page
 * @returns {Admissible}
 */
export function unpacked({ native, request, response, isPulled }, pulled) {
  if (isPulled) return pulled();
  if (request) return new Request(request.url, request);
  // Not a real one: `url` and `type` cannot be set, and the source has to know them.
  if (response) return /** @type {any} */ ({ ...response, headers: new Headers(response.headers) });
  return /** @type {Admissible} */ (native);
}

/** @type {boolean | undefined} */
let streamsCross;

/** Whether this engine can transfer streams. */
function canTransferStreams() {
  try {
    const stream = new ReadableStream();
    structuredClone(stream, { transfer: [/** @type {any} */ (stream)] });
    return true;
  } catch {
    return false;
  }
}

/** @param {ReadableStream | null} stream */
const isFree = stream => stream === null || (!stream.locked && (streamsCross ??= canTransferStreams()));

/**
 * @template {'Blob' | 'FileSystemFileHandle' | 'ReadableStream' | 'Request' | 'Response'} Name
 * @param {Name} name
 * @param {unknown} value
 * @returns {value is InstanceType<typeof globalThis[Name]>}
 */
const isA = (name, value) => typeof globalThis[name] === 'function' && value instanceof globalThis[name];

/** @param {any} value */
const isNodeFile = value =>
  typeof globalThis.process?.getBuiltinModule === 'function' && typeof value === 'object' && value !== null
  && (typeof value.fd === 'number' || typeof value.path === 'string' || value.path instanceof URL)
  && !('getReader' in value) && !(Symbol.asyncIterator in value);

/** @param {any} file */
const nodeFile = ({ fd, path }) => (path === undefined ? { fd } : path instanceof URL ? path.href : { path });

/**
 * The worker has another base than the page.
 *
 * @param {string | URL} location
 */
function absolute(location) {
  try {
    return new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch {
    return String(location); // to be refused in the worker, as anywhere
  }
}

/**
 * @param {Request} request
 * @returns {RequestParts}
 */
function requestParts({ url, method, headers, mode, credentials, cache, redirect, referrerPolicy, integrity }) {
  return { url, method, headers: [...headers], mode, credentials, cache, redirect, referrerPolicy, integrity };
}

/**
 * @param {Response} response
 * @returns {ResponseParts}
 */
function responseParts({ ok, status, statusText, type, url, headers, body, bodyUsed }) {
  return { ok, status, statusText, type, url, headers: [...headers], body, bodyUsed };
}
