// Sources on their way into a worker. What the worker can read by itself crosses, so that its bytes never pass the
// page; of the rest the page is asked piece by piece. That goes for streams too, although most engines can transfer
// them: a transferred stream costs the page more than twice the work (`cargo xtask bench --browser`), is no byte stream
// any more, forgets what it failed with, and stays locked for ever when the worker crashes.
import { partsOf } from '../sources/parts.js';
import { sourceOf, unlessThrown } from '../sources/source-of.js';

/** @typedef {import('../sources/source-of.js').Admissible} Admissible */
/** @typedef {import('../sources/source.js').Source} Source */

/** @typedef {{ native: unknown } | { request: RequestInit & { url: string } } | Pulled} Parcel */
/** @typedef {{ isPulled: true, hasParts: boolean }} Pulled  The page reads it. hasParts: it can be asked again */

/**
 * @typedef {object} Packed
 * @property {Parcel} parcel
 * @property {AbortSignal} [signal]  of the source's own, beside the admission's
 * @property {Source} [source]       the page's own, if it has to read it
 * @property {import('../sources/source.js').Parts} [parts]  of that, if it can be asked again
 */

/**
 * Takes hold of a source, at once, as `sourceOf` does.
 *
 * @param {Admissible} from
 * @param {import('../sources/source.js').SourceOptions} options
 * @returns {Packed}
 */
export const packed = (from, options) => unlessThrown(() => parcelOf(from, options));

/**
 * @param {Admissible} from
 * @param {import('../sources/source.js').SourceOptions} options
 * @returns {Packed}
 */
function parcelOf(from, options) {
  if (typeof from === 'string' || from instanceof URL) return { parcel: { native: absolute(from) } };
  if (isA('Blob', from) || isA('FileSystemFileHandle', from)) return { parcel: { native: from } };
  const isPlain = isA('Request', from) && from.method === 'GET';
  if (isPlain) return { parcel: { request: fieldsOf(from) }, signal: from.signal };
  if (isNodeFile(from)) return { parcel: { native: nodeFile(from) } };
  const source = sourceOf(from, options);
  const parts = partsOf(from, options);
  return { parcel: { isPulled: true, hasParts: parts !== undefined }, source, signal: source.signal, parts };
}

/**
 * The source on the worker's side.
 *
 * @param {Parcel} parcel
 * @param {(hasParts: boolean) => Admissible} pulled  makes the source that asks the page
 * @returns {Admissible}
 */
export function unpacked(parcel, pulled) {
  if ('isPulled' in parcel) return pulled(parcel.hasParts);
  if ('request' in parcel) return new Request(parcel.request.url, parcel.request);
  return /** @type {Admissible} */ (parcel.native);
}

/**
 * @template {'Blob' | 'FileSystemFileHandle' | 'Request'} Name
 * @param {Name} name
 * @param {unknown} value
 * @returns {value is InstanceType<typeof globalThis[Name]>}
 */
const isA = (name, value) => typeof globalThis[name] === 'function' && value instanceof globalThis[name];

/**
 * A path, or an open file: those are the process's, whichever thread opened them.
 *
 * @param {any} value
 */
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

/** @param {Request} request */
function fieldsOf({ url, method, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity }) {
  return {
    url,
    method,
    headers: [...headers],
    mode,
    credentials,
    cache,
    redirect,
    referrer,
    referrerPolicy,
    integrity,
  };
}
