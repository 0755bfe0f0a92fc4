// v1 and v2, verify and resident, length declared and unknown: the same file gets the same answer, and it is the one
// that was written by hand (cases.json) and read by a parser that shares no code (reports.jsonl).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cases, reports } from './support/corpus.mjs';
import { sha256 } from './support/digest.mjs';
import { fileOf, smallFile } from './support/gguf.mjs';
import { Host, RESIDENT, STATE, STATUS, VERIFY, content } from './support/host.mjs';
import { v1OnlyExports } from './support/modules.mjs';
import { MAX_TRANSFER, V1Host } from './support/v1.mjs';

const CASES = cases();
const ORACLE = reports();

// Their verdicts are written for `verify`. Kept, they are more than a wasm32 memory holds: known as soon as the table
// is read, and told where no declared length has told `truncated` before.
const memory = offset => ({ verdict: 'rejected', code: 'limit', offset, path: 'memory' });
const RESIDENT_UNKNOWN = { extent_of_2_gib: memory(50), extent_to_2_53_less_1: memory(49) };

const ADMITTED = { verdict: 'admitted', code: null, offset: null, path: null };

/** Verdict and content by v2. A declared length of 0 is refused by `begin`. */
function byV2(host, bytes, options) {
  if (options.length === 0) {
    assert.equal(host.exports.begin(0n, options.sink), STATUS.argument);
    return { verdict: { verdict: 'rejected', code: 'argument', offset: null, path: null } };
  }
  const admission = host.admit(bytes, options);
  const verdict = host.verdict(admission);
  const answer = { verdict };
  if (admission.result === STATE.admitted) {
    const report = host.report(admission.handle);
    answer.content = content(report);
    answer.values = report.metadata.map((_, index) => host.metadata(admission.handle, index));
    if (options.sink === RESIDENT) {
      report.tensors.forEach(({ offset, bytes: length }, index) => {
        assert.deepEqual(
          host.tensor(admission.handle, index),
          Uint8Array.from(bytes.subarray(offset, offset + length)),
        );
        assert.equal(
          Number(host.exports.tensor(admission.handle, index) & 0xffffffffn) % (length ? report.gguf.alignment : 1),
          0,
        );
      });
    }
  } else {
    assert.deepEqual(host.report(admission.handle).error, host.lastError());
  }
  host.release(admission.handle);
  return answer;
}

function byV1(host, bytes) {
  const status = bytes.length ? host.load(bytes) : host.exports.load_model(8, 0);
  const { code, offset, path, ...rest } = host.result();
  assert.equal(rest.status, status);
  if (status === 0) {
    const { length, ...shown } = host.diagnostics().model;
    assert.equal(length, bytes.length);
    host.exports.free_model();
    return { verdict: ADMITTED, content: shown };
  }
  if (status !== 3) assert.equal(status, -STATUS[code]);
  assert.equal(host.diagnostics().model, null);
  return { verdict: { verdict: 'rejected', code, offset, path } };
}

test('the corpus is there', () => {
  assert.ok(CASES.length >= 400);
  const admitted = CASES.filter(({ expect }) => expect.verdict === 'admitted').map(({ name }) => name);
  assert.ok(admitted.length >= 50);
  assert.deepEqual([...ORACLE.keys()].sort(), admitted.sort());
});

for (const [name, sink, declared] of [['verify, declared', VERIFY, true], ['verify, unknown', VERIFY, false],
  ['resident, declared', RESIDENT, true], ['resident, unknown', RESIDENT, false]]) {
  test(`v2 ${name}: every corpus file gets the verdict written by hand, and the oracle's report`, () => {
    const host = new Host();
    const wrong = [];
    for (const { name: file, bytes, limits, expect, expect_unknown: unknown, sink: only } of CASES) {
      const answer = byV2(host, bytes, { sink, limits, length: declared ? bytes.length : -1 });
      if (only === 'resident' && sink === VERIFY) continue;
      const kept = sink === RESIDENT && RESIDENT_UNKNOWN[file];
      const expected = { verdict: declared ? expect : kept || unknown };
      if (expected.verdict.verdict === 'admitted') {
        const { report, values } = ORACLE.get(file);
        Object.assign(expected, { content: content(report), values });
      }
      try {
        assert.deepEqual(answer, expected);
      } catch (error) {
        wrong.push(`${file}: ${error.message}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
}

for (const [name, make] of [['the combined module', () => new Host().exports], ['the v1-only module', v1OnlyExports]]) {
  test(`v1 of ${name}: every corpus file gets the answer that v2 gives with the default limits`, () => {
    const v1 = new V1Host(make());
    const host = new Host();
    for (const { name: file, bytes } of CASES) {
      const { verdict, content: shown } = byV2(host, bytes, { sink: RESIDENT, length: bytes.length });
      assert.deepEqual(byV1(v1, bytes), shown ? { verdict, content: shown } : { verdict }, file);
    }
  });
}

test('the texts of v1 and v2 agree byte for byte on gguf, metadata, tensors and digests', () => {
  const host = new Host();
  const v1 = new V1Host(host.exports);
  // Neither text has spaces, and no key or name of these files holds a brace.
  const cut = (text, from, to) => text.slice(text.indexOf(from), to && text.indexOf(to, text.indexOf(from)));
  for (let seed = 1; seed < 6; seed++) {
    const file = smallFile(seed);
    assert.equal(v1.load(file), 0);
    const report = host.reportText(host.model(file));
    const diagnostics = v1.diagnosticsText();
    for (const [from, to] of [
      ['"gguf":', ',"m'],
      ['"metadata":[', '"tensors":['],
      ['"tensors":[', '"digests":'],
      ['"digests":', '}'],
    ]) {
      const shown = cut(report, from, to);
      assert.ok(shown.length > 10);
      assert.equal(cut(diagnostics, from, to), shown);
    }
  }
});

for (const length of [MAX_TRANSFER - 1, MAX_TRANSFER, MAX_TRANSFER + 1]) {
  const verdict = length > MAX_TRANSFER ? 'refuses' : 'admits';
  test(`${length} good bytes: v1 ${verdict} them, v2 too, both read the same`, () => {
    const file = fileOf(length);
    const digest = sha256(file);
    const host = new Host();
    const v1 = new V1Host(host.exports);
    const proof = host.model(file);
    const shown = content(host.report(proof));
    assert.deepEqual(shown.digests, { sha256: digest });
    if (length > MAX_TRANSFER) {
      assert.equal(host.exports.alloc(length), 0);
      // No transfer is that long, even where memory would hold it.
      host.exports.memory.grow(4096);
      assert.equal(host.exports.load_model(1024, length), 3);
      assert.equal(v1.result().code, 'argument');
      assert.equal(v1.diagnostics().model, null);
    } else {
      assert.equal(v1.load(file), 0);
      const { length: whole, ...diagnosed } = v1.diagnostics().model;
      assert.equal(whole, length);
      assert.deepEqual(diagnosed, shown);
      assert.equal(host.exports.free_model(), 0);
    }
    const kept = host.model(file, { sink: RESIDENT, length: -1, digests: 0 });
    const { gguf, tensors } = host.report(kept);
    assert.deepEqual([gguf, tensors], [shown.gguf, shown.tensors]);
    const tensor = host.view(host.exports.tensor(kept, 0));
    assert.equal(Buffer.compare(tensor, file.subarray(file.dataStart)), 0);
  });
}

test('a failed load_model, a failed session and a full house leave the active model', () => {
  const host = new Host();
  const v1 = new V1Host(host.exports);
  const file = fileOf(300_000);
  for (const activate of [() => v1.load(file), () => host.exports.activate(host.model(file, { sink: RESIDENT }))]) {
    activate();
    const active = host.exports.active();
    const digest = sha256(host.tensor(active, 0));
    for (const { bytes } of CASES.filter(
      ({ expect, limits }) => expect.verdict === 'rejected' && !Object.keys(limits).length,
    )) {
      if (bytes.length) assert.notEqual(v1.load(bytes), 0);
      const session = host.admit(bytes, { sink: RESIDENT, length: -1 });
      host.release(session.handle);
    }
    const opened = [];
    for (let handle; (handle = host.exports.begin(-1n, VERIFY)) > 0;) opened.push(handle);
    assert.equal(host.exports.active(), active);
    assert.equal(sha256(host.tensor(active, 0)), digest);
    opened.forEach(handle => host.release(handle));
  }
});
