// The calls of the runtime, as a host in JavaScript makes them.
import { readFileSync } from 'node:fs';
import { Guest } from '../../../js/index.js';

const BYTES = readFileSync(new URL('../../../target/wasm/candle-runtime.wasm', import.meta.url));
const MODULE = new WebAssembly.Module(BYTES);
const utf8 = new TextDecoder();

/** What the module imports: nothing. */
export const imports = WebAssembly.Module.imports(MODULE);

/** A fresh guest. */
export const fresh = () => new Guest(new WebAssembly.Instance(MODULE, {}).exports);

/** The same in a module that may have so many pages of memory and no more. */
export const confined = pages =>
  new Guest(new WebAssembly.Instance(new WebAssembly.Module(withMaximum(BYTES, pages)), {}).exports);

/** Sets a prompt, and gives its tokens. */
export function prompt(guest, text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0) guest.callWrite('prompt_window', bytes, bytes.length);
  const count = guest.call('set_prompt', bytes.length);
  const ids = [...words(guest.callRead('prompt_tokens'), Uint32Array)];
  if (ids.length !== count) throw new Error(`${count} tokens, ${ids.length} ids`);
  return ids;
}

/** The logits of the latest evaluation. */
export const logits = guest => words(guest.callRead('logits'), Float32Array);

/** The next `count` tokens. */
export const generated = (guest, count) => Array.from({ length: count }, () => guest.call('generate_next_token'));

/** What tokens say. */
export const said = (guest, ids) => utf8.decode(Buffer.concat(ids.map(id => guest.callRead('token_text', id).slice())));

const words = (bytes, Words) => new Words(bytes.slice().buffer);

/** Puts a maximum into the module's memory section, which has none. */
function withMaximum(module, pages) {
  for (let at = 8; at < module.length;) {
    const [id, [size, start]] = [module[at], number(module, at + 1)];
    if (id !== 5) {
      at = start + size;
      continue;
    }
    if (module[start] !== 1 || module[start + 1] !== 0) throw new Error('one memory without a maximum is expected');
    const memory = [1, 1, ...module.subarray(start + 2, start + size), ...leb(pages)];
    return Buffer.concat([
      module.subarray(0, at),
      Buffer.from([5, ...leb(memory.length), ...memory]),
      module.subarray(start + size),
    ]);
  }
  throw new Error('the module has no memory');
}

/** A number in LEB128 at `at`, and where it ends. */
function number(bytes, at) {
  for (let value = 0, shift = 0;; shift += 7) {
    value += (bytes[at] & 0x7f) * 2 ** shift;
    if (bytes[at++] < 0x80) return [value, at];
  }
}

const leb = value => value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
