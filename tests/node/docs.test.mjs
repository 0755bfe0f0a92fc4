// The pages name what is there: every link leads somewhere, and every path in CONTRIBUTING.md and security.md exists.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = page => readFileSync(join(root, page), 'utf8');
const markdown = folder =>
  readdirSync(join(root, folder)).filter(name => name.endsWith('.md')).map(name => join(folder, name));
const crates = ['admission', 'abi-v1', 'abi-v2', 'web', 'candle', 'cli'].map(folder => `${folder}/README.md`);
const pages = [...markdown('.'), ...markdown('docs'), 'js/README.md', ...crates];

/** The page without its blocks of code. */
const prose = text => text.replace(/^```.*?^```/gms, '');

/** The anchors that a page's headings make, as the usual renderers do. */
const anchors = page => [...prose(read(page)).matchAll(/^#+ (.*)$/gm)]
  .map(([, title]) => title.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-'));

for (const page of pages) {
  test(`every link of ${page} leads somewhere`, () => {
    for (const [, target] of prose(read(page)).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path, anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      assert.ok(existsSync(join(root, file)), `${target}: no such file`);
      if (anchor !== undefined) assert.ok(anchors(file).includes(anchor), `${target}: no such heading`);
    }
  });
}

for (const page of ['CONTRIBUTING.md', 'docs/security.md']) {
  test(`every path that ${page} names is there`, () => {
    const paths = /(a new )?`(abi-v1|abi-v2|admission|candle|docs|examples|js|tests|web|xtask)\/([\w./-]*)`/g;
    const named = [...prose(read(page)).matchAll(paths)];
    assert.ok(named.length > 10, 'it names some');
    const missing = named.filter(([, isNew, top, rest]) => !isNew && !existsSync(join(root, top, rest)));
    assert.deepEqual(missing.map(([, , top, rest]) => `${top}/${rest}`), []);
  });
}

test('the page of the candle crate names the version of candle that it is built with', () => {
  const [, version] = /^candle-core = \{ version = "([\d.]+)"/m.exec(read('candle/Cargo.toml'));
  assert.ok(read('candle/README.md').includes(`\`candle-core\` ${version}`), version);
});
