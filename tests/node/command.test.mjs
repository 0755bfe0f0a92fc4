// `npx gguf-admission check` says what the oracle says, and what the command in Rust says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'js/command/gguf-admission.js');
const folder = mkdtempSync(join(tmpdir(), 'gguf-command-'));
after(() => rmSync(folder, { recursive: true }));

/** The file of the golden text: `general.architecture` = `tiny`, one tensor of four ones. */
const good = (() => {
  const ones = new Float32Array([1, 1, 1, 1]);
  const u32 = value => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = value => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = value => Buffer.concat([u64(value.length), Buffer.from(value)]);
  const start = Buffer.concat([
    Buffer.from('GGUF'), u32(3), u64(1), u64(1), text('general.architecture'), u32(8), text('tiny'),
    text('w'), u32(1), u64(4), u32(0), u64(0),
  ]);
  return Buffer.concat([start, Buffer.alloc(128 - start.length), Buffer.from(ones.buffer)]);
})();
const HASH = '4974b5f794763c6976fe95200fd0b4552de38ed0a4f062e4373ed1c2ce2b3efa';
const put = (name, bytes) => writeFileSync(join(folder, name), bytes);

/** @returns {{ status: number | null, stdout: string, stderr: string }} */
const run = (args, { input = '', env = {} } = {}) => spawnSync(process.execPath, [program, ...args],
  { cwd: folder, input, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...env } });
const lines = text => text.trim().split('\n').map(line => JSON.parse(line));

test('the corpus is judged as the oracle judges it', () => {
  const corpus = join(root, 'target/corpus');
  const cases = JSON.parse(readFileSync(join(corpus, 'cases.json'), 'utf8'))
    .filter(({ sink, limits }) => sink === 'verify' && Object.keys(limits).length === 0);
  assert.ok(cases.length > 300);
  const reports = new Map(readFileSync(join(corpus, 'reports.jsonl'), 'utf8').trim().split('\n').map(line => {
    const { name, report } = JSON.parse(line);
    return [name, report];
  }));
  const paths = cases.map(({ file }) => join(corpus, file));
  const { stdout, status } = run(['check', '--json', ...paths]);
  assert.equal(status, 1);
  const said = lines(stdout);
  assert.equal(said.length, cases.length);
  for (const [index, { name, expect, expect_unknown }] of cases.entries()) {
    const line = said[index];
    // A file without a byte has no length that could be declared.
    const { verdict, code, offset, path } = readFileSync(paths[index]).length === 0 ? expect_unknown : expect;
    const wanted = verdict === 'admitted' ? [name, verdict, null, null, null] : [name, verdict, code, offset, path];
    assert.deepEqual([name, line.verdict, line.code, line.offset, line.path], wanted);
    const report = reports.get(name);
    if (verdict !== 'admitted' || !report) continue;
    assert.deepEqual([line.digests.sha256, line.tensors], [report.digests.sha256, report.tensors.length], name);
  }
});

test('text and fields are those of the command in Rust', () => {
  const escapes = '\u001b[2J\u202e.gguf';
  put('good.gguf', good);
  put('bad.gguf', 'GGUX');
  put('short.gguf', good.subarray(0, good.length - 1));
  put(escapes, good);
  const golden = readFileSync(join(root, 'cli/tests/golden/text.txt'), 'utf8').split('\n\n');
  const without = text => text.replace(/^(UNREAD +\S+).*$/gm, '$1').trim();
  const texts = [
    ['check', 'good.gguf', 'bad.gguf', 'short.gguf', escapes, 'missing.gguf'],
    ['check', '--blake3', 'good.gguf'],
    ['check', '--header-only', 'good.gguf', 'short.gguf'],
  ].map(args => without(run(args).stdout));
  assert.deepEqual(texts, golden.slice(0, 3).map(without));
  const fields = lines(run(['check', '--json', 'good.gguf', 'bad.gguf', 'missing.gguf']).stdout).map(Object.keys);
  const wanted = 'file verdict code offset path message length digests architecture tensors findings'.split(' ');
  assert.deepEqual(fields, [wanted, wanted, wanted]);
});

test('no name of a file turns or hides what stands beside it', () => {
  const name = 'a\u00ad\u061c\u200b\u2028\u{e0041}e\u0301.gguf';
  put(name, good);
  assert.match(run(['check', name]).stdout, /a\\u\{ad\}\\u\{61c\}\\u\{200b\}\\u\{2028\}\\u\{e0041\}e\u0301\.gguf/);
});

test('the worst that happened is the exit code', () => {
  put('good.gguf', good);
  put('bad.gguf', 'GGUX');
  put('empty.gguf', '');
  put('SUMS', `# a list\n${HASH}  good.gguf\n`);
  put('TWICE', `SHA256 (good.gguf) = ${HASH.toUpperCase()}\n\\${HASH} *./good.gguf\n`);
  put('WRONG', `${'0'.repeat(64)}  good.gguf\n`);
  put('NONSENSE', 'good.gguf\n');
  // One group, so that its value is the BLAKE3.
  const blake3 = lines(run(['check', '--json', '--blake3', 'good.gguf']).stdout)[0].digests.blake3;
  put('evidence', Buffer.from(blake3, 'hex'));
  put('other', Buffer.alloc(32));
  const cases = [
    [0, 'check good.gguf'],
    [0, `check --sha256 ${HASH} good.gguf`],
    [0, 'check --sums SUMS'],
    [0, 'check --sums TWICE ./good.gguf'],
    [0, 'check --evidence evidence good.gguf'],
    [0, '--help'],
    [0, '--version'],
    [1, 'check good.gguf bad.gguf'],
    [1, 'check empty.gguf'],
    [1, 'check --sums WRONG'],
    [1, 'check --evidence other good.gguf'],
    [2, ''],
    [2, 'check'],
    [2, 'show good.gguf'],
    [2, 'check --nonsense good.gguf'],
    [2, 'check --sha256 12 good.gguf'],
    [2, `check --sha256 ${HASH} good.gguf bad.gguf`],
    [2, 'check --sums SUMS bad.gguf'],
    [2, 'check --header-only --blake3 good.gguf'],
    [2, 'check - -'],
    [3, 'check bad.gguf missing.gguf good.gguf'],
    [3, 'check .'],
    [3, 'check --sums MISSING'],
    [3, 'check --sums NONSENSE'],
    [3, 'check --evidence NONSENSE good.gguf'],
  ];
  for (const [code, args] of cases) {
    const { status, stdout, stderr } = run(args.split(' ').filter(Boolean));
    assert.equal(status, code, `${args}\n${stdout}${stderr}`);
  }
});

test('standard input is a file of unknown length', () => {
  const { status, stdout } = run(['check', '--json', '-'], { input: good });
  const [{ file, verdict, length, digests }] = lines(stdout);
  assert.deepEqual([status, file, verdict, length, digests.sha256], [0, '-', 'admitted', good.length, HASH]);
  assert.equal(run(['check', '-'], { input: good.subarray(0, 20) }).status, 1);
});
