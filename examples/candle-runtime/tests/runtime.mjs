// The calls of the runtime, as a host in JavaScript makes them.
import { readFileSync } from 'node:fs';
import { Guest } from '../../../js/index.js';

const MODULE = new WebAssembly.Module(
  readFileSync(new URL('../../../target/wasm/candle-runtime.wasm', import.meta.url)),
)
const utf8 = new TextDecoder();

/** What the module imports: nothing. */
export const imports = WebAssembly.Module.imports(MODULE);

/** A fresh guest. */
export const fresh = () => new Guest(new WebAssembly.Instance(MODULE, {}).exports);

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
