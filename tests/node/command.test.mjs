// `npx gguf-admission check` says what the oracle says, and what the command in Rust says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'js/command/gguf-admission.js');
const folder = mkdtempSync(join(tmpdir(), 'gguf-command-'));
after(() => rmSync(folder, { recursive: true }));

const u16 = value => Buffer.from(Uint16Array.of(value).buffer);
const u32 = value => Buffer.from(Uint32Array.of(value).buffer);
const u64 = value => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = value => Buffer.concat([u64(value.length), Buffer.from(value)]);

/** The file of the golden text: `general.architecture` = `tiny`, one tensor of four ones. */
const good = (() => {
  const ones = new Float32Array([1, 1, 1, 1]);
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

test('a command that is none is named, and turns nothing', () => {
  assert.match(run([]).stderr, /^gguf-admission: a command is missing: check FILE/);
  const { stderr } = run(['sh\u001b[2Jow', 'good.gguf']);
  assert.match(stderr, /^gguf-admission: there is no command sh.*ow: the only one is check\n/);
  assert.ok(!stderr.includes('\u001b'), stderr);
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
  const told = lines(run(['check', '--json', 'good.gguf', 'bad.gguf', 'missing.gguf']).stdout);
  assert.deepEqual(told.map(({ length }) => length), [good.length, 4, null]);
  const fields = told.map(Object.keys);
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
  put('EMPTY', '');
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
    [3, 'check --sums EMPTY'],
    [2, 'check --sums - -'],
    [3, 'check --evidence NONSENSE good.gguf'],
  ];
  for (const [code, args] of cases) {
    const { status, stdout, stderr } = run(args.split(' ').filter(Boolean));
    assert.equal(status, code, `${args}\n${stdout}${stderr}`);
  }
});

test('output that could not be written is no success', () => {
  put('good.gguf', good);
  for (const options of [[], ['--json']]) {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [program, 'check', ...options, 'good.gguf'],
      { cwd: folder, encoding: 'utf8', stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    assert.deepEqual([status, /standard output: ENOSPC/.test(stderr)], [3, true], stderr);
  }
});

test('json on a terminal hides and turns nothing, and means the same', () => {
  const name = 'a\u009b2J\u202e\u00ad\u{e0041}.gguf';
  put(name, good);
  const { stdout } = run(['check', '--json', name]);
  assert.match(stdout, /^[\x20-\x7e]+\n$/);
  assert.equal(lines(stdout)[0].file, name);
});

test('a list comes from standard input too', () => {
  put('good.gguf', good);
  assert.equal(run(['check', '--sums', '-'], { input: `${HASH}  good.gguf\n` }).status, 0);
  assert.equal(run(['check', '--sums', '-'], { input: `${'0'.repeat(64)}  good.gguf\n` }).status, 1);
});

test('standard input is a file of unknown length', () => {
  const { status, stdout } = run(['check', '--json', '-'], { input: good });
  const [{ file, verdict, length, digests }] = lines(stdout);
  assert.deepEqual([status, file, verdict, length, digests.sha256], [0, '-', 'admitted', good.length, HASH]);
  assert.equal(run(['check', '-'], { input: good.subarray(0, 20) }).status, 1);
});

/** Shard `no` of `count`, of a set of `total` tensors. */
const shard = (no, count, total, names) => {
  const start = Buffer.concat([
    Buffer.from('GGUF'), u32(3), u64(names.length), u64(3), text('split.no'), u32(2), u16(no),
    text('split.count'), u32(2), u16(count), text('split.tensors.count'), u32(5), u32(total),
    ...names.flatMap((name, at) => [text(name), u32(1), u64(8), u32(0), u64(32 * at)]),
  ]);
  return Buffer.concat([start, Buffer.alloc((32 - start.length % 32) % 32), Buffer.alloc(32 * names.length, 1)]);
};

test('a profile refuses what its readers could not load, and tells all that it found', () => {
  put('good.gguf', good);
  for (const options of [[], ['--blake3'], ['--header-only']]) {
    const { status, stdout } = run(['check', '--json', '--profile', 'llama', ...options, 'good.gguf']);
    const [{ verdict, code, message, length, findings, digests }] = lines(stdout);
    assert.deepEqual([status, verdict, code, digests.sha256], [1, 'rejected', 'profile', null]);
    const [{ rule, level, message: found }] = findings;
    assert.deepEqual([rule, level, message], ['L2', 'error', `L2: ${found}`]);
    assert.equal(length, good.length);
    assert.equal(lines(run(['check', '--json', ...options, 'good.gguf']).stdout)[0].findings, null);
  }
  const { status, stdout } = run(['check', '--profile', 'llama', '-'], { input: good });
  assert.deepEqual([status, stdout.includes('\n        error L2: ')], [1, true], stdout);
  assert.equal(run(['check', '--profile', 'other', 'good.gguf']).status, 2);
  // What is only a warning admits the file.
  const long = 'x'.repeat(5000);
  put('vocabulary.gguf', Buffer.concat([
    Buffer.from('GGUF'), u32(3), u64(0), u64(6), text('general.architecture'), u32(8), text('tiny'),
    text('tokenizer.ggml.tokens'), u32(9), u32(8), u64(1), text(long),
    ...['bos', 'eos', 'unknown'].flatMap(name => [text(`tokenizer.ggml.${name}_token_id`), u32(4), u32(0)]),
    text('tokenizer.ggml.model'), u32(8), text('llama'),
  ]));
  const warned = run(['check', '--json', '--profile', 'llama', 'vocabulary.gguf']);
  assert.deepEqual([warned.status, lines(warned.stdout)[0].findings[0].rule], [0, 'L9'], warned.stdout);
});

test('a set is checked as one from any of its shards', () => {
  const shards = [shard(0, 3, 4, ['a', 'b']), shard(1, 3, 4, ['c']), shard(2, 3, 4, ['d'])];
  const name = no => `m-${String(no + 1).padStart(5, '0')}-of-00003.gguf`;
  shards.forEach((bytes, no) => put(name(no), bytes));
  for (const given of [0, 1, 2]) {
    const { status, stdout } = run(['check', '--json', '--set', name(given)]);
    assert.deepEqual([status, lines(stdout).map(({ file }) => file)], [0, [0, 1, 2].map(name)], stdout);
  }
  assert.equal(lines(run(['check', '--json', '--set', join(folder, name(1))]).stdout)[0].file, join(folder, name(0)));
  // Two that belong together, and are not all: their names lie.
  for (const [no, bytes] of [[1, shards[0]], [2, shards[2]]]) put(`lie-0000${no}-of-00002.gguf`, bytes);
  const lie = run(['check', '--json', '--set', 'lie-00001-of-00002.gguf']);
  const [lead, other] = lines(lie.stdout);
  assert.deepEqual([lie.status, lead.code, lead.path, lead.digests.sha256], [1, 'set', 'metadata[1].value', null]);
  assert.equal(other.verdict, 'admitted');
  // Each of these is sound by itself, and does not belong here.
  for (const [no, other, path] of [
    [0, shard(1, 3, 4, ['a', 'b']), 'metadata[0].value'],
    [1, shard(1, 2, 4, ['c']), 'metadata[1].value'],
    [1, shard(0, 3, 4, ['c']), 'metadata[0].value'],
    [2, shard(2, 3, 5, ['d']), 'metadata[2].value'],
    [2, shard(2, 3, 4, ['d', 'e']), 'metadata[2].value'],
    [2, shard(2, 3, 4, ['a']), 'tensors[0].name'],
  ]) {
    put(name(no), other);
    for (const options of [[], ['--header-only'], ['--blake3']]) {
      const { status, stdout } = run(['check', '--json', '--set', ...options, name(1)]);
      const said = lines(stdout);
      assert.deepEqual([status, said[no].code, said[no].path], [1, 'set', path], stdout);
      assert.equal(said.filter(({ verdict }) => verdict === 'rejected').length, 1, stdout);
    }
    assert.equal(run(['check', name(no)]).status, 0);
    put(name(no), shards[no]);
  }
  // One is missing, or bad by itself.
  put(name(1), 'GGUX');
  assert.equal(run(['check', '--set', name(0)]).status, 1);
  rmSync(join(folder, name(1)));
  assert.equal(run(['check', '--set', name(0)]).status, 3);
  for (const wrong of [['good.gguf'], ['--sha256', HASH, name(0)], ['m-00001-of-00065.gguf']])
    assert.equal(run(['check', '--set', ...wrong]).status, 2, wrong.join(' '));
});
