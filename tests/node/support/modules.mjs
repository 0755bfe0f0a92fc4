// The built modules: compiled once a process, instantiated with nothing.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A path inside the project. */
export const project = path => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export const GUEST = project('js/guest.wasm');
export const V1_ONLY = project('target/wasm/abi-v1.wasm');
const REFERENCE = project('target/wasm/reference-v1.wasm');
const REFERENCE_SOURCE = project('tests/node/support/reference_v1.rs');

const compiled = new Map();

/** The module in a file, compiled once. */
export function compile(path) {
  if (!compiled.has(path)) compiled.set(path, new WebAssembly.Module(readFileSync(path)));
  return compiled.get(path);
}

/** The exports of a new instance of the combined module. */
export const guestExports = () => new WebAssembly.Instance(compile(GUEST), {}).exports;

/** The exports of a new instance of the module that has v1 alone. */
export const v1OnlyExports = () => new WebAssembly.Instance(compile(V1_ONLY), {}).exports;

/** The literal reference of v1's calls, compiled when it is missing or old. Throws where rustc cannot. */
export function referenceExports() {
  if (!existsSync(REFERENCE) || statSync(REFERENCE).mtimeMs < statSync(REFERENCE_SOURCE).mtimeMs) {
    mkdirSync(project('target/wasm'), { recursive: true });
    execFileSync('rustc', ['--target', 'wasm32-unknown-unknown', '--crate-type', 'cdylib', '--edition', '2024', '-O',
      REFERENCE_SOURCE, '-o', REFERENCE], { stdio: 'pipe' });
  }
  return new WebAssembly.Instance(compile(REFERENCE), {}).exports;
}

/** The exports of an instance of the combined module whose memory has a hard end after `pages` pages of 64 KiB. */
export function cappedExports(pages) {
  const key = `${GUEST} capped at ${pages}`;
  if (!compiled.has(key)) compiled.set(key, new WebAssembly.Module(capMemory(readFileSync(GUEST), pages)));
  return new WebAssembly.Instance(compiled.get(key), {}).exports;
}

/** Pages of 64 KiB that the combined module starts with. */
export const firstPages = () => guestExports().memory.buffer.byteLength / 65536;

const MEMORY_SECTION = 5;

function capMemory(module, pages) {
  let at = 8;
  while (at < module.length) {
    const id = module[at];
    const [size, body] = readLeb(module, at + 1);
    if (id === MEMORY_SECTION) {
      const [count, limits] = readLeb(module, body);
      if (count !== 1) throw new Error(`${count} memories`);
      const [minimum] = readLeb(module, limits + 1);
      const section = [1, 1, ...leb(minimum), ...leb(pages)];
      return Buffer.concat([module.subarray(0, at), Buffer.from([id, ...leb(section.length), ...section]),
        module.subarray(body + size)]);
    }
    at = body + size;
  }
  throw new Error('no memory section');
}

function readLeb(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

function leb(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}
