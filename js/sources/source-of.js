// From whatever holds a file to one interface: Source.
import { isBlob, isBuffer } from '../core/pieces.js';
import { isAdmissionError, messageOf, misuse, sourceFault } from '../core/errors.js';
import { blobSource } from './blob.js';
import { BytesSource } from './bytes.js';
import { descriptorSource, pathSource } from './file.js';
import { HttpSource } from './http/http.js';
import { IterableSource } from './iterable.js';
import { LateSource } from './late.js';
import { fileHandleSource, syncHandleSource } from './file-handle.js';
import { PulledSource } from './pulled.js';
import { StreamSource } from './stream.js';

/** @typedef {import('./source.js').Source} Source */
/** @typedef {import('./source.js').SourceOptions} SourceOptions */

/**
 * @typedef {Blob | Response | Request | URL | string | ReadableStream<unknown> | BufferSource
 *   | AsyncIterable<BufferSource> | Iterable<BufferSource>
 *   | { path: string | URL } | { fd: number }
 *   | FileSystemFileHandle | import('./file-handle.js').SyncAccessHandle} Admissible
 * What `admit` takes: File, Blob; Response, Request, URL or its string; a stream or (async) iterable of bytes; bytes;
 * in Node `{ path }` and an open file (`FileHandle` or `{ fd }`); a file handle of the origin's private file system.
 */

/** @typedef {readonly Admissible[] | FileList} Admissibles  files that belong together: the shards of a model */

/**
 * A source that was taken hold of before it is asked for. What kept it from that is told then.
 */
export class TakenSource {
  /** @type {Source | undefined} */ #source;
  /** @type {unknown} */ #fault;

  /**
   * @param {Admissible | PulledSource} from
   * @param {SourceOptions} options
   */
  constructor(from, options) {
    /** Of which it is the source. */
    this.from = from;
    try {
      this.#source = sourceOf(from, options);
    } catch (fault) {
      this.#fault = fault;
    }
  }

  get source() {
    if (!this.#source) throw this.#fault;
    return this.#source;
  }

  /** Its length in bytes, where that is known before it is opened. */
  get length() {
    return this.#source?.length;
  }
}

/**
 * The sources of a list of them. Bytes in a list are the chunks of one file.
 *
 * @param {unknown} from
 * @returns {(Admissible | PulledSource)[] | undefined} undefined where it is no such list
 */
export function sourceList(from) {
  try {
    const isList = Array.isArray(from) || Object.prototype.toString.call(from) === '[object FileList]';
    const list = isList ? Array.from(/** @type {ArrayLike<unknown>} */ (from)) : [];
    const [first] = list;
    const isSource = typeof first === 'string' || (typeof first === 'object' && first !== null && !isBytes(first));
    return isSource ? /** @type {Admissible[]} */ (list) : undefined;
  } catch {
    return undefined; // one that throws when it is looked at is told as a source
  }
}

/**
 * Takes hold of a source, at once: a stream is locked from here on, until `close`.
 *
 * @param {Admissible | PulledSource | TakenSource} from
 * @param {SourceOptions} [options]
 * @returns {Source}
 */
export const sourceOf = (from, options = {}) => unlessThrown(() => taken(from, options));

/**
 * What `take` answers. A source that throws when it is looked at (a getter, a proxy that was revoked) is a fault of the
 * source.
 *
 * @template T
 * @param {() => T} take
 * @returns {T}
 */
export function unlessThrown(take) {
  try {
    return take();
  } catch (cause) {
    throw isAdmissionError(cause) ? cause : sourceFault(`this source cannot be taken: ${messageOf(cause)}`, { cause });
  }
}

/**
 * @param {Admissible | PulledSource | TakenSource} from
 * @param {SourceOptions} options
 * @returns {Source}
 */
function taken(from, options) {
  const is = (/** @type {string | symbol} */ name) => typeof from === 'object' && from !== null && name in from;
  const can = (/** @type {string | symbol} */ name) =>
    is(name) && typeof (/** @type {any} */ (from)[name]) === 'function';
  const any = /** @type {any} */ (from);

  if (from instanceof TakenSource) return from.source;
  if (from instanceof PulledSource) return from;
  if (typeof from === 'string' || from instanceof URL) return locationSource(from, options);
  if (isBytes(from)) return new BytesSource(from);
  if (is('headers') && can('clone')) return new HttpSource(any, options); // a Node request, an upload, has headers too
  if (isBlob(from)) return blobSource(from);
  if (can('getReader')) return new StreamSource(any);
  if (can('getSize') && can('read')) return syncHandleSource(any);
  if (can('getFile')) return new LateSource(() => fileHandleSource(any));
  if (isListOfFiles(from)) {
    throw misuse(`this is a list of files (${any.length}), not a file: give one of them`, { code: 'unsupported' });
  }
  if (can(Symbol.asyncIterator) || can(Symbol.iterator)) return new IterableSource(any);
  if (is('fd')) return new LateSource(async () => descriptorSource(any.fd));
  if (is('path')) return new LateSource(() => pathSource(any.path));
  throw misuse(`cannot read a file from this: ${Object.prototype.toString.call(from)}`, { code: 'unsupported' });
}

/**
 * @param {unknown} value
 * @returns {value is BufferSource}
 */
const isBytes = value => ArrayBuffer.isView(value) || isBuffer(value);

/**
 * As an `<input type="file">` or a drop gives it: it looks like chunks.
 *
 * @param {any} value
 */
function isListOfFiles(value) {
  if (typeof value !== 'object' || value === null || typeof value.length !== 'number') return false;
  return (
    isBlob(value[0]) ||
    typeof value[0]?.getFile === 'function' ||
    Object.prototype.toString.call(value) === '[object FileList]'
  );
}

/**
 * @param {string | URL} location
 * @param {SourceOptions} options
 */
function locationSource(location, options) {
  if (!/^file:/i.test(String(location))) return new HttpSource(location, options);
  return new LateSource(() => pathSource(new URL(location)));
}
