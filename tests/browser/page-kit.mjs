// What the tests of the demo page share: files to pick, and what they do in the page.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gguf } from '../../js/test/support/gguf.js';

export const target = (/** @type {string} */ path) => fileURLToPath(new URL(`../../target/${path}`, import.meta.url));
export const MODEL = target('models/gemma-3-270m-q4_k_m.gguf');
export const VOCABULARY = target('models/vocab/ggml-vocab-gpt-2.gguf');
export const HOSTILE = target('corpus/padding_first_before_data.gguf');
export const needs = (/** @type {string} */ path, /** @type {string} */ command) =>
  !existsSync(path) && `${path.split('/').at(-1)} is not here: run \`${command}\``;
export const sha256 = (/** @type {Uint8Array} */ bytes) => createHash('sha256').update(bytes).digest('hex');

export const ATTACK = '<img src=x onerror="globalThis.attacked=1"><script>globalThis.attacked=1</script>';
export const llama = () =>
  gguf({
    metadata: {
      'general.architecture': 'llama',
      'general.name': 'A small one',
      'llama.context_length': 4096,
      'llama.block_count': 2,
      'general.file_type': 7,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.tokens': ['a', 'b', 'c'],
      'tokenizer.chat_template': 'x'.repeat(5000),
    },
    tensors: [
      { name: 'token_embd.weight', bytes: 4096 },
      { name: 'output.weight', bytes: 2000 },
    ],
  });

/** As `llama`, with a tensor of the type with the longest name, IQ2_XXS: 66 bytes for 256 elements. */
export function quantised() {
  const file = gguf({
    metadata: {
      'general.architecture': 'llama',
      'tokenizer.ggml.tokens': ['a', 'b'],
      'tokenizer.chat_template': 'x'.repeat(5000),
    },
    tensors: [
      { name: 'token_embd.weight', bytes: 200_000 },
      { name: 'output.weight', bytes: 66 * 4096 },
    ],
  });
  const view = new DataView(file.buffer);
  const record = Buffer.from(file.buffer).indexOf('output.weight') + 'output.weight'.length + 4;
  view.setBigUint64(record, 256n * 4096n, true);
  view.setUint32(record + 8, 16, true);
  return file;
}

/**
 * Drops a file on the page: at once, or as soon as an element is there.
 *
 * @param {{ bytes: number[], name: string, when?: string }} drop
 */
export const dropFile = ({ bytes, name, when }) => {
  const drop = () => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  };
  if (!when) return drop();
  new MutationObserver((_, observer) => {
    if (!document.querySelector(when)) return;
    observer.disconnect();
    drop();
  }).observe(document, { subtree: true, childList: true, attributes: true });
};

/**
 * Workers of the page that live: each guest holds a lock.
 * @param {import('./demo-page.mjs').DemoPage} page
 * @returns {Promise<number>}
 */
export const guests = page =>
  page.run(
    async () => (await navigator.locks.query()).held?.filter(({ name }) => name?.startsWith('gguf-admission')).length,
  );
