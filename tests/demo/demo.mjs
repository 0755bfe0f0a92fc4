// `demo.mjs FILE [REMARK]`: the file through ABI v1, v2 verify and v2 resident, as a table. Every row is a Node process
// of its own. Exit 1 when the file is rejected, 2 when the ways in do not agree.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KINDS, SECTIONS } from './row.mjs';

const ROW = fileURLToPath(new URL('row.mjs', import.meta.url));
const ABI = { v1: ['1', '-'], verify: ['2', 'verify'], resident: ['2', 'resident'] };
const COLUMNS = [
  'ABI',
  'sink',
  'verdict',
  'code',
  'seconds',
  'MB/s',
  'peak guest memory',
  'sha256',
  'architecture',
  'tensors',
];

const [file, remark] = process.argv.slice(2);
const size = statSync(file).size;
const sha256 = await hash(file);
console.log(`${basename(file)}: ${size.toLocaleString('en')} bytes${remark ? ` (${remark})` : ''}`);
console.log(`sha256 by Node.js: ${sha256}\n`);

const rows = KINDS.map(kind => JSON.parse(run(kind)));
printTable([COLUMNS, ...rows.map(cells)]);
for (const { kind, message, offset, path } of rows.filter(row => row.message)) {
  console.log(`${name(kind)}: ${message}${path ? ` (${path}, offset ${offset})` : ''}`);
}
console.log();
const isRejected = rows.some(row => row.verdict === 'rejected');
process.exitCode = !agree() ? 2 : isRejected ? 1 : 0;

function run(kind) {
  return execFileSync(process.execPath, [ROW, kind, file], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function cells({ kind, verdict, code, seconds, bytes, peak, sections }) {
  const speed = verdict === 'admitted' ? [seconds.toFixed(2), (bytes / 1e6 / seconds).toFixed(0)] : ['-', '-'];
  const [abi, sink] = ABI[kind];
  return [abi, sink, verdict, code, ...speed, `${(peak / 2 ** 20).toFixed(1)} MiB`, ...facts(sections)];
}

/** SHA-256 (its first 16 digits), architecture and number of tensors, as the guest reports them. */
function facts(sections) {
  if (!sections) return ['-', '-', '-'];
  const architecture = JSON.parse(sections.metadata).find(entry => entry.key === 'general.architecture');
  return [
    JSON.parse(sections.digests).sha256.slice(0, 16),
    architecture?.value ?? '-',
    JSON.parse(sections.tensors).length,
  ];
}

function printTable(lines) {
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map(cells => String(cells[column]).length)));
  const print = cells =>
    console.log(`| ${cells.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`);
  print(lines[0]);
  print(widths.map(width => '-'.repeat(width)));
  lines.slice(1).forEach(print);
}

/** Says whether all rows that came to a verdict came to the same one, with the same report, or the same fault. */
function agree() {
  const judged = rows.filter(row => row.verdict !== 'refused');
  const verdicts = new Set(judged.map(row => row.verdict));
  if (verdicts.size > 1) {
    console.log('verdicts identical: NO');
    return false;
  }
  const who = judged.map(row => name(row.kind)).join(', ');
  if (verdicts.has('rejected')) {
    const faults = new Set(judged.map(({ code, offset, path }) => JSON.stringify({ code, offset, path })));
    console.log(`rejections identical: ${faults.size === 1 ? 'yes' : 'NO'} (${who}) ${[...faults].join(' ')}`);
    return faults.size === 1;
  }
  const reports = judged.map(({ sections }) => Buffer.from(SECTIONS.map(section => sections[section]).join('\n')));
  const identical = reports.every(report => report.equals(reports[0]));
  const digests = judged.every(({ sections }) => JSON.parse(sections.digests).sha256 === sha256);
  const fingerprint = createHash('sha256').update(reports[0]).digest('hex');
  console.log(`sha256 identical to Node's: ${digests ? 'yes' : 'NO'}`);
  if (judged.length === 1) {
    console.log(`reports identical: nothing to compare, only ${who} admitted it`);
    return digests;
  }
  console.log(
    `reports identical: ${identical ? 'yes' : 'NO'} ` +
      `(${who}: ${SECTIONS.join(', ')}; ${reports[0].length} bytes, sha256 ${fingerprint})`,
  );
  return identical && digests;
}

function name(kind) {
  return ABI[kind].filter(part => part !== '-').join(' ').replace(/^/, 'v');
}

async function hash(path) {
  const digest = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) digest.update(piece);
  return digest.digest('hex');
}
