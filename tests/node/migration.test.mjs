// docs/migration.md is run: the v1 host, then the host after each of its five steps.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gguf } from './support/gguf.mjs';

const root = new URL('../../', import.meta.url);
const page = await readFile(new URL('docs/migration.md', root), 'utf8');
const [start, ...steps] = page.split(/^## (?=The v1 host|\d\. )/m).slice(1);
const modules = {
  combined: await WebAssembly.compile(await readFile(new URL('js/guest.wasm', root))),
  v1: await WebAssembly.compile(await readFile(new URL('target/wasm/abi-v1.wasm', root))),
};

/** The bodies of the code blocks of one language. */
const blocks = (text, language) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(match => match[1]);

/** Applies a diff block whose old lines stand in `text` exactly once. */
function apply(text, diff) {
  const lines = diff.split('\n').slice(0, -1);
  const side = sign =>
    lines
      .filter(line => line[0] === ' ' || line[0] === sign)
      .map(line => `${line.slice(1)}\n`)
      .join('');
  const parts = text.split(side('-'));
  assert.equal(parts.length, 2, `stands once:\n${side('-')}`);
  return parts.join(side('+'));
}

/** It takes several windows. */
const sample = () => gguf({ tensors: [{ name: 'w', type: 'I8', dims: [100_000] }] });

async function behaves(source, streams) {
  const { load } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  for (const [name, module] of Object.entries(modules)) {
    const { exports: guest } = await WebAssembly.instantiate(module, {});
    const file = sample();
    const sha256 = createHash('sha256').update(file).digest('hex');
    await load(guest, new Blob([file]), sha256);
    await load(guest, new Blob([file]));
    const diagnostics = () =>
      JSON.parse(Buffer.from(guest.memory.buffer, guest.get_diagnostics_ptr(), guest.get_diagnostics_len()));
    assert.equal(diagnostics().model.digests.sha256, sha256);
    await assert.rejects(
      load(guest, new Blob([file.subarray(0, -1)])),
      streams && name === 'combined' ? undefined : /truncated|rejected/,
    );
    assert.equal(diagnostics().model.digests.sha256, sha256, 'the active model stays');
    if (streams >= 5 && name === 'combined') {
      await assert.rejects(
        load(
          guest,
          new Blob([file]),
          sha256.replace(/^./, digit => (digit === '0' ? '1' : '0')),
        ),
        { code: 'digest' },
      );
    }
    if (streams >= 3 && name === 'combined') {
      assert.equal(guest.release(guest.active()), 0);
      const handles = Array.from({ length: 64 }, () => guest.begin(-1n, 1));
      assert.ok(handles.every(handle => handle > 0), 'no session was left');
    }
  }
}

test('the v1 host of the guide loads through both modules', () => behaves(blocks(start, 'js')[0], 0));

let source = blocks(start, 'js')[0];
steps.forEach((step, index) => {
  const applied = blocks(step, 'diff').reduce(apply, source);
  source = applied;
  test(`the host after step ${step.split('\n')[0]} loads through both modules`, () => behaves(applied, index + 1));
});
