// The Rust app and the JavaScript package say the same of every corpus file, and of the real model where it is here.
// Needs `cargo xtask build`, `cargo xtask build --web` and `tests/corpus/generate.py`.
import assert from 'node:assert/strict';
import { existsSync, openAsBlob, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { sections, streamOf } from './support.mjs';

const root = new URL('../../', import.meta.url);
const NEEDED = ['examples/rust-app/pkg/gguf_rust_app.js', 'js/guest.wasm', 'target/corpus/cases.json'];
const missing = NEEDED.find(path => !existsSync(new URL(path, root)));
const MODEL = new URL('target/models/gemma-3-270m-q4_k_m.gguf', root);

describe('corpus', { skip: missing && `${missing} is missing` }, async () => {
  if (missing) return;
  const { admit, loadGuest } = await import(new URL('js/index.js', root));
  const app = await import(new URL('examples/rust-app/pkg/gguf_rust_app.js', root));
  app.initSync({ module: readFileSync(new URL('examples/rust-app/pkg/gguf_rust_app_bg.wasm', root)) });
  const guest = await loadGuest(readFileSync(new URL('js/guest.wasm', root)));
  const cases = JSON.parse(readFileSync(new URL('target/corpus/cases.json', root), 'utf8'));

  /** What the Rust app says: the report's sections, or code, offset and path. */
  const rust = (source, options) => app.admit(source, options).then(admitted => {
    const report = sections(JSON.parse(admitted.report()));
    admitted.free();
    return report;
  }, fault);
  const js = (source, options) => admit(guest, source, options).then(model => {
    const report = sections(model.report);
    model.release();
    return report;
  }, fault);

  for (const { name, file, sink, limits, expect, expect_unknown: unknown } of cases) {
    test(`${name}: as the JavaScript package, and as the oracle`, async () => {
      // Not a Buffer: its slices share their memory with everything else, and a byte stream takes it away.
      const bytes = new Uint8Array(readFileSync(new URL(`target/corpus/${file}`, root)));
      const options = { sink, limits: camel(limits) };
      const said = await rust(new Blob([bytes]), options);
      assert.deepEqual(said, await js(new Blob([bytes]), options));
      // The corpus speaks of the ABI, where a length of 0 cannot be declared.
      judge(said, bytes.length === 0 ? unknown : expect);
      const size = 1 + (bytes.length >> 3);
      judge(await rust(streamOf(bytes, { type: 'bytes', size }).stream, options), unknown);
      judge(await rust(streamOf(bytes, { size }).stream, options), unknown);
    });
  }

  test('the real model', { skip: !existsSync(MODEL) && 'target/models is missing: cargo xtask model' }, async () => {
    const options = { sink: 'resident' };
    const said = await rust(await openAsBlob(MODEL), options);
    assert.ok(said.tensors.length > 0);
    assert.deepEqual(said, await js(await openAsBlob(MODEL), options));
  });
});

const fault = ({ code, offset, path }) => ({ code, offset, path });

function judge(said, { verdict, code, offset, path }) {
  if (verdict === 'admitted') assert.ok(said.gguf, JSON.stringify(said));
  else assert.deepEqual(said, { code, offset, path });
}

const camel = limits =>
  Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [name.replace(/_./g, ([, letter]) => letter.toUpperCase()), value]),
  );
