// Every case of the corpus, judged in the browser as it is in cases.json.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { inEachBrowser } from './suite.mjs';

const CORPUS = new URL('../../target/corpus/', import.meta.url);
const isThere = existsSync(new URL('cases.json', CORPUS));
const cases = isThere ? JSON.parse(readFileSync(new URL('cases.json', CORPUS), 'utf8')) : [];
const reports = isThere
  ? readFileSync(new URL('reports.jsonl', CORPUS), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  : [];
const byName = new Map(reports.map(({ name, report }) => [name, report]));
const skip = !isThere && 'there is no corpus: run `python3 tests/corpus/generate.py`';

inEachBrowser(test => {
  for (const place of ['run', 'runInWorker']) {
    test(
      `all cases are judged in a ${place === 'run' ? 'page' : 'worker'} as written, their length known and unknown`,
      async ({ page }) => {
        const wanted = cases.map(({ name, file, sink, limits, expect, expect_unknown }) => ({
          name,
          file,
          sink,
          limits,
          verdicts: [expect, expect_unknown],
        }));
        const judged = await page[place](async wanted => {
          const guest = await kit.guest();
          const camel = name => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
          const found = [];
          for (const { name, file, sink, limits } of wanted) {
            const bytes = await kit.bytes(`/files/corpus/${file}`);
            const options = {
              sink,
              limits: Object.fromEntries(Object.entries(limits).map(([name, value]) => [camel(name), value])),
            };
            const outcomes = [];
            for (const source of [new File([bytes], file), kit.controlled(bytes, { piece: 40_000 }).stream]) {
              outcomes.push(
                await kit.admit(guest, source, options).then(
                  model => ({ verdict: 'admitted', code: null, offset: null, path: null, report: kit.seen(model) }),
                  ({ kind, code, offset, path, message }) => ({ verdict: kind, code, offset, path, message }),
                ),
              );
            }
            found.push({ name, outcomes });
          }
          return found;
        }, wanted);

        assert.equal(judged.length, cases.length);
        const wrong = [];
        for (const [index, { name, outcomes }] of judged.entries()) {
          for (const [way, { verdict, code, offset, path, report, message }] of outcomes.entries()) {
            const { about: _, ...expected } = wanted[index].verdicts[way];
            // A File of no bytes has a length that is not known: 0 cannot be declared.
            if (expected.code === 'argument') Object.assign(expected, wanted[index].verdicts[1]);
            const found = { verdict, code, offset, path };
            if (
              JSON.stringify(found) !==
              JSON.stringify({
                verdict: expected.verdict,
                code: expected.code,
                offset: expected.offset,
                path: expected.path,
              })
            ) {
              wrong.push({ name, way, expected, found, message });
            }
            if (!report) continue;
            for (const section of ['gguf', 'metadata', 'tensors', 'digests']) {
              try {
                // On its way out of the browser, JSON lost the sign of a zero.
                assert.deepEqual(report[section], JSON.parse(JSON.stringify(byName.get(name)[section])));
              } catch (error) {
                wrong.push({ name, way, section, message: error.message });
              }
            }
          }
        }
        assert.deepEqual(wrong.slice(0, 10), []);
      },
      { skip, timeout: 120_000 },
    );
  }
});
