// Watches what a page does with streams. To be imported before anything that uses them.

/** @type {Set<ReadableStream>} every stream that was ever given a reader, or piped */
const streams = new Set();
/** @type {string[]} */
const unhandled = [];
let taken = 0;

/**
 * @param {any} prototype
 * @param {string} name
 * @param {(original: Function, self: any, args: any[]) => unknown} instead
 */
function replace(prototype, name, instead) {
  const original = prototype[name];
  prototype[name] = function (/** @type {any[]} */ ...args) {
    return instead(original, this, args);
  };
}

for (const name of ['getReader', 'pipeTo', 'pipeThrough', 'tee']) {
  replace(ReadableStream.prototype, name, (original, self, args) => {
    const result = original.apply(self, args);
    streams.add(self);
    return result;
  });
}

for (const kind of ['ReadableStreamDefaultReader', 'ReadableStreamBYOBReader']) {
  // WebKitGTK has no byte streams, and so no reader of them.
  if (!(kind in globalThis)) continue;
  replace(/** @type {any} */ (globalThis)[kind].prototype, 'read', (original, self, args) => {
    const result = original.apply(self, args);
    result.then((/** @type {any} */ { value }) => (taken += value?.byteLength ?? 0), () => {});
    return result;
  });
}

addEventListener('unhandledrejection', event => {
  unhandled.push(String(/** @type {PromiseRejectionEvent} */ (event).reason));
});

/** Streams that somebody still holds. */
export const locked = () => [...streams].filter(stream => stream.locked).length;

/** Promises that failed and were nobody's. */
export const orphans = () => unhandled;

/** Bytes that readers have taken since the last call. */
export function bytesTaken() {
  const bytes = taken;
  taken = 0;
  return bytes;
}
