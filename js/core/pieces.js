// Bytes that come in pieces of any size and leave in pieces of a size that is asked for.
import { isAdmissionError, sourceFault } from './errors.js';

/**
 * @param {unknown} chunk
 * @returns {Uint8Array}
 */
export function asBytes(chunk) {
  try {
    // One whose buffer was transferred away says that it is empty; a view that is made of it throws.
    if (chunk instanceof Uint8Array && chunk.byteLength > 0) return chunk;
    if (ArrayBuffer.isView(chunk))
      return unlessShrunk(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (isBuffer(chunk)) return unlessShrunk(new Uint8Array(chunk));
  } catch (cause) {
    if (isAdmissionError(cause)) throw cause;
    throw sourceFault('a chunk was transferred away before it was read', { cause });
  }
  const found = chunk === null ? 'null' : isBlob(chunk) ? 'a Blob (its arrayBuffer() is bytes)' : typeof chunk;
  throw sourceFault(`a chunk must be bytes (Uint8Array, ArrayBuffer or a view), found ${found}`, { found });
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
 * @param {unknown} value
 * @returns {value is ArrayBufferLike}
 */
export function isBuffer(value) {
  const name = Object.prototype.toString.call(value);
  return name === '[object ArrayBuffer]' || name === '[object SharedArrayBuffer]';
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
