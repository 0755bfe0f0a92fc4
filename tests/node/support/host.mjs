// A plain v2 host: it lends, fills and pushes, and makes every view anew.

import assert from 'node:assert/strict';
import { guestExports } from './modules.mjs';

export const VERIFY = 1;
export const RESIDENT = 2;

export const STATE = { open: 1, header_ready: 2, receiving: 3, admitted: 4, failed: 5 };

/** Status by code, from the contract's table. */
export const STATUS = {
  handle: -1, state: -2, argument: -3, offset: -4, window: -5, unwritten: -6,
  sessions: -16, memory: -17, budget: -18,
  magic: -32, version: -33, header: -34, limit: -35, layout: -36, truncated: -37, trailing: -38, digest: -39,
  set: -40, profile: -41,
  poisoned: -64,
};

/** Id by name, from the contract's table of limits. */
export const LIMIT = {
  header_bytes: 1, metadata_entries: 2, tensors: 3, string_bytes: 4, array_items: 5, memory: 6, window: 7,
  trailing_bytes: 8, name_bytes: 9, dimensions: 10,
};

export const OPEN_WINDOW = 65536;
export const MIB = 1024 * 1024;

export class Host {
  constructor(exports = guestExports()) {
    this.exports = exports;
  }

  get memoryBytes() {
    return this.exports.memory.buffer.byteLength;
  }

  /** A view of a slice; it dies with the next call. */
  view(slice) {
    assert.equal(typeof slice, 'bigint');
    assert.ok(slice >= 0n, `a slice, not status ${slice}: ${slice < 0n ? this.errorText() : ''}`);
    return new Uint8Array(this.exports.memory.buffer, Number(slice & 0xffffffffn), Number(slice >> 32n));
  }

  bytes(slice) {
    return this.view(slice).slice();
  }

  text(slice) {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.view(slice));
  }

  errorText() {
    return this.text(this.exports.last_error());
  }

  lastError() {
    return JSON.parse(this.errorText());
  }

  /** Opens a session; `length` is a number, or -1. */
  begin(length, sink = VERIFY, { limits = {}, digests } = {}) {
    const handle = this.exports.begin(BigInt(length), sink);
    assert.ok(handle > 0, `begin: ${handle}`);
    for (const [name, value] of Object.entries(limits)) {
      assert.ok(this.exports.limit(handle, LIMIT[name], BigInt(value)) >= 0n, `limit ${name}`);
    }
    if (digests !== undefined) assert.equal(this.exports.digests(handle, digests), STATE.open);
    return handle;
  }

  position(handle) {
    return Number(this.exports.position(handle));
  }

  reportText(handle) {
    return this.text(this.exports.report(handle));
  }

  report(handle) {
    return JSON.parse(this.reportText(handle));
  }

  metadata(handle, index) {
    return JSON.parse(this.text(this.exports.metadata(handle, index)));
  }

  tensor(handle, index) {
    return this.bytes(this.exports.tensor(handle, index));
  }

  release(handle) {
    assert.equal(this.exports.release(handle), 0);
  }

  /** One step: lends a window, fills at most `most` bytes of it, pushes. The state, or a status. */
  step(handle, bytes, at, most = Infinity) {
    const slice = this.exports.window(handle);
    if (slice < 0n) return { result: Number(slice), pushed: 0 };
    const window = this.view(slice);
    const length = Math.min(window.length, most, bytes.length - at);
    window.set(bytes.subarray(at, at + length));
    return { result: this.exports.push_chunk(handle, BigInt(at), length), pushed: length };
  }

  /** Pushes all of `bytes` from the session's position on; `piece()` bounds each chunk. The last state, or a status. */
  feed(handle, bytes, piece = () => Infinity) {
    let result = STATE.open;
    for (let at = this.position(handle); at < bytes.length;) {
      const step = this.step(handle, bytes, at, piece());
      result = step.result;
      if (result < 0) return result;
      at += step.pushed;
    }
    return result;
  }

  /** A whole admission: the handle, and 4 or the status that ended it. Declared unless `length` says -1. */
  admit(bytes, { sink = VERIFY, length = bytes.length, limits, digests, piece } = {}) {
    const handle = this.begin(length, sink, { limits, digests });
    let result = this.feed(handle, bytes, piece);
    if (result >= 0) result = this.exports.finish(handle);
    return { handle, result };
  }

  /** An admitted model's handle. */
  model(bytes, options) {
    const { handle, result } = this.admit(bytes, options);
    assert.equal(result, STATE.admitted, result < 0 ? this.errorText() : '');
    return handle;
  }

  /** What a rejected or admitted handle amounts to, in the corpus' terms. */
  verdict({ handle, result }) {
    if (result === STATE.admitted) return { verdict: 'admitted', code: null, offset: null, path: null };
    const { code, offset, path } = this.report(handle).error;
    assert.equal(result, STATUS[code]);
    return { verdict: 'rejected', code, offset, path };
  }
}

/** The parts of a report that depend on the file alone. */
export const content = ({ gguf, metadata, tensors, digests }) => ({ gguf, metadata, tensors, digests });
