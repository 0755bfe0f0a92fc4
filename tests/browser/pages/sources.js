// Everything that `admit` takes, made of the same bytes.

/** @typedef {{ bytes: Uint8Array<ArrayBuffer>, url: string, piece?: number }} Content */

/** @type {Record<string, (content: Content) => any>} */
export const sources = {
  'a File': ({ bytes }) => new File([bytes], 'model.gguf'),
  'a Blob': ({ bytes }) => new Blob([bytes]),
  'a Blob of many parts': ({ bytes, piece = 5000 }) => new Blob([...pieces(bytes, piece)]),
  'a slice of a File': ({ bytes }) =>
    new File([bytes.slice(0, 77), bytes, bytes.slice(0, 77)], 'model.gguf').slice(77, 77 + bytes.length),
  'a Response of fetch': ({ url }) => fetch(url),
  'a Response made by hand': ({ bytes }) => new Response(bytes),
  'a Response of a Blob': ({ bytes }) => new Response(new Blob([bytes])),
  'a Response of a stream': ({ bytes }) => new Response(new Blob([bytes]).stream()),
  'a Request': ({ url }) => new Request(url, { headers: { 'x-anything': 'goes' } }),
  'a URL': ({ url }) => new URL(url),
  'a URL as a string': ({ url }) => url,
  'a byte stream': ({ bytes, piece }) => controlled(bytes, { piece, type: 'bytes' }).stream,
  'a byte stream that fills what it is lent': ({ bytes }) => lentStream(bytes),
  'a default stream': ({ bytes, piece }) => controlled(bytes, { piece }).stream,
  'a stream from a transform': ({ bytes }) => new Blob([bytes]).stream().pipeThrough(new TransformStream()),
  'an async iterable': ({ bytes, piece = 5000 }) => later(pieces(bytes, piece)),
  'an iterable of ArrayBuffers': ({ bytes, piece = 5000 }) =>
    [...pieces(bytes, piece)].map(part => part.slice().buffer),
  'a Uint8Array': ({ bytes }) => bytes,
  'an ArrayBuffer': ({ bytes }) => bytes.slice().buffer,
  'a view into a larger buffer': ({ bytes }) => inTheMiddle(bytes),
  'a file handle of the private file system': ({ bytes }) => written('source.gguf', bytes),
};

/** @type {Record<string, string>} what not every engine has, and these sources are made of */
export const NEEDS = {
  'a byte stream': 'byte streams',
  'a byte stream that fills what it is lent': 'byte streams',
  'a file handle of the private file system': 'private files',
  'a synchronous handle': 'private files',
};

/** @type {Record<string, (content: Content) => any>} */
export const workerSources = {
  'a synchronous handle': async ({ bytes }) => (await written('source.gguf', bytes)).createSyncAccessHandle(),
};

/**
 * @typedef {object} Controlled  A stream, and what became of it.
 * @property {ReadableStream<Uint8Array>} stream
 * @property {number} given      bytes that were pulled
 * @property {number} pulls
 * @property {unknown} cancelled  the reason, when it was cancelled
 * @property {boolean} isCancelled
 */

/**
 * @param {Uint8Array} bytes
 * @param {object} [how]
 * @param {number} [how.piece]
 * @param {'bytes'} [how.type]
 * @param {number} [how.failAt]    break at this offset
 * @param {number} [how.hangAt]    never answer from this offset on
 * @param {(pull: number, offset: number) => unknown} [how.onPull]  before a piece is given
 * @returns {Controlled}
 */
export function controlled(bytes, { piece = 5000, type, failAt = Infinity, hangAt = Infinity, onPull } = {}) {
  const stops = [failAt, hangAt].filter(Number.isFinite);
  const give = async (/** @type {any} */ controller) => {
    const pull = state.pulls++;
    await onPull?.(pull, state.given);
    if (state.given >= hangAt) return new Promise(() => {});
    if (state.given >= failAt) throw new TypeError('the cable was pulled');
    const end = Math.min(bytes.length, state.given + piece, ...stops.filter(stop => stop > state.given));
    if (end > state.given) controller.enqueue(bytes.slice(state.given, end));
    state.given = end;
    if (end === bytes.length && end < hangAt && end < failAt) {
      controller.close();
      controller.byobRequest?.respond(0);
    }
  };
  const cancel = (/** @type {unknown} */ reason) => {
    state.cancelled = reason;
    state.isCancelled = true;
  };
  const stream = type
    ? new ReadableStream({ type, pull: give, cancel })
    : new ReadableStream({ pull: give, cancel }, { highWaterMark: 0 });
  /** @type {Controlled} */
  const state = { stream, given: 0, pulls: 0, cancelled: undefined, isCancelled: false };
  return state;
}

/** @param {Uint8Array} bytes */
function lentStream(bytes) {
  let at = 0;
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const request = /** @type {ReadableStreamBYOBRequest} */ (controller.byobRequest);
      const view = /** @type {Uint8Array} */ (request.view);
      const part = bytes.subarray(at, at + Math.min(view.byteLength, 3333));
      if (part.length === 0) controller.close();
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(part);
      at += part.length;
      request.respond(part.length);
    },
  });
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {number} size
 */
export function* pieces(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** @param {Iterable<Uint8Array>} parts */
async function* later(parts) {
  for (const part of parts) {
    await null;
    yield part;
  }
}

/** @param {Uint8Array} bytes */
function inTheMiddle(bytes) {
  const larger = new Uint8Array(bytes.length + 50).fill(0xee);
  larger.set(bytes, 13);
  return new DataView(larger.buffer, 13, bytes.length);
}

/**
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export async function written(name, bytes) {
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle(name, { create: true });
  const writable = await handle.createWritable();
  await writable.write(bytes);
  await writable.close();
  return handle;
}
