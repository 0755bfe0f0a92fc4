// Parts of a file, each fetched by itself, from whatever holds the file.
import { isAdmissionError, messageOf, sourceFault } from '../core/errors.js';
import { asBytes, isBlob, isBuffer } from '../core/pieces.js';
import { syncHandleSource } from './file-handle.js';
import { descriptorSource, pathSource } from './file.js';
import { filePartsOf } from './http/file-parts.js';
import { PulledSource } from './pulled.js';
import { TakenSource } from './source-of.js';

/** @typedef {import('./source.js').Source} Source */
/** @typedef {import('./source.js').SourceOptions} SourceOptions */
/** @typedef {import('./source.js').Parts} Parts */

/**
 * @param {any} from
 * @param {SourceOptions} options
 * @returns {Parts | undefined} undefined of what gives its bytes once, a stream say
 */
export function partsOf(from, options) {
  if (from instanceof TakenSource) return partsOf(from.from, options);
  if (from instanceof PulledSource) return from.parts;
  try {
    const readerOf = localReader(from);
    return readerOf ? new LocalParts(readerOf) : filePartsOf(from, options);
  } catch {
    return undefined; // a source that throws when it is looked at
  }
}

/**
 * @callback Reader
 * @param {number} start
 * @param {number} end
 * @returns {Promise<unknown>} bytes
 */

/**
 * In the order in which `sourceOf` looks.
 *
 * @param {any} from
 * @returns {Reader | undefined}
 */
function localReader(from) {
  if (typeof from === 'string' || from instanceof URL) {
    return /^file:/i.test(String(from)) ? direct(() => pathSource(new URL(from))) : undefined;
  }
  if (ArrayBuffer.isView(from) || isBuffer(from)) return async (start, end) => asBytes(from).slice(start, end);
  if (typeof from !== 'object' || from === null || ('headers' in from && 'clone' in from)) return undefined;
  if (isBlob(from)) return (start, end) => from.slice(start, end).arrayBuffer();
  if ('getReader' in from) return undefined;
  if ('getSize' in from && 'read' in from) return direct(async () => syncHandleSource(from));
  if ('getFile' in from) return async (start, end) => (await from.getFile()).slice(start, end).arrayBuffer();
  if (Symbol.asyncIterator in from || Symbol.iterator in from) return undefined;
  if ('fd' in from) return direct(async () => descriptorSource(from.fd));
  return 'path' in from ? direct(() => pathSource(from.path)) : undefined;
}

/**
 * @param {() => Promise<Source>} open
 * @returns {Reader}
 */
const direct = open => async (start, end) => {
  const source = await open();
  try {
    if (!source.readSync) throw sourceFault('a pipe or a device gives its bytes once', { code: 'range' });
    const bytes = new Uint8Array(end - start);
    let done = 0;
    for (let count = -1; count !== 0 && done < bytes.length; done += count) {
      count = source.readSync(bytes.subarray(done), start + done);
    }
    return bytes.subarray(0, done);
  } finally {
    await source.close();
  }
};

/** @implements {Parts} */
class LocalParts {
  #reader;

  /** @param {Reader} reader */
  constructor(reader) {
    this.#reader = reader;
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  async read(start, end) {
    const bytes = await this.#bytes(start, end);
    if (bytes.length === end - start) return bytes;
    throw sourceFault('the file is shorter than it was', { code: 'changed', offset: start + bytes.length });
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  async #bytes(start, end) {
    try {
      return asBytes(await this.#reader(start, end));
    } catch (cause) {
      if (isAdmissionError(cause)) throw cause;
      throw sourceFault(`the file could not be read: ${messageOf(cause)}`, { offset: start, cause });
    }
  }
}
