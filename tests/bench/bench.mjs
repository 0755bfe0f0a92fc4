// `bench.mjs [--quick] [--sizes]`: what admission costs, as ratios inside one run. Prints tables, writes
// target/bench.json and, when not quick, docs/memory.svg. --sizes leaves the ratios out, which take the most time.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { madeFile, realFile } from './file.mjs';
import { BLAKE3, EVIDENCE, Guest, NONE, SHA256 } from './guest.mjs';
import { median, printTable, ratio, seconds } from './measure.mjs';
import { plot } from './plot.mjs';
import { REAL_HEADER, comparisons, memoryOfSet } from './set.mjs';

const root = new URL('../../', import.meta.url);
const quick = process.argv.includes('--quick');
const sizesOnly = process.argv.includes('--sizes');
const PAIRS = quick ? 3 : 15;
const GIB = 2 ** 30;
const REAL = new URL('target/models/gemma-3-270m-q4_k_m.gguf', root);
const VOCABULARY = new URL('target/models/vocab/ggml-vocab-gemma-4.gguf', root);

const guest = new Guest();
const results = { ratios: [], sizes: [], streams: [], windows: [], finish: [] };

function compare(what, most, work, base, pairs = PAIRS) {
  const measured = ratio(work, base, pairs);
  results.ratios.push({ what, most, ...measured });
  return [
    what,
    measured.ratio.toFixed(3),
    most ?? '-',
    measured.spread.map(value => value.toFixed(3)).join(' to '),
    measured.same.toFixed(3),
    (measured.seconds * 1e3).toFixed(1),
    measured.pairs,
  ];
}

const small = madeFile(256 * 2 ** 20);
if (!sizesOnly) compareAll();

console.log('One admission a process (SHA-256): what v1 and v2 take. Process memory is what it grew by.\n');
const mib = bytes => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const run = (way, mebibytes) =>
  JSON.parse(
    execFileSync(process.execPath, [fileURLToPath(new URL('row.mjs', import.meta.url)), way, String(mebibytes)], {
      encoding: 'utf8',
    }),
  );
for (const mebibytes of quick ? [16] : [16, 32, 64, 120]) {
  for (const way of ['v1', 'verify', 'resident']) results.sizes.push(run(way, mebibytes));
}
for (const mebibytes of quick ? [] : [256, 512, 1024, 2048]) {
  for (const way of ['verify', 'resident']) results.sizes.push(run(way, mebibytes));
}
for (const mebibytes of quick ? [] : [4096, 16384]) results.sizes.push(run('verify', mebibytes));
printTable(
  ['file', 'way', 'seconds', 'MB/s', 'peak guest memory', 'process memory'],
  results.sizes.map(row => [
    `${row.mebibytes} MiB`,
    row.way === 'v1' ? 'v1' : `v2 ${row.way}`,
    row.seconds.toFixed(2),
    ((row.mebibytes * 2 ** 20) / 1e6 / row.seconds).toFixed(0),
    mib(row.guest),
    mib(row.process),
  ]),
);

console.log('Windows: v2 verify of 256 MiB\n');
const windows = quick ? [12, 20] : [12, 14, 16, 18, 20, 22, 24];
printTable(
  ['window', 'SHA-256 MB/s', 'no digest MB/s'],
  windows.map(power => {
    const window = 2 ** power;
    const speed = digests => {
      const times = Array.from({ length: 3 }, () => seconds(() => guest.v2(small, { digests, window })));
      return small.length / 1e6 / Math.min(...times);
    };
    const row = { window, sha256: speed(SHA256), none: speed(NONE) };
    results.windows.push(row);
    return [
      window >= 2 ** 20 ? `${window / 2 ** 20} MiB` : `${window / 1024} KiB`,
      row.sha256.toFixed(0),
      row.none.toFixed(0),
    ];
  }),
);

writeFileSync(new URL('target/bench.json', root), `${JSON.stringify(results, null, 1)}\n`);
if (!quick) writeFileSync(new URL('docs/memory.svg', root), plot(results.sizes));
console.log(`written: target/bench.json${quick ? '' : ', docs/memory.svg'}`);

function compareAll() {
  console.log('CPU time as a multiple of the comparison, median of alternated pairs\n');
  const rows = [];
  if (existsSync(REAL)) {
    const real = realFile(REAL);
    const part = { end: REAL_HEADER };
    const { handle: proven } = guest.v2(real, { digests: EVIDENCE, keep: true });
    rows.push(
      compare(
        'real model, SHA-256 verify / copy + SHA-256',
        1.03,
        () => guest.v2(real),
        () => guest.plain(real),
      ),
      compare(
        'real model, BLAKE3 verify / copy + BLAKE3',
        1.3,
        () => guest.v2(real, { digests: BLAKE3 }),
        () => guest.plain(real, { digests: BLAKE3 }),
      ),
      compare(
        'real model, BLAKE3 and evidence verify / BLAKE3 verify',
        1.03,
        () => guest.v2(real, { digests: EVIDENCE }),
        () => guest.v2(real, { digests: BLAKE3 }),
      ),
      compare(
        'real model, groups proven by evidence / copy + BLAKE3',
        1.1,
        () => guest.prove(real, proven),
        () => guest.plain(real, { digests: BLAKE3 }),
      ),
      compare(
        'real model, no digest, verify / copy',
        null,
        () => guest.v2(real, { digests: NONE }),
        () => guest.plain(real, { digests: NONE }),
      ),
      compare(
        'real header, no digest / SHA-256 of its bytes',
        1.0,
        () => guest.v2(real, { ...part, digests: NONE }),
        () => guest.plain(real, part),
      ),
      compare(
        'real model, resident / verify (SHA-256)',
        null,
        () => guest.v2(real, { sink: 'resident' }),
        () => guest.v2(real),
      ),
      ...comparisons(guest, real).map(row => compare(...row)),
    );
    results.setMemory = memoryOfSet(real);
  } else {
    console.log('the real model is not here (cargo xtask model): its rows are left out\n');
  }
  if (existsSync(VOCABULARY)) {
    const vocabulary = realFile(VOCABULARY);
    rows.push(
      compare(
        'all header (15.8 MB vocabulary), no digest / SHA-256',
        null,
        () => guest.v2(vocabulary, { digests: NONE }),
        () => guest.plain(vocabulary),
      ),
    );
  }
  const many = madeFile(64 * 2 ** 20, 65_536);
  rows.push(
    compare(
      '65,536 tensors in 64 MiB, SHA-256 verify / copy + SHA-256',
      null,
      () => guest.v2(many),
      () => guest.plain(many),
    ),
  );
  rows.push(
    compare(
      '256 MiB, small header, BLAKE3 verify / copy + BLAKE3',
      1.1,
      () => guest.v2(small, { digests: BLAKE3 }),
      () => guest.plain(small, { digests: BLAKE3 }),
    ),
  );
  const large = madeFile(4 * GIB);
  const largePairs = quick ? 1 : PAIRS;
  rows.push(
    compare(
      '4 GiB, SHA-256 verify / copy + SHA-256',
      1.03,
      () => guest.v2(large),
      () => guest.plain(large),
      largePairs,
    ),
    compare(
      '4 GiB, no digest, verify / copy',
      1.25,
      () => guest.v2(large, { digests: NONE }),
      () => guest.plain(large, { digests: NONE }),
      largePairs,
    ),
  );
  printTable(['what', 'ratio', 'wanted at most', 'middle half', 'A/A', 'ms', 'pairs'], rows);

  console.log('From the last push to the answer of `finish`: milliseconds, wanted at most 5\n');
  const files = [['256 MiB', small], ['4 GiB', large]];
  if (existsSync(REAL)) files.unshift(['real model', realFile(REAL)]);
  const waits = [];
  for (const [name, file] of files) {
    for (const [what, digests] of [['SHA-256', SHA256], ['BLAKE3', BLAKE3], ['BLAKE3 and evidence', EVIDENCE]]) {
      const times = Array.from({ length: file === large ? 1 : 5 }, () => guest.v2(file, { digests }).finish);
      results.finish.push({ file: name, what, milliseconds: times });
      waits.push([name, what, median(times).toFixed(3), Math.max(...times).toFixed(3)]);
    }
  }
  printTable(['file', 'digests', 'median', 'most'], waits);
}
