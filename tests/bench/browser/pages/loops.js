// A worker with what admission is compared to: the same bytes of the same file, without the package.
const CHUNK = 1024 * 1024;
const hex = bytes => Array.from(new Uint8Array(bytes), byte => byte.toString(16).padStart(2, '0')).join('');

// Chromium lets the collector take a stream that is being read, and the read never ends, unless somebody holds on to
// it.
let reader;

/** Reads as the package does where it can: a byte stream, into one buffer that goes to and fro, filled each time. */
async function eachChunk(stream, take) {
  reader = stream.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(CHUNK);
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(buffer), { min: CHUNK });
    if (value?.byteLength) take(value);
    if (done || !value) return;
    buffer = value.buffer;
  }
}

/** Each is prepared once, with the address of what it needs, and gives the start of the SHA-256 if it makes one. */
const PREPARE = {
  read: () => async file => eachChunk(file.stream(), () => {}),

  async 'hash only'(address) {
    const { instance } = await WebAssembly.instantiateStreaming(fetch(address));
    const { memory, plain_window, plain_hash, plain_finish } = instance.exports;
    return async file => {
      const at = plain_window(CHUNK);
      const window = new Uint8Array(memory.buffer, at, CHUNK);
      await eachChunk(file.stream(), bytes => {
        window.set(bytes);
        plain_hash(bytes.length, 1);
      });
      return (plain_finish(1) >>> 0).toString(16).padStart(8, '0');
    };
  },

  async 'hash-wasm'(address) {
    const { createSHA256 } = await import(address);
    const hasher = await createSHA256();
    return async file => {
      hasher.init();
      await eachChunk(file.stream(), bytes => hasher.update(bytes));
      return hasher.digest();
    };
  },

  'arrayBuffer, copied': () => async file => {
    const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(file.size / 65_536) });
    new Uint8Array(buffer).set(new Uint8Array(await file.arrayBuffer()));
  },

  fetched: () => async url => eachChunk((await fetch(url)).body, () => {}),

  /** A stream that the page handed over: no byte stream any more. */
  transferred: () => async stream => {
    reader = stream.getReader();
    while (!(await reader.read()).done);
  },

  'crypto.subtle': () => async file => hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())),
};

const prepared = {};

onmessage = async ({ data: { way, address, source }, ports: [port] }) => {
  try {
    const run = await (prepared[way] ??= PREPARE[way](address));
    port.postMessage({ sha256: source && (await run(source)) });
  } catch (error) {
    port.postMessage({ error: String(error?.stack ?? error) });
  }
};
