// Bytes that come in pieces of any size and leave in pieces of a size that is asked for.
import { isAdmissionError, sourceFault } from './errors.js';

/**
 * @param {object} prototype
 * @param {string | symbol} name
 * @returns {(this: unknown) => any}
 */
const getterOf = (prototype, name) =>
  /** @type {() => any} */ (Object.getOwnPropertyDescriptor(prototype, name)?.get);

/** What sort of typed array this is: undefined of anything else. */
const OF_TAG = getterOf(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

/** A page may have shared memory of WebAssembly's without the class that it is of. */
const SharedBuffer = /** @type {typeof SharedArrayBuffer} */ (
  globalThis.SharedArrayBuffer ?? new WebAssembly.Memory({ initial: 0, maximum: 0, shared: true }).buffer.constructor
);
const OF_BUFFERS = [ArrayBuffer, SharedBuffer].map(({ prototype }) => getterOf(prototype, 'byteLength'));

/**
 * @param {unknown} chunk
 * @returns {Uint8Array} a view of our own: a class of the caller's may have a length of its own
 */
export function asBytes(chunk) {
  try {
    // One whose buffer was transferred away says that it is empty; a view that is made of it throws.
    if (ArrayBuffer.isView(chunk)) return unlessShrunk(viewOf(chunk));
    if (isBuffer(chunk)) return unlessShrunk(new Uint8Array(chunk));
  } catch (cause) {
    if (isAdmissionError(cause)) throw cause;
    throw sourceFault('a chunk was transferred away before it was read', { cause });
  }
  const found = sortOf(chunk);
  throw sourceFault(`a chunk must be bytes (Uint8Array, ArrayBuffer or a view), found ${found}`, { found });
}

/** @param {unknown} chunk */
function sortOf(chunk) {
  try {
    return chunk === null ? 'null' : isBlob(chunk) ? 'a Blob (its arrayBuffer() is bytes)' : typeof chunk;
  } catch {
    return typeof chunk; // one that throws when it is looked at
  }
}

/** The engine's own fields of a view, whatever its class says. */
const FIELDS = /** @type {const} */ (['buffer', 'byteOffset', 'byteLength']);
const OF_ARRAYS = FIELDS.map(name => getterOf(Object.getPrototypeOf(Uint8Array.prototype), name));
const OF_DATA_VIEWS = FIELDS.map(name => getterOf(DataView.prototype, name));

/** @param {ArrayBufferView} view  of any realm */
function viewOf(view) {
  const [bufferOf, offsetOf, lengthOf] = OF_TAG.call(view) === undefined ? OF_DATA_VIEWS : OF_ARRAYS;
  return new Uint8Array(bufferOf.call(view), offsetOf.call(view), lengthOf.call(view));
}

/**
 * Of a view whose buffer shrank below it nothing tells how long it was: not even the engine says that anything is
 * missing.
 *
 * @param {Uint8Array} bytes
 */
function unlessShrunk(bytes) {
  const { resizable = false } = /** @type {{ resizable?: boolean }} */ (bytes.buffer);
  if (bytes.byteLength > 0 || !resizable) return bytes;
  throw sourceFault('a chunk is empty and its buffer can shrink: its bytes may be missing');
}

/**
 * Of any realm, and not what calls itself one.
 *
 * @param {unknown} value
 * @returns {value is ArrayBufferLike}
 */
export function isBuffer(value) {
  return OF_BUFFERS.some(length => {
    try {
      return length.call(value) !== undefined;
    } catch {
      return false;
    }
  });
}

/**
 * Of any realm.
 *
 * @param {any} value
 * @returns {value is Blob}
 */
export function isBlob(value) {
  return typeof value === 'object' && typeof value?.stream === 'function' && typeof value.slice === 'function';
}

/** One chunk, taken piece by piece. */
export class Pieces {
  /** @type {Uint8Array} */ #chunk = new Uint8Array(0);
  #size = 0;
  #taken = 0;

  /** @param {[chunk?: unknown]} given  undefined is no bytes either */
  constructor(...given) {
    if (given.length === 0) return;
    this.#chunk = asBytes(given[0]);
    this.#size = this.#chunk.byteLength;
  }

  get isEmpty() {
    return this.#taken === this.#size;
  }

  /**
   * @param {number} most
   * @returns {Uint8Array} at most `most` bytes; a view, not a copy
   */
  take(most) {
    // A buffer that was transferred away has no length: its bytes must not go missing in silence.
    if (this.#chunk.byteLength !== this.#size) throw sourceFault('the chunk was detached while it was being read');
    const piece = this.#chunk.subarray(this.#taken, this.#taken + most);
    this.#taken += piece.byteLength;
    return piece;
  }
}
