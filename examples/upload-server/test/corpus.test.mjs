// Every file of the corpus, sent as it is: the verdict is the oracle's, and the rules named are among those it breaks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, start } from './server.mjs';

const corpus = join(root, 'target/corpus');

test('the corpus is judged over HTTP as the oracle judges it', async t => {
  const server = await start(t);
  const cases = JSON.parse(readFileSync(join(corpus, 'cases.json'), 'utf8'));
  const asHere = cases.filter(({ sink, limits }) => sink === 'verify' && Object.keys(limits).length === 0);
  assert.ok(asHere.length > 300);
  let stored = 0;
  const unnamed = [];
  for (const { name, file, rules, expect, expect_unknown } of asHere) {
    const bytes = readFileSync(join(corpus, file));
    for (const [wanted, body] of [
      [expect, bytes],
      [expect_unknown, new Blob([bytes]).stream()],
    ]) {
      const answer = await fetch(`${server.url}/models/${name}-${stored}.gguf`, {
        method: 'PUT',
        body,
        duplex: 'half',
      });
      const said = await answer.json();
      if (wanted.verdict === 'admitted') {
        assert.equal(answer.status, 201, `${name}: ${JSON.stringify(said)}`);
        stored += 1;
        continue;
      }
      const { code, offset = null, path = null } = said;
      // An empty file cannot declare its length: that would be a misuse of the core, not a fault of the file.
      if (bytes.length === 0) assert.deepEqual([answer.status, code], [422, 'truncated']);
      else
        assert.deepEqual(
          [name, answer.status, code, offset, path],
          [name, 422, wanted.code, wanted.offset, wanted.path],
        );
      // A count that is wrong shows as whatever stands where the next record would begin.
      if (rules[0] === 3 && code === 'header') continue;
      if (!rules.some(rule => said.rule?.includes(rule)))
        unnamed.push(`${name} (${code}, ${path}) breaks ${rules}, the answer names ${said.rule}`);
    }
  }
  assert.deepEqual(unnamed, []);
  assert.deepEqual([server.files('quarantine'), server.files('models').length], [[], stored]);
});
