import { StreamSource } from './stream.js';

/** @typedef {import('./source.js').Source} Source */

/**
 * A Blob or File: its byte stream, or slices of it where the engine's streams of blobs are not byte streams.
 *
 * @param {Blob} blob
 * @returns {Source}
 */
export function blobSource(blob) {
  const stream = blob.stream();
  return isByteStream(stream)
    ? new StreamSource(stream, { length: blob.size || undefined, isOwn: true })
    : new SliceSource(blob);
}

/** @param {ReadableStream} stream */
function isByteStream(stream) {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    stream.cancel().catch(() => {});
    return false;
  }
}

/** @implements {Source} */
export class SliceSource {
  #blob;
  #position = 0;

  /** @param {Blob} blob */
  constructor(blob) {
    this.#blob = blob;
    this.length = blob.size || undefined;
  }

  /** @param {number} most */
  async read(most) {
    const bytes = new Uint8Array(await this.#blob.slice(this.#position, this.#position + most).arrayBuffer());
    this.#position += bytes.length;
    return bytes.length === 0 ? null : bytes;
  }

  async close() {}
}
