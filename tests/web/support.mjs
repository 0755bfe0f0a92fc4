// The Rust app as it was built, a small GGUF file, and streams that know what was done to them.
import { existsSync, readFileSync } from 'node:fs';

const pkg = new URL('../../examples/rust-app/pkg/', import.meta.url);

export const skip =
  !existsSync(new URL('gguf_rust_app.js', pkg)) && 'examples/rust-app/pkg is missing: cargo xtask build --web';

/**
 * A fresh instance of the app: its memory starts small.
 *
 * @param {string} [name]
 * @param {(module: Uint8Array) => Uint8Array} [change]  what is run instead of the module as it was built
 * @returns the app's functions, and as `exports` what the module itself exports
 */
export async function load(name = 'shared', change = module => module) {
  const app = await import(`${new URL('gguf_rust_app.js', pkg)}?${name}`);
  const module = change(new Uint8Array(readFileSync(new URL('gguf_rust_app_bg.wasm', pkg))));
  return { ...app, exports: app.initSync({ module }) };
}

const text = string => {
  const bytes = new TextEncoder().encode(string);
  return [...u64(bytes.length), ...bytes];
};
const u32 = number => new Uint8Array(Uint32Array.of(number).buffer);
const u64 = number => new Uint8Array(BigUint64Array.of(BigInt(number)).buffer);

/** A file with one tensor `w` of `count` f32: 0, 1, 2, ... */
export function gguf(count, metadata = { 'general.architecture': 'tiny' }) {
  const entries = Object.entries(metadata);
  const header = [
    ...new TextEncoder().encode('GGUF'), ...u32(3), ...u64(1), ...u64(entries.length),
    ...entries.flatMap(([key, value]) => [...text(key), ...u32(8), ...text(value)]),
    ...text('w'), ...u32(1), ...u64(count), ...u32(0), ...u64(0),
  ];
  const start = Math.ceil(header.length / 32) * 32;
  const file = new Uint8Array(start + 4 * count);
  file.set(header);
  new Float32Array(file.buffer, start).forEach((_, index, values) => (values[index] = index));
  return file;
}

/**
 * A stream of `bytes` in chunks of `size`.
 *
 * @param {Uint8Array} bytes
 * @param {object} [how]
 * @param {'bytes'} [how.type]    a byte stream
 * @param {number} [how.size]
 * @param {(position: number) => unknown} [how.before]  runs before each chunk; may wait or throw
 * @param {unknown} [how.cancelThrows]
 */
export function streamOf(bytes, { type, size = 4096, before, cancelThrows } = {}) {
  const seen = { taken: 0, cancelled: false, reason: undefined };
  const stream = new ReadableStream({
    type,
    async pull(controller) {
      await before?.(seen.taken);
      if (seen.taken === bytes.length) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      const chunk = bytes.slice(seen.taken, seen.taken + size);
      seen.taken += chunk.length;
      controller.enqueue(chunk);
    },
    cancel(reason) {
      Object.assign(seen, { cancelled: true, reason });
      if (cancelThrows) throw cancelThrows;
    },
  }, { highWaterMark: 0 });
  return Object.assign(seen, { stream });
}

/** The part of a report that depends on the file alone. */
export const sections = ({ gguf, metadata, tensors, digests }) => ({ gguf, metadata, tensors, digests });

export const never = () => new Promise(() => {});

/** What `promise` is rejected with. */
export const refusal = promise => promise.then(() => { throw new Error('it was admitted'); }, error => error);

/** As `AbortSignal.timeout`, but Node waits for it. */
export function timeout(milliseconds) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException('too late', 'TimeoutError')), milliseconds);
  return controller.signal;
}
