// A plain v1 host: allocate, copy, call, free.

export const MAX_TRANSFER = 134_217_728;

export class V1Host {
  constructor(exports) {
    this.exports = exports;
  }

  /** Copies `bytes` into an allocation of exactly their length, loads them, and gives the allocation back. */
  load(bytes) {
    const ptr = this.exports.alloc(bytes.length) >>> 0;
    if (ptr === 0) throw new Error(`alloc(${bytes.length}) is null`);
    new Uint8Array(this.exports.memory.buffer, ptr, bytes.length).set(bytes);
    const status = this.exports.load_model(ptr, bytes.length);
    this.exports.dealloc(ptr, bytes.length);
    return status;
  }

  resultText() {
    return this.#text(this.exports.last_result_ptr(), this.exports.last_result_len());
  }

  diagnosticsText() {
    return this.#text(this.exports.get_diagnostics_ptr(), this.exports.get_diagnostics_len());
  }

  result() {
    return JSON.parse(this.resultText());
  }

  diagnostics() {
    return JSON.parse(this.diagnosticsText());
  }

  #text(ptr, len) {
    const bytes = new Uint8Array(this.exports.memory.buffer, ptr >>> 0, len);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  }
}
