// `bench.mjs [--quick] [--sizes]`: what admission costs, as ratios inside one run. Prints tables, writes
// target/bench.json and, when not quick, docs/memory.svg. --sizes leaves the ratios out, which take the most time.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { realFile } from './file.mjs';
import { BLAKE3, EVIDENCE, Guest, NONE, SHA256 } from './guest.mjs';
import { median, printTable, ratio, seconds } from './measure.mjs';
import { plot } from './plot.mjs';
import { LARGE, REAL, SMALL, rowsOf } from './rows.mjs';
import { memoryOfSet } from './set.mjs';

const root = new URL('../../', import.meta.url);
const quick = process.argv.includes('--quick');
const sizesOnly = process.argv.includes('--sizes');
const PAIRS = quick ? 3 : 15;

const guest = new Guest();
const results = { ratios: [], sizes: [], streams: [], windows: [], finish: [] };

function compare(what, most, work, base, pairs) {
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
      const times = Array.from({ length: 3 }, () => seconds(() => guest.v2(SMALL, { digests, window })));
      return SMALL.length / 1e6 / Math.min(...times);
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
  if (!existsSync(REAL)) console.log('the real model is not here (cargo xtask model): its rows are left out\n');
  const rows = rowsOf(guest).map(({ what, most, work, base, long }) =>
    compare(what, most, work, base, quick && long ? 1 : PAIRS),
  );
  if (existsSync(REAL)) results.setMemory = memoryOfSet(realFile(REAL));
  printTable(['what', 'ratio', 'wanted at most', 'middle half', 'A/A', 'ms', 'pairs'], rows);

  console.log('From the last push to the answer of `finish`: milliseconds, wanted at most 5\n');
  const files = [['256 MiB', SMALL], ['4 GiB', LARGE]];
  if (existsSync(REAL)) files.unshift(['real model', realFile(REAL)]);
  const waits = [];
  for (const [name, file] of files) {
    for (const [what, digests] of [['SHA-256', SHA256], ['BLAKE3', BLAKE3], ['BLAKE3 and evidence', EVIDENCE]]) {
      const times = Array.from({ length: file === LARGE ? 1 : 5 }, () => guest.v2(file, { digests }).finish);
      results.finish.push({ file: name, what, milliseconds: times });
      waits.push([name, what, median(times).toFixed(3), Math.max(...times).toFixed(3)]);
    }
  }
  printTable(['file', 'digests', 'median', 'most'], waits);
}
